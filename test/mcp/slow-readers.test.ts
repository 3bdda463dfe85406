import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { Reply, readAccept } from '../../src/protocols/mcp/agents/reply.ts';
import { ManualClock } from '../support/manual-clock.ts';

/** A real connection whose reader reads nothing, and a clock that the test moves. */
async function stalled() {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = request({ host: '127.0.0.1', port, method: 'POST' });
  client.on('response', (answer) => answer.pause());
  client.on('error', () => {});
  client.end();
  const [, response] = (await once(server, 'request')) as [unknown, ServerResponse];
  return {
    response,
    close() {
      client.destroy();
      server.closeAllConnections();
      server.close();
    },
  };
}

const LARGE = 'x'.repeat(32 * 1_048_576);

test('an answer that nobody reads is not kept for ever', async () => {
  const clock = new ManualClock();
  const { response, close } = await stalled();
  const reply = new Reply(response, readAccept('application/json'), clock);
  await reply.end(200, JSON.stringify(LARGE));
  const closed = once(response, 'close');
  await new Promise((resolve) => setTimeout(resolve, 50));
  await clock.advance(59_000);
  assert.equal(response.destroyed, false);
  await clock.advance(61_000);
  await closed;
  close();
});

test('a stream that nobody reads ends its exchange', async () => {
  const clock = new ManualClock();
  const { response, close } = await stalled();
  const reply = new Reply(response, readAccept('text/event-stream'), clock);
  const taken = reply.event(JSON.stringify(LARGE));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(reply.gone.cancelled, false);
  await clock.advance(120_000);
  await taken;
  assert.equal(reply.gone.cancelled, true);
  close();
});

test('what an agent says that it reads decides the form', () => {
  assert.deepEqual(readAccept(undefined), { json: true, stream: true, stream_first: false });
  assert.deepEqual(readAccept('*/*'), { json: true, stream: true, stream_first: false });
  assert.deepEqual(readAccept('application/json, text/event-stream'), {
    json: true,
    stream: true,
    stream_first: false,
  });
  assert.deepEqual(readAccept('text/event-stream, application/json'), { json: true, stream: true, stream_first: true });
  assert.deepEqual(readAccept('application/json'), { json: true, stream: false, stream_first: false });
  assert.deepEqual(readAccept('text/html'), { json: false, stream: false, stream_first: false });
});
