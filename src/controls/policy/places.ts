import type { ParsedPolicy } from './cedar/policy.ts';
import type { PolicyProblem } from './types.ts';

/** A policy with its place in its file. */
export type PolicySource = ParsedPolicy & {
  effect: 'permit' | 'forbid';
  file: string;
  line: number;
  /** Where its text starts in the file, UTF-16 units. */
  offset: number;
  annotations: Readonly<Record<string, string>>;
};

/** cedar-wasm counts UTF-8 bytes, editors and JavaScript UTF-16 units. */
export function unitsOf(text: string, bytes: number): number {
  return Buffer.from(text, 'utf8').toString('utf8', 0, bytes).length;
}

export function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

export function placeIn(starts: readonly number[], offset: number): { line: number; column: number } {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] as number) <= offset) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: offset - (starts[low] as number) + 1 };
}

/** A problem with a policy as a whole, placed at its first line. */
export function problemOf(
  policy: PolicySource,
  message: string,
  help: string | undefined = undefined,
  severity: PolicyProblem['severity'] = 'error',
): PolicyProblem {
  return { severity, file: policy.file, line: policy.line, column: 1, policy: policy.id, message, help };
}
