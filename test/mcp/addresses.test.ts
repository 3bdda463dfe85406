import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { normalisePath, understand } from '../../src/protocols/mcp/agents/meanings.ts';
import { type Normalised, normaliseUri } from '../../src/protocols/mcp/agents/uris.ts';

function textOf(normalised: Normalised): string | undefined {
  return normalised.kind === 'normal' ? normalised.text : undefined;
}

test('addresses that a server would read as one are one text', () => {
  const pairs = [
    ['TEST://Static-Text', 'test://static-text'],
    ['file:///a/%62', 'file:///a/b'],
    ['file://localhost/a//b', 'file:///a/b'],
    ['https://Example.com:443/x', 'https://example.com/x'],
    ['http://example.com:80/x?q=%7e', 'http://example.com/x?q=~'],
    ['notes://a/%c3%bc', 'notes://a/%C3%BC'],
    ['notes://a/ü', 'notes://a/%C3%BC'],
    ['test://template/123/data', 'test://template/123/data'],
    ['urn:isbn:0451450523', 'urn:isbn:0451450523'],
    ['https://user@Example.com/', 'https://user@example.com/'],
  ];
  for (const [given, normal] of pairs) assert.equal(textOf(normaliseUri(given as string)), normal);
});

test('addresses that leave their folder, or hide that they do, are refused', () => {
  const refused = [
    'file:///reports/../secret',
    'file:///reports/%2e%2e/secret',
    'file:///reports/.%2E/secret',
    'file:///reports/..%2fsecret',
    'file:///reports%2fsecret',
    'file:///reports%5c..%5csecret',
    'file:///reports/./a',
    'file:///a%00.txt',
    'file:///a%252e%252e/secret',
    'notes://a/..%2Fsecret',
    'notes:a/../b',
    'file:///a\\..\\b',
    'file:///a b',
    'file:///a\u0000b',
    'file:///a%zz',
    'file:///a%',
    '/etc/passwd',
    'reports/a',
    '',
    '://x',
    `x:${'a'.repeat(9000)}`,
  ];
  for (const uri of refused) assert.equal(textOf(normaliseUri(uri)), undefined, JSON.stringify(uri));
});

test('normalising twice changes nothing', () => {
  fc.assert(
    fc.property(fc.webUrl({ withFragments: true, withQueryParameters: true }), (url) => {
      const once = textOf(normaliseUri(url));
      if (once !== undefined) assert.equal(textOf(normaliseUri(once)), once);
    }),
  );
});

test('paths have one spelling', () => {
  const pairs = [
    ['reports/a.txt', 'reports/a.txt'],
    ['./reports//a.txt', 'reports/a.txt'],
    ['reports/a/', 'reports/a'],
    ['/srv/reports/./a', '/srv/reports/a'],
    ['', '.'],
    ['.', '.'],
    ['/', '/'],
    ['a..b/...', 'a..b/...'],
  ];
  for (const [given, normal] of pairs) assert.equal(textOf(normalisePath(given as string)), normal);
});

test('paths that leave their folder are refused, not resolved', () => {
  const refused = [
    '..',
    '../a',
    'reports/../secret',
    'reports/..',
    '/..',
    'reports\\..\\secret',
    'reports/%2e%2e/secret',
    'reports%2f..%2fsecret',
    'reports/%252e%252e/secret',
    'reports/a\u0000.txt',
    'reports/\u0007',
  ];
  for (const path of refused) assert.equal(textOf(normalisePath(path)), undefined, JSON.stringify(path));
});

test('no spelling of a path below a folder reads as one outside of it', () => {
  const part = fc.constantFrom('a', '.', '..', '', '%2e', '..%2f', '\\', 'b..', '~', ' ');
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
      const text = textOf(normalisePath(`reports/${parts.join('/')}`));
      if (text === undefined) return;
      assert.ok(text === 'reports' || text.startsWith('reports/'), text);
      assert.ok(!/(?:^|\/)\.\.?(?:\/|$)|\/\/|\\|%2[ef]/i.test(text), text);
    }),
  );
});

test('policy and server get the normalised argument, also in lists and objects', () => {
  const meanings = { path: 'path', 'options.folder': 'path', paths: 'path', host: 'host' } as const;
  const args = { path: './a//b', options: { folder: 'x/', other: './' }, paths: ['./a', 'b'], host: 'EXAMPLE.com.' };
  assert.deepEqual(understand(args, meanings), {
    args: { path: 'a/b', options: { folder: 'x', other: './' }, paths: ['a', 'b'], host: 'example.com' },
    problem: undefined,
  });
  assert.deepEqual(args.path, './a//b', 'the original is not changed');
});

test('an argument that means something else than its form allows is refused', () => {
  const cases: [Parameters<typeof understand>[0], RegExp][] = [
    [{ path: 'reports/../x' }, /^path: it leaves its folder/],
    [{ path: 5 }, /^path: a path is text/],
    [{ path: { a: 1 } }, /^path: a path is text/],
    [{ paths: ['a', '../b'] }, /^paths: it leaves/],
    [{ options: 'x' }, /^options.folder: not an object/],
    [{ options: { folder: '..' } }, /^options.folder/],
    [{ other: 'a\0b' }, /^other holds NUL/],
    [{ deep: [{ er: 'a\0b' }] }, /^deep\.0\.er holds NUL/],
    [{ 'a\0': 1 }, /a name holds NUL/],
  ];
  for (const [args, problem] of cases) {
    const found = understand(args, { path: 'path', paths: 'path', 'options.folder': 'path' }).problem;
    assert.match(found ?? '', problem);
  }
});
