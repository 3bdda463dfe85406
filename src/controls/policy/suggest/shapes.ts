import type { RunFacts } from './use.ts';

/** What is learnt of one argument. Each shape has a Cedar form, an English one, and says itself whether a value fits it. */
export type Scalar = string | number | boolean;

/** Literal parts with a wildcard between each two: `['a/', '.csv']` is `a/*.csv`, `['a']` is exactly `a`. */
export type Pattern = readonly string[];

export type RunAttribute = 'id' | 'job' | 'opened_by' | 'purpose' | 'subject.name' | 'subject.id';

export type Shape =
  | { kind: 'one-of'; values: readonly Scalar[] }
  /** One of the patterns, and none of the `without`. */
  | { kind: 'like'; patterns: readonly Pattern[]; without: readonly Pattern[] }
  | { kind: 'range'; low: number | undefined; high: number | undefined }
  /** A set whose members are all among these. */
  | { kind: 'members'; values: readonly Scalar[] }
  | { kind: 'same-as'; attribute: RunAttribute };

export type Value = Scalar | readonly Scalar[];

export function fits(shape: Shape, value: Value, run: RunFacts): boolean {
  switch (shape.kind) {
    case 'one-of':
      return shape.values.includes(value as Scalar);
    case 'members':
      return Array.isArray(value) && value.every((member) => shape.values.includes(member));
    case 'range':
      return (
        typeof value === 'number' &&
        (shape.low === undefined || value >= shape.low) &&
        (shape.high === undefined || value <= shape.high)
      );
    case 'same-as':
      return value === attributeOf(run, shape.attribute);
    case 'like':
      return (
        typeof value === 'string' &&
        shape.patterns.some((pattern) => isLike(value, pattern)) &&
        !shape.without.some((pattern) => isLike(value, pattern))
      );
  }
}

export function attributeOf(run: RunFacts, attribute: RunAttribute): string | undefined {
  if (attribute === 'subject.name') return run.subject?.name;
  if (attribute === 'subject.id') return run.subject?.id;
  return run[attribute] ?? undefined;
}

/** Cedar's `like`, over literal parts. */
export function isLike(text: string, parts: Pattern): boolean {
  const [head = ''] = parts;
  if (parts.length === 1) return text === head;
  const tail = parts.at(-1) ?? '';
  if (text.length < head.length + tail.length || !text.startsWith(head) || !text.endsWith(tail)) return false;
  let at = head.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > text.length - tail.length) return false;
    at = found + part.length;
  }
  return true;
}
