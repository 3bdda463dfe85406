import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { buildConnector } from 'undici';
import { isRefusal } from '../../src/core/refusal.ts';
import { type Egress, type Network, openEgress } from '../../src/enforcement/index.ts';
import { systemClock } from '../support/clock.ts';

const PUBLIC = '93.184.216.34';
const file = (name: string) => readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url));
const ca = file('certificate.pem');

const pages: Record<string, (response: ServerResponse) => void> = {
  '/keys': (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"keys":[]}'),
  '/moved': (response) => response.writeHead(302, { location: 'https://learned.example/keys' }).end(),
  '/long': (response) => void response.writeHead(200).end(Buffer.alloc(70_000)),
  '/packed': (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(Buffer.alloc(100)),
  '/silent': () => {},
  '/slow': (response) => {
    response.writeHead(200);
    const timer = setInterval(() => response.write('.'), 20);
    response.on('close', () => clearInterval(timer));
  },
};
const server = createServer({ key: file('key.pem'), cert: ca }, (request, response) => {
  asked.push(request.headers.host ?? '');
  (pages[request.url ?? ''] ?? ((missing: ServerResponse) => missing.writeHead(404).end()))(response);
});
const asked: string[] = [];
const dialled: string[] = [];
let egress: Egress;
let resolved: string[] = [PUBLIC];

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const connect = buildConnector({ ca });
  // What the gateway dials is kept; the packets go to the server of this test.
  const network: Network = {
    resolve: async () => resolved,
    connect: (options, callback) => {
      dialled.push(options.hostname);
      connect({ ...options, hostname: '127.0.0.1', port: String(port) }, callback);
    },
  };
  egress = openEgress({ clock: systemClock, environment: {}, network });
});

after(async () => {
  await egress.close();
  server.closeAllConnections();
  server.close();
});

async function codeOf(url: string, bounds = {}): Promise<string> {
  const answer = await egress.documents.learned(url, bounds);
  return isRefusal(answer) ? answer.code : `status ${answer.status}`;
}

test('a document is read from the address that was checked, under its own name', async () => {
  resolved = [PUBLIC];
  const answer = await egress.documents.learned('https://learned.example/keys');
  assert.ok(!isRefusal(answer));
  assert.equal(Buffer.from(answer.body).toString(), '{"keys":[]}');
  assert.equal(answer.content_type, 'application/json');
  assert.deepEqual([dialled.at(-1), asked.at(-1)], [PUBLIC, 'learned.example']);
});

test('a certificate for another name is refused', async () => {
  resolved = [PUBLIC];
  assert.equal(await codeOf('https://other.example/keys'), 'upstream_unavailable');
});

test('nothing but https without credentials is asked', async () => {
  const before = dialled.length;
  const urls = [
    'http://learned.example/',
    'ftp://learned.example/',
    'https://u:p@learned.example/',
    'file:///etc/passwd',
    'x',
  ];
  for (const url of [...urls, `https://learned.example/${'a'.repeat(3000)}`]) {
    assert.equal(await codeOf(url), 'upstream_failed', url);
  }
  assert.equal(dialled.length, before);
});

test('private addresses are not dialled, however they are written', async () => {
  const before = dialled.length;
  const hosts = [
    '127.0.0.1',
    '127.1',
    '0x7f000001',
    '2130706433',
    '[::1]',
    '[::ffff:10.0.0.1]',
    '169.254.169.254',
    '[fe80::1]',
  ];
  for (const host of hosts) assert.equal(await codeOf(`https://${host}/`), 'upstream_failed', host);
  assert.equal(dialled.length, before);
});

test('a name is refused if any of its addresses is private', async () => {
  const before = dialled.length;
  for (const addresses of [
    ['10.0.0.1'],
    [PUBLIC, '127.0.0.1'],
    ['::1', PUBLIC],
    ['100.64.1.1'],
    ['::ffff:192.168.0.1'],
  ]) {
    resolved = addresses;
    assert.equal(await codeOf('https://learned.example/keys'), 'upstream_failed', addresses.join());
  }
  resolved = [];
  assert.equal(await codeOf('https://learned.example/keys'), 'upstream_unavailable');
  assert.equal(dialled.length, before);
});

test('a redirect is an answer and is not followed', async () => {
  resolved = [PUBLIC];
  const before = dialled.length;
  assert.equal(await codeOf('https://learned.example/moved'), 'status 302');
  assert.equal(dialled.length, before + 1);
});

test('size and time are bounded as a whole', async () => {
  resolved = [PUBLIC];
  assert.equal(await codeOf('https://learned.example/long'), 'answer_too_large');
  assert.equal(await codeOf('https://learned.example/packed'), 'upstream_failed');
  assert.equal(await codeOf('https://learned.example/silent', { seconds_max: 0.15 }), 'upstream_timed_out');
  assert.equal(await codeOf('https://learned.example/slow', { seconds_max: 0.15 }), 'upstream_timed_out');
});
