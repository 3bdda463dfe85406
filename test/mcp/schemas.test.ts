import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openSchemas } from '../../src/protocols/mcp/agents/schemas.ts';

const schemas = openSchemas();

test('arguments are held to JSON Schema 2020-12', () => {
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'https://example.com/tool',
    type: 'object',
    $defs: { city: { $anchor: 'city', type: 'string', minLength: 2 } },
    properties: { city: { $ref: '#city' }, size: { enum: ['s', 'l'] } },
    required: ['city'],
    dependentRequired: { size: ['city'] },
    unevaluatedProperties: false,
  };
  assert.equal(schemas.problem(schema, { city: 'Rome', size: 's' }), undefined);
  for (const args of [{}, { city: 'R' }, { city: 5 }, { city: 'Rome', size: 'm' }, { city: 'Rome', other: 1 }]) {
    assert.equal(typeof schemas.problem(schema, args as never), 'string', JSON.stringify(args));
  }
});

test('and to draft 7 where the schema says so', () => {
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    type: 'object',
    definitions: { pair: { type: 'array', items: [{ type: 'string' }, { type: 'number' }], additionalItems: false } },
    properties: { pair: { $ref: '#/definitions/pair' } },
  };
  assert.equal(schemas.problem(schema, { pair: ['a', 1] }), undefined);
  assert.match(schemas.problem(schema, { pair: [1, 'a'] }) ?? '', /pair/);
});

test('nothing is filled in, coerced or taken away: what was decided is what is sent', () => {
  const args = { n: '5', extra: true };
  const schema = { type: 'object', properties: { n: { type: 'number', default: 1 }, m: { default: 2 } } };
  assert.match(schemas.problem(schema, args) ?? '', /n must be number/);
  assert.deepEqual(args, { n: '5', extra: true });
});

test('unknown formats and words are claims, not rules', () => {
  const schema = { type: 'object', 'x-mcp-header': 'A', properties: { m: { type: 'string', format: 'email' } } };
  assert.equal(schemas.problem(schema, { m: 'not an address' }), undefined);
});

test('a schema that cannot be used fits nothing', () => {
  const unusable = [
    { type: 'objekt' },
    { $ref: 'https://example.com/elsewhere.json' },
    { $ref: '#/$defs/missing' },
    { type: 'object', properties: { a: { pattern: '(' } } },
    { description: 'x'.repeat(300_000) },
  ];
  for (const schema of unusable) assert.match(schemas.problem(schema, {}) ?? '', /its schema/);
});

test('a pattern and a text made for each other do not stop the gateway', () => {
  const from = performance.now();
  const text = `${'a'.repeat(40)}!`;
  for (const pattern of ['^(a+)+$', '^(?=(a+)+$)', '^(a+)+\\p{L}$', '^((a+)+)\\1$']) {
    schemas.problem({ type: 'object', properties: { a: { type: 'string', pattern } } }, { a: text });
  }
  assert.ok(performance.now() - from < 1_000);
});

test('plain patterns are held to', () => {
  const schema = { type: 'object', properties: { a: { type: 'string', pattern: '^[a-z]{2,4}$' } } };
  assert.equal(schemas.problem(schema, { a: 'abc' }), undefined);
  assert.match(schemas.problem(schema, { a: 'abcde' }) ?? '', /a must match pattern/);
});
