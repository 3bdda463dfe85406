import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  checkMirroredFields,
  checkStandardFields,
  decodeField,
  encodeField,
  mirroredFields,
  readFields,
} from '../../src/protocols/mcp/agents/headers.ts';
import { META, MODERN } from '../../src/protocols/mcp/agents/wire.ts';

const PARAMS = { name: 'read', _meta: { [META.version]: MODERN, [META.capabilities]: {} } };
const SCHEMA = {
  type: 'object',
  properties: {
    region: { type: 'string', 'x-mcp-header': 'Region' },
    count: { type: 'integer', 'x-mcp-header': 'Count' },
    dry: { type: 'boolean', 'x-mcp-header': 'Dry' },
    inner: { type: 'object', properties: { zone: { type: 'string', 'x-mcp-header': 'Zone' } } },
    list: { type: 'array', items: { type: 'string', 'x-mcp-header': 'Never' } },
    odd: { type: 'array', 'x-mcp-header': 'Odd' },
  },
};

function fieldsOf(headers: [string, string][]) {
  return readFields(headers.flat());
}

const GOOD: [string, string][] = [
  ['MCP-Protocol-Version', MODERN],
  ['mcp-method', 'tools/call'],
  ['Mcp-Name', 'read'],
];

test('headers that repeat the body pass, whatever the case of their names', () => {
  assert.equal(checkStandardFields(fieldsOf(GOOD), 'tools/call', PARAMS), undefined);
});

test('a header that is missing, differs, or came twice is a mismatch', () => {
  const variants: [string, string][][] = [
    GOOD.filter(([name]) => name !== 'mcp-method'),
    GOOD.filter(([name]) => name !== 'Mcp-Name'),
    GOOD.filter(([name]) => name !== 'MCP-Protocol-Version'),
    GOOD.map(([name, value]) => [name, name === 'mcp-method' ? 'TOOLS/CALL' : value]),
    GOOD.map(([name, value]) => [name, name === 'Mcp-Name' ? 'Read' : value]),
    GOOD.map(([name, value]) => [name, name === 'Mcp-Name' ? '=?base64?cmVhZA?=' : value]),
    [...GOOD, ['Mcp-Name', 'read']],
    [...GOOD, ['Mcp-Method', 'tools/list']],
  ];
  for (const headers of variants) {
    assert.equal(checkStandardFields(fieldsOf(headers), 'tools/call', PARAMS)?.code, 'header_mismatch');
  }
});

test('the base64 form stands for its value, in exactly one spelling', () => {
  const good: [string, string][] = [
    ['=?base64?SGVsbG8=?=', 'Hello'],
    ['=?base64??=', ''],
    ['=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=', '=?base64?literal?='],
    ['=?BASE64?SGVsbG8=?=', '=?BASE64?SGVsbG8=?='],
    ['=?base64?SGVsbG8=', '=?base64?SGVsbG8='],
    ['SGVsbG8=', 'SGVsbG8='],
  ];
  for (const [field, value] of good) assert.equal(decodeField(field), value);
  const bad = [
    '=?base64?SGVsbG8?=',
    '=?base64?SGVs!!!bG8=?=',
    '=?base64?SGVsbG9=?=',
    '=?base64?_w==?=',
    '=?base64?/w==?=',
    'ü',
  ];
  for (const field of bad) assert.equal(decodeField(field), undefined, field);
});

test('what is encoded decodes to the same', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (value) => {
      const field = encodeField(value);
      assert.match(field, /^[\t\x20-\x7e]*$/);
      assert.equal(decodeField(field), value);
    }),
  );
});

const ARGS = { region: 'eu', count: 42, dry: true, inner: { zone: 'a' } };
const MIRRORED: [string, string][] = [
  ['Mcp-Param-Region', 'eu'],
  ['mcp-param-count', '42.0'],
  ['Mcp-Param-Dry', 'true'],
  ['Mcp-Param-Zone', '=?base64?YQ==?='],
  ['Mcp-Param-Unknown', 'passed on'],
];

test('arguments are compared as the schema says: text exactly, integers by value', () => {
  assert.equal(checkMirroredFields(fieldsOf(MIRRORED), SCHEMA, ARGS), undefined);
  assert.equal(checkMirroredFields(fieldsOf([]), SCHEMA, { region: null }), undefined);
});

test('an argument whose header is missing, differs, or should not be there is a mismatch', () => {
  const variants: [[string, string][], object][] = [
    [MIRRORED.slice(1), ARGS],
    [MIRRORED, { ...ARGS, region: 'us' }],
    [MIRRORED, { ...ARGS, count: 43 }],
    [MIRRORED, { ...ARGS, dry: false }],
    [MIRRORED, { ...ARGS, inner: {} }],
    [MIRRORED, { ...ARGS, inner: null }],
    [[['Mcp-Param-Region', 'eu']], { region: null }],
    [[['Mcp-Param-Count', '0x2a']], { count: 42 }],
    [
      [
        ['Mcp-Param-Region', 'eu'],
        ['Mcp-Param-Region', 'eu'],
      ],
      { region: 'eu' },
    ],
  ];
  for (const [headers, args] of variants) {
    const refusal = checkMirroredFields(fieldsOf(headers), SCHEMA, args as typeof ARGS);
    assert.equal(refusal?.code, 'header_mismatch', JSON.stringify([headers, args]));
  }
});

test('upstream gets what the body says, and headers that nobody here knows', () => {
  const sent = mirroredFields(
    fieldsOf([
      ['Mcp-Param-Unknown', 'x'],
      ['Mcp-Param-Region', 'old'],
    ]),
    SCHEMA,
    {
      region: 'größer',
      count: 7,
    },
  );
  assert.deepEqual(sent, {
    'mcp-param-unknown': 'x',
    'mcp-param-region': '=?base64?Z3LDtsOfZXI=?=',
    'mcp-param-count': '7',
  });
});

test('repeated credentials are not silently reduced to the first', () => {
  const fields = fieldsOf([
    ['Authorization', 'Bearer a'],
    ['authorization', 'Bearer b'],
    ['DPoP', 'x'],
    ['dpop', 'y'],
  ]);
  assert.equal(fields.authorization, 'Bearer a, Bearer b');
  assert.deepEqual(fields.proofs, ['x', 'y']);
});
