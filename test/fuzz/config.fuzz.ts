import { configJsonSchema, describeProblem, parseConfig } from '../../src/config/index.ts';
import { fuzz } from './harness.ts';

/** The configuration's parser: whatever a file holds, it is a configuration or a list of problems, soon. */
const KEYS = [...new Set(configJsonSchema().match(/"[a-z_]{3,40}"(?=:)/g) ?? [])].map((key) => key.slice(1, -1));
const VALUES = [
  '1',
  '-1',
  '1e999',
  'null',
  '""',
  '"\\u0000"',
  '[]',
  '{}',
  '*a',
  '&a [1]',
  'env:X',
  'file:/nonexistent',
  '127.0.0.1:1',
  'https://x',
  '!!binary aGk=',
  '!!set {a}',
  '<<',
  '? x',
  '|',
  '>-',
  '\t',
  '\u2028',
  '\ud800',
  '9'.repeat(400),
  "'",
  '"',
  '%YAML 1.1',
  '---',
  '...',
];

await fuzz('config', 500, ({ pick, integer, bytes }) => {
  const lines: string[] = [];
  for (let count = integer(12); count >= 0; count -= 1) {
    const indent = ' '.repeat(integer(4) * 2);
    const key = integer(8) === 0 ? bytes(12).toString('latin1') : pick(KEYS);
    lines.push(integer(6) === 0 ? bytes(40).toString('utf8') : `${indent}${key}: ${pick(VALUES)}`);
  }
  const result = parseConfig(lines.join('\n'), 'fuzz.yaml', {});
  if (result.kind === 'loaded') return;
  if (result.problems.length === 0) throw new Error('refused without saying why');
  for (const problem of result.problems) {
    if (!describeProblem(problem).startsWith('fuzz.yaml')) throw new Error('a problem without its place');
  }
});
