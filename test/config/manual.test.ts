import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { configJsonSchema, configManual, parseConfig } from '../../src/config/index.ts';

type SchemaNode = { description?: string; properties?: object; additionalProperties?: unknown; items?: SchemaNode };

const schema = JSON.parse(configJsonSchema());

test('every key is explained', () => {
  const unexplained: string[] = [];
  const walk = (path: string, node: SchemaNode): void => {
    if (path !== '' && !/<name>$|\[\]$/.test(path) && node.description === undefined) unexplained.push(path);
    for (const [key, child] of Object.entries(node.properties ?? {})) walk(`${path}.${key}`, child);
    if (typeof node.additionalProperties === 'object') walk(`${path}.<name>`, node.additionalProperties as SchemaNode);
    if (node.items !== undefined && 'properties' in node.items) walk(`${path}[]`, node.items);
  };
  walk('', schema);
  assert.deepEqual(unexplained, []);
});

test('the manual names every section and the default of every bound', () => {
  const manual = configManual();
  for (const section of Object.keys(schema.properties)) assert.match(manual, new RegExp(`^## ${section}$`, 'm'));
  assert.match(manual, /`limits\.body_bytes_max` \| a whole number from 1024 to 104857600 \| `4194304`/);
});

test('an editor’s schema and the gateway agree on what is good', () => {
  const validate = new Ajv2020({ strict: false, formats: { uri: true } }).compile(schema);
  for (const [written, good] of [
    [{}, true],
    [{ limits: { stage_ms_max: 300 } }, true],
    [{ limits: { stage_ms_max: 300_000 } }, false],
    [{ nothing: 1 }, false],
    [{ agents: { a: { owner: 'o', jobs: ['x'] } } }, true],
    [{ agents: { a: { jobs: ['x'] } } }, false],
  ] as const) {
    assert.equal(validate(written), good, JSON.stringify(written));
    assert.equal(parseConfig(JSON.stringify(written), 'f', {}).kind === 'loaded', good);
  }
});
