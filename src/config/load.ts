import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import canonicalize from 'canonicalize';
import { type Document, isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { environment } from './environment.ts';
import { explainIssue } from './explain.ts';
import { type ConfigProblem, describeFound } from './problem.ts';
import { configSchema, type Settings } from './schema.ts';
import { surroundingsOf } from './surroundings.ts';

/** What the gateway runs on. `digest` names it in receipts; secrets enter it as references only. */
export type Config = Settings & {
  /** The file it came from, absolute. */
  file: string;
  folder: string;
  /** SHA-256 of the file's meaning (canonical JSON, comments and order aside), hex. */
  digest: string;
};

export type ConfigResult = { kind: 'loaded'; config: Config } | { kind: 'invalid'; problems: readonly ConfigProblem[] };

const FILE_BYTES_MAX = 1_048_576;
const PROBLEMS_MAX = 20;

/** Reads and checks a configuration file. Nothing is applied, opened or started. */
export function loadConfig(file: string, variables = environment()): ConfigResult {
  const text = readText(file);
  return typeof text === 'string' ? parseConfig(text, file, variables) : { kind: 'invalid', problems: [text] };
}

function readText(file: string): string | ConfigProblem {
  const whole = { file, line: 0, column: 0, path: '' };
  try {
    const { size } = statSync(file);
    if (size <= FILE_BYTES_MAX) return readFileSync(file, 'utf8');
    return { ...whole, expected: `a file of at most ${FILE_BYTES_MAX} bytes`, found: `${size} bytes` };
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const found = missing ? 'nothing there' : `an error (${(error as NodeJS.ErrnoException).code ?? 'unreadable'})`;
    return {
      ...whole,
      expected: 'a configuration file',
      found,
      ...(missing ? { hint: 'Type: sallyport up, which writes one' } : {}),
    };
  }
}

/** The same for text that is already there, such as an editor's or a fuzzer's. Never throws. */
export function parseConfig(text: string, file: string, variables = environment()): ConfigResult {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    version: '1.2',
    merge: false,
    stringKeys: true,
  });
  const broken = [...syntaxProblems(document, lines, text, file), ...shapeProblems(document, file)];
  if (broken.length > 0) return { kind: 'invalid', problems: broken };
  let written: unknown;
  try {
    written = document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch {
    return invalid(file, 'few aliases', 'aliases that unfold without end');
  }
  const odd = oddText(written);
  if (odd !== undefined) return invalid(file, 'keys and text that every reader reads alike', odd);
  const result = configSchema(surroundingsOf(file, variables)).safeParse(written);
  if (!result.success) {
    const issues = withoutEchoes(result.error.issues);
    const problems = issues.flatMap((issue) => explainIssue(issue, { document, lines, file, written }));
    return { kind: 'invalid', problems: problems.slice(0, PROBLEMS_MAX) };
  }
  const absolute = resolve(file);
  const digest = createHash('sha256')
    .update(canonicalize(written) ?? '')
    .digest('hex');
  return { kind: 'loaded', config: { ...result.data, file: absolute, folder: dirname(absolute), digest } };
}

function invalid(file: string, expected: string, found: string): ConfigResult {
  return { kind: 'invalid', problems: [{ file, line: 1, column: 1, path: '', expected, found }] };
}

/** A misspelt `command` is one fault, not also a missing `command`. */
function withoutEchoes(issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssue[] {
  const misspelt = new Set(issues.filter(({ code }) => code === 'unrecognized_keys').map(({ path }) => path.join('.')));
  return issues.filter(({ code, path }) => code !== 'custom' || !misspelt.has(path.join('.')));
}

/** What YAML can write and others stumble over: half of a surrogate pair as an escape, and a key that names a prototype. */
function oddText(value: unknown): string | undefined {
  if (typeof value === 'string') return value.isWellFormed() ? undefined : 'half of a surrogate pair';
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, child] of Object.entries(value)) {
    const odd = key === '__proto__' ? 'the key __proto__' : (oddText(key) ?? oddText(child));
    if (odd !== undefined) return odd;
  }
  return undefined;
}

function syntaxProblems(document: Document.Parsed, lines: LineCounter, text: string, file: string): ConfigProblem[] {
  return [...document.errors, ...document.warnings].slice(0, PROBLEMS_MAX).map((error) => {
    const { line, col } = lines.linePos(error.pos[0]);
    const found = describeFound(
      text.slice(error.pos[0], error.pos[0] + 24).split('\n')[0],
      /env|headers|url/.test(text.split('\n')[line - 1] ?? ''),
    );
    return {
      file,
      line,
      column: col,
      path: '',
      expected: `YAML (${error.message.split('\n')[0] ?? error.code})`,
      found,
    };
  });
}

/** An empty file is a configuration: everything has a default. */
function shapeProblems({ contents, errors }: Document.Parsed, file: string): ConfigProblem[] {
  if (errors.length > 0 || contents === null || isMap(contents)) return [];
  if (isScalar(contents) && contents.value === null) return [];
  const hint = 'The file begins with keys such as listen: or upstreams:';
  return [{ file, line: 1, column: 1, path: '', expected: 'a map', found: 'something else', hint }];
}
