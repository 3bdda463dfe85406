import { type Document, isMap, isNode, isPair, isScalar, type LineCounter, type Node } from 'yaml';
import type { z } from 'zod';
import { nearest } from '../core/nearest.ts';
import { describeNode, jsonSchema, nodeAt, type SchemaNode } from './fields.ts';
import { type ConfigProblem, describeFound } from './problem.ts';

type Written = { document: Document.Parsed; lines: LineCounter; file: string; written: unknown };
type Issue = z.core.$ZodIssue;

let known: SchemaNode | undefined;

/** Puts an issue of the schema into the words and the place of the file. */
export function explainIssue(issue: Issue, where: Written): ConfigProblem[] {
  known ??= jsonSchema();
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(key, issue.path, where, known!));
  const value = valueAt(where.written, issue.path);
  const key = issue.code === 'invalid_key';
  return [
    {
      ...placeOf(issue.path, where, key),
      path: pathText(issue.path),
      expected: expectedBy(issue, nodeAt(known, issue.path)),
      found: key ? describeFound(String(issue.path.at(-1)), false) : describeFound(value, holdsSecret(issue.path)),
    },
  ];
}

function unknownKey(key: string, path: readonly PropertyKey[], where: Written, schema: SchemaNode): ConfigProblem {
  const names = Object.keys(nodeAt(schema, path)?.properties ?? {});
  const meant = nearest(key, names);
  const hint = meant === undefined ? `Known here: ${names.join(', ')}` : `Did you mean ${meant}?`;
  const full = [...path, key];
  return {
    ...placeOf(full, where, true),
    path: pathText(full),
    expected: 'a known key',
    found: describeFound(key, false),
    hint,
  };
}

function expectedBy(issue: Issue, node: SchemaNode | undefined): string {
  switch (issue.code) {
    case 'custom':
    case 'invalid_format':
      return issue.message.startsWith('Invalid') ? (node?.pattern ?? 'another form') : issue.message;
    case 'invalid_key':
      return issue.issues[0]?.message ?? 'another name';
    case 'invalid_value':
      return issue.values.map(String).join(' or ');
    default:
      return node === undefined ? issue.message : describeNode(node);
  }
}

function holdsSecret(path: readonly PropertyKey[]): boolean {
  return path.includes('env') || path.includes('headers') || path.at(-1) === 'url' || path.at(-1) === 'client_secret';
}

function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '');
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value;
  for (const key of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined;
    at = (at as Record<PropertyKey, unknown>)[key];
  }
  return at;
}

/** Line and column of the value, of its key where the value is long or the key is the fault, else of the nearest parent. */
function placeOf(path: readonly PropertyKey[], { document, lines, file }: Written, key: boolean) {
  for (let length = path.length; length > 0; length -= 1) {
    const pair = pairAt(document, path.slice(0, length));
    if (pair === undefined) continue;
    const short = isScalar(pair.value) && !key && length === path.length;
    const node = short ? pair.value : pair.key;
    const offset = node?.range?.[0];
    if (offset === undefined) continue;
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  }
  return { file, line: 1, column: 1 };
}

function pairAt(document: Document.Parsed, path: readonly PropertyKey[]): { key: Node; value: Node } | undefined {
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const last = path.at(-1);
  if (!isMap(parent)) {
    const item = document.getIn(path, true);
    return isNode(item) ? { key: item, value: item } : undefined;
  }
  for (const pair of parent.items) {
    if (isPair(pair) && isScalar(pair.key) && String(pair.key.value) === String(last)) {
      return { key: pair.key, value: isNode(pair.value) ? pair.value : pair.key };
    }
  }
  return undefined;
}
