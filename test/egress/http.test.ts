import assert from 'node:assert/strict';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { type HttpOrigin, type HttpRequest, openEgress } from '../../src/enforcement/index.ts';
import { systemClock } from '../support/clock.ts';

const egress = openEgress({ clock: systemClock, environment: {} });
const bodies: string[] = [];
const pages: Record<string, (response: ServerResponse) => void> = {
  ok: (response) => response.end('hello'),
  moved: (response) => response.writeHead(307, { location: '/mcp?elsewhere' }).end(),
  silent: () => {},
  stalls: (response) => void response.writeHead(200).write('half'),
  breaks: (response) => {
    response.writeHead(200).write('half');
    setTimeout(() => response.destroy(), 30);
  },
};
let requests = 0;
const server = createServer((request, response) => {
  requests += 1;
  let body = '';
  request.on('data', (part) => {
    body += part;
  });
  request.on('end', () => {
    bodies.push(body);
    pages[body]?.(response);
  });
});
let origin: HttpOrigin;

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = egress.http({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp` });
});
after(async () => {
  await egress.close();
  server.closeAllConnections();
  server.close();
});

const post = (body: string, more: Partial<HttpRequest> = {}): HttpRequest => ({
  method: 'POST',
  headers: ['content-type', 'text/plain'],
  body: Buffer.from(body),
  head_ms_max: 2_000,
  silence_ms_max: 2_000,
  ...more,
});

function send(
  request: HttpRequest,
  through = origin,
): Promise<{ status: number; text: string; failed?: string; sent?: boolean }> {
  return new Promise((resolve) => {
    let status = 0;
    let text = '';
    through.send(request, {
      head: (code) => {
        status = code;
      },
      data: (part) => {
        text += part.toString();
      },
      end: () => resolve({ status, text }),
      failed: ({ reason, timed_out, sent }) => resolve({ status, text, failed: timed_out ? 'time' : reason, sent }),
    });
  });
}

test('an answer is read', async () => {
  assert.deepEqual(await send(post('ok')), { status: 200, text: 'hello' });
});

test('a redirect is not followed', async () => {
  const before = requests;
  assert.equal((await send(post('moved'))).status, 307);
  assert.equal(requests, before + 1);
});

test('silence before and within an answer is bounded', async () => {
  assert.equal((await send(post('silent', { head_ms_max: 100 }))).failed, 'time');
  assert.equal((await send(post('stalls', { silence_ms_max: 100 }))).failed, 'time');
});

test('a broken answer is a failure of a request that was sent', async () => {
  const { failed, sent } = await send(post('breaks'));
  assert.ok(failed !== undefined && failed !== 'time');
  assert.equal(sent, true);
});

test('a refused connection is a failure of a request that was not sent', async () => {
  const nobody = egress.http({ url: 'http://127.0.0.1:1/mcp' });
  const { failed, sent } = await send(post('ok'), nobody);
  assert.match(failed ?? '', /ECONNREFUSED/);
  assert.equal(sent, false);
});

test('a header that would break the head is not written', async () => {
  const { failed, sent } = await send(post('ok', { headers: ['mcp-name', 'a\r\nx: y'] }));
  assert.ok(failed !== undefined);
  assert.equal(sent, false);
});

test('after abort nothing is called', async () => {
  let called = 0;
  const count = () => {
    called += 1;
  };
  const call = origin.send(post('stalls'), { head: count, data: count, end: count, failed: count });
  await new Promise((resolve) => setTimeout(resolve, 100));
  const before = called;
  call.abort();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(called, before);
});
