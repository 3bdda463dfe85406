import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importsOf, withoutComments } from './tidy/source.ts';

/** The tidy test is only as good as its reading of imports: each form that could slip by. */
const read = (code: string) =>
  importsOf(withoutComments(code)).map(({ specifier, names, typeOnly, lazy }) => ({
    specifier,
    names: names.join(),
    typeOnly,
    lazy,
  }));

test('every form of import and re-export is seen', () => {
  const forms: [code: string, specifier: string][] = [
    [`import a from './a.ts';`, './a.ts'],
    [`import { a } from './a.ts';`, './a.ts'],
    [`import a, { b as c } from './a.ts';`, './a.ts'],
    [`import * as a from './a.ts';`, './a.ts'],
    [`import './a.ts';`, './a.ts'],
    [`import {\n  a,\n  type B,\n} from './a.ts';`, './a.ts'],
    [`export { a } from './a.ts';`, './a.ts'],
    [`export * from './a.ts';`, './a.ts'],
    [`export type { A } from './a.ts';`, './a.ts'],
    [`const a = await import('./a.ts');`, './a.ts'],
    [`import{a}from"./a.ts";`, './a.ts'],
  ];
  for (const [code, specifier] of forms)
    assert.deepEqual(
      read(code).map((found) => found.specifier),
      [specifier],
      code,
    );
});

test('types and lazy imports are told apart from values', () => {
  assert.equal(read(`import type { A } from './a.ts';`)[0]?.typeOnly, true);
  assert.equal(read(`import { type A, type B } from './a.ts';`)[0]?.typeOnly, true);
  assert.equal(read(`import { type A, b } from './a.ts';`)[0]?.typeOnly, false);
  assert.equal(read(`void import('./a.ts');`)[0]?.lazy, true);
});

test('comments are no code, and what looks like a comment in a string or a pattern is', () => {
  assert.deepEqual(read(`// import a from './a.ts';\n/* import './b.ts'; */`), []);
  const address = withoutComments(
    `const a = 'https://x'; // gone\nconst b = \`http://\${a}\`;\nconst c = /\\/\\*/;\nfetch(c)`,
  );
  assert.ok(address.includes(`'https://x'`));
  assert.ok(!address.includes('gone'));
  assert.ok(address.includes('fetch(c)'));
});
