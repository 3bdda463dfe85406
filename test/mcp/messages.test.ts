import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readMessage } from '../../src/protocols/mcp/agents/message.ts';

function read(text: string | Uint8Array) {
  return readMessage(typeof text === 'string' ? Buffer.from(text, 'utf8') : text);
}

test('the three kinds of message', () => {
  assert.deepEqual(read('{"jsonrpc":"2.0","id":"a","method":"ping"}'), {
    kind: 'request',
    id: 'a',
    method: 'ping',
    params: {},
  });
  assert.equal(read('{"jsonrpc":"2.0","method":"notifications/initialized"}').kind, 'notification');
  assert.equal(read('{"jsonrpc":"2.0","id":7,"result":{}}').kind, 'response');
  assert.equal(read('{"jsonrpc":"2.0","id":7,"error":{"code":-1,"message":"no"}}').kind, 'response');
});

const NOT_CANONICAL = [
  '',
  '{',
  '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}',
  '{"jsonrpc":"2.0","id":1,"method":"ping"} {}',
  '{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}',
  '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"n":1e400}}',
  '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"__proto__":{}}}',
  '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":"\\ud800"}}',
  `{"jsonrpc":"2.0","id":1,"method":"ping","params":${'{"a":'.repeat(80)}1${'}'.repeat(80)}}`,
  '\ufeff{"jsonrpc":"2.0","id":1,"method":"ping"}',
];

test('text that two readers could read differently is refused', () => {
  for (const text of NOT_CANONICAL) {
    const message = read(text);
    assert.ok(message.kind === 'unreadable' && message.refusal.code === 'request_not_canonical', text);
  }
  const message = read(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]));
  assert.ok(message.kind === 'unreadable' && message.refusal.code === 'request_not_canonical');
});

const MALFORMED = [
  '[]',
  '[{"jsonrpc":"2.0","id":1,"method":"ping"}]',
  'null',
  '"text"',
  '{}',
  '{"jsonrpc":"1.0","id":1,"method":"ping"}',
  '{"id":1,"method":"ping"}',
  '{"jsonrpc":"2.0","id":null,"method":"ping"}',
  '{"jsonrpc":"2.0","id":1.5,"method":"ping"}',
  '{"jsonrpc":"2.0","id":{},"method":"ping"}',
  `{"jsonrpc":"2.0","id":"${'a'.repeat(257)}","method":"ping"}`,
  '{"jsonrpc":"2.0","id":1,"method":5}',
  '{"jsonrpc":"2.0","id":1,"method":""}',
  '{"jsonrpc":"2.0","id":1,"method":"a b"}',
  '{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}',
  '{"jsonrpc":"2.0","id":1,"method":"ping","params":null,"result":{}}',
  '{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}',
  '{"jsonrpc":"2.0","id":1}',
  '{"jsonrpc":"2.0","id":1,"result":5}',
  '{"jsonrpc":"2.0","id":1,"error":{"message":"x"}}',
  '{"jsonrpc":"2.0","result":{}}',
];

test('JSON that is no single JSON-RPC message is refused, batches among it', () => {
  for (const text of MALFORMED) {
    const message = read(text);
    assert.ok(message.kind === 'unreadable' && message.refusal.code === 'request_malformed', text);
  }
});

test('what can be read of the id is kept for the answer', () => {
  const message = read('{"jsonrpc":"2.0","id":"me","method":"ping","params":[]}');
  assert.ok(message.kind === 'unreadable' && message.id === 'me');
});
