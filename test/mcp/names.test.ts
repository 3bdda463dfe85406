import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { plainNames, prefixedNames } from '../../src/protocols/mcp/agents/names.ts';

const SERVERS = ['docs', 'docs-2', 'a', 'a-b'];
const naming = prefixedNames(SERVERS);
const anyName = fc.string({ minLength: 1, unit: fc.constantFrom('_', '-', 'a', 'docs', '/', '.', 'ü', ':') });

test('every name has one reading: what is prefixed comes back', () => {
  fc.assert(
    fc.property(fc.constantFrom(...SERVERS), anyName, (server, name) => {
      assert.deepEqual(naming.splitTool(naming.tool(server, name)), { server, name });
      assert.deepEqual(naming.splitUri(naming.uri(server, name)), { server, uri: name });
    }),
  );
});

test('two servers never share a name, however they call their tools', () => {
  fc.assert(
    fc.property(fc.constantFrom(...SERVERS), fc.constantFrom(...SERVERS), anyName, anyName, (a, b, one, other) => {
      const same = naming.tool(a, one) === naming.tool(b, other);
      assert.equal(same, a === b && one === other);
    }),
  );
});

test('a name of no configured server is none', () => {
  for (const name of ['', '__', 'docs', '__read', 'other__read', 'Docs__read', 'docs_read', 'docs__read'.slice(1)]) {
    assert.equal(naming.splitTool(name), undefined, name);
  }
  for (const uri of ['file:///a', 'sallyport://other/file:///a', 'sallyport:///file:///a', 'SALLYPORT://docs/x']) {
    assert.equal(naming.splitUri(uri), undefined, uri);
  }
});

test('for one server alone, names stay as they are', () => {
  const plain = plainNames('docs');
  assert.equal(plain.tool('docs', 'other__read'), 'other__read');
  assert.deepEqual(plain.splitTool('other__read'), { server: 'docs', name: 'other__read' });
});
