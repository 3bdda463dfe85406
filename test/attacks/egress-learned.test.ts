import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createServer as createPlain } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { after, before, test } from 'node:test';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { buildConnector } from 'undici';
import type { DocumentRequest } from '../../src/core/document.ts';
import { isRefusal } from '../../src/core/refusal.ts';
import { type Egress, type Network, openEgress } from '../../src/enforcement/index.ts';
import { systemClock } from '../support/clock.ts';

/**
 * DESIGN 10.10. The attacker chooses an address, its DNS answers and the server behind it, and wants the gateway to knock at
 * something private, to hold what it reads in memory, or to wait.
 */
const LIMIT = { timeout: 30_000 };
const PUBLIC = '93.184.216.34';
const file = (name: string) => readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url));
const ca = file('certificate.pem');
const ZEROS = Buffer.alloc(8 * 1024 * 1024);

const pages: Record<string, (response: ServerResponse) => void> = {
  '/keys': (response) => json(response, '{"keys":[]}'),
  '/text': (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
  '/untyped': (response) => response.writeHead(200).end('{}'),
  '/wrong': (response) => response.writeHead(404, { 'content-type': 'text/html' }).end('<html>'),
  '/gzip': (response) => packed(response, 'gzip', gzipSync(ZEROS)),
  '/deflate': (response) => packed(response, 'deflate', deflateSync(ZEROS)),
  '/br': (response) => packed(response, 'br', brotliCompressSync(ZEROS)),
  '/gzip-gzip': (response) => packed(response, 'gzip, gzip', gzipSync(gzipSync(ZEROS))),
  '/big': (response) => json(response, Buffer.alloc(70_000)),
  '/liar': (response) => void response.writeHead(200, { 'content-length': '50' }).end('short'),
  '/endless': (response) => drip(response, Buffer.alloc(16 * 1024), 0),
  '/slow': (response) => drip(response, Buffer.from('.'), 30),
  '/silent': () => {},
  '/headers': (response) => void response.writeHead(200, { 'x-fat': 'x'.repeat(64 * 1024) }).end(),
  '/many-headers': (response) =>
    void response.writeHead(200, Array.from({ length: 3_000 }, (_, at) => [`x-${at}`, 'abcdefgh']).flat()).end(),
  '/hints': (response) => {
    const timer = setInterval(() => response.writeEarlyHints({ link: '</a>; rel=preload' }), 20);
    response.on('close', () => clearInterval(timer));
  },
};
for (const status of [301, 302, 303, 307, 308]) {
  pages[`/${status}`] = (response) => void response.writeHead(status, { location: 'https://127.0.0.1/' }).end();
}

function json(response: ServerResponse, body: string | Buffer): void {
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' }).end(body);
}

function packed(response: ServerResponse, encoding: string, body: Buffer): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': encoding }).end(body);
}

function drip(response: ServerResponse, part: Buffer, every_ms: number): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  const timer = setInterval(() => response.writable && response.write(part), every_ms);
  response.on('close', () => clearInterval(timer));
}

const asked: { path: string; host: string; method: string; body: string; headers: NodeJS.Dict<string | string[]> }[] =
  [];
const answer = (request: import('node:http').IncomingMessage, response: ServerResponse) => {
  const { url = '', headers, method = '' } = request;
  let body = '';
  request.on('data', (part) => {
    body += part;
  });
  request.on('end', () => {
    asked.push({ path: url, host: headers.host ?? '', method, body, headers });
    (pages[url.split('?')[0]!] ?? ((missing: ServerResponse) => missing.writeHead(404).end()))(response);
  });
};
const server = createServer({ key: file('key.pem'), cert: ca }, answer);
const plain = createPlain(answer);
const dialled: { hostname: string; port: string }[] = [];
let resolve: (host: string) => Promise<readonly string[]> = async () => [PUBLIC];
let egress: Egress;

before(async () => {
  const port = await listen(server);
  await listen(plain);
  const connect = buildConnector({ ca, maxCachedSessions: 0 });
  // What the gateway dials is kept; the packets go to the server of this test.
  const network: Network = {
    resolve: (host) => resolve(host),
    connect: (options, callback) => {
      dialled.push({ hostname: options.hostname, port: options.port });
      connect({ ...options, hostname: '127.0.0.1', port: String(port) }, callback);
    },
  };
  egress = openEgress({ clock: systemClock, environment: {}, network });
});

after(async () => {
  await egress.close();
  for (const one of [server, plain]) {
    one.closeAllConnections();
    one.close();
  }
});

async function listen(one: Server): Promise<number> {
  await new Promise<void>((listening) => one.listen(0, '127.0.0.1', listening));
  return (one.address() as AddressInfo).port;
}

const url = (path: string) => `https://learned.example${path}`;

async function codeOf(address: string, request?: DocumentRequest): Promise<string> {
  const document = await egress.documents.learned(address, request);
  return isRefusal(document) ? document.code : `status ${document.status}`;
}

/** Each is refused, and nobody was dialled. */
async function refused(addresses: readonly string[]): Promise<void> {
  const before = dialled.length;
  for (const address of addresses) assert.equal(await codeOf(address), 'upstream_failed', address);
  assert.equal(dialled.length, before);
}

const PRIVATE = {
  loopback: ['127.0.0.1', '127.255.255.254', '[::1]'],
  'this network': ['0.0.0.0', '0.1.2.3', '[::]'],
  private: ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '100.64.0.1', '100.127.255.254'],
  'link-local and metadata': ['169.254.169.254', '169.254.0.1', '[fe80::1]', '[febf::1]', '[fec0::1]'],
  'unique local': ['[fc00::1]', '[fd00:ec2::254]'],
  mapped: [
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[::ffff:0:127.0.0.1]',
    '[::127.0.0.1]',
    '[0:0:0:0:0:ffff:10.0.0.1]',
  ],
  translated: [
    '[64:ff9b::7f00:1]',
    '[64:ff9b::10.0.0.1]',
    '[64:ff9b:1::a00:1]',
    '[2002:7f00:1::1]',
    '[2002:c0a8:101::]',
  ],
  tunnelled: ['[2001::7f00:1]', '[2001:0:a00:1::]'],
  special: [
    '192.0.0.170',
    '192.0.2.1',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '192.88.99.1',
    '[2001:db8::1]',
    '[3fff::1]',
    '[100::1]',
    '[5f00::1]',
  ],
  multicast: ['224.0.0.1', '239.255.255.255', '255.255.255.255', '240.0.0.1', '[ff02::1]'],
};

for (const [what, hosts] of Object.entries(PRIVATE)) {
  test(`${what}: refused as an address, and as what a name resolves to`, LIMIT, async () => {
    await refused(hosts.map((host) => `https://${host}/keys`));
    for (const host of hosts) {
      const address = host.replace(/[[\]]/g, '');
      for (const answers of [[address], [PUBLIC, address], [address, PUBLIC], ['2606:4700::1111', address]]) {
        resolve = async () => answers;
        await refused([url('/keys')]);
      }
    }
  });
}

test('other spellings of private addresses are the same addresses', LIMIT, async () => {
  resolve = async (host) => assert.fail(`asked for ${host}`);
  await refused([
    'https://2130706433/',
    'https://0x7f000001/',
    'https://0x7f.1/',
    'https://017700000001/',
    'https://0177.0.0.1/',
    'https://0177.0x0.0.1/',
    'https://127.1/',
    'https://127.0.0.1./',
    'https://10.1/',
    'https://0/',
    'https://0x0/',
    'https://00.0.0.0/',
    'https://2852039166/',
    'https://0xa9fea9fe/',
    'https://%31%32%37.0.0.1/',
    'https://１２７.０.０.１/',
    'https://127。0。0。1/',
    'https://①②⑦.0.0.1/',
    'https://[0:0:0:0:0:0:0:1]/',
    'https://[::ffff:0x7f.1]/',
  ]);
});

test('what two readers read differently, or what is not plain https, is not asked', LIMIT, async () => {
  resolve = async () => [PUBLIC];
  await refused([
    'http://learned.example/keys',
    'HTTP://learned.example/keys',
    'ftp://learned.example/keys',
    'file:///etc/passwd',
    'data:application/json,{}',
    'gopher://learned.example/',
    'ws://learned.example/',
    '//learned.example/keys',
    'learned.example/keys',
    '',
    'https://user@learned.example/keys',
    'https://user:password@learned.example/keys',
    'https://:password@learned.example/keys',
    'https://learned.example@127.0.0.1/',
    'https://learned.example\\@127.0.0.1/',
    'https:\\\\learned.example/keys',
    ' https://learned.example/keys',
    'https://learned.example/keys ',
    'https://lear\tned.example/keys',
    'https://learned.example/ke\nys',
    'https://learned.example/\u0000',
    'https://learned.example./keys',
    'https://learned.example:22/keys',
    'https://learned.example:25/keys',
    'https://learned.example:80/keys',
    'https://learned.example:1023/keys',
    'https://learned.example:0/keys',
    `https://learned.example/${'a'.repeat(3_000)}`,
  ]);
});

test('a name is asked for once, and the address that was checked is the one that is dialled', LIMIT, async () => {
  let answers = 0;
  resolve = async () => {
    answers += 1;
    return answers === 1 ? [PUBLIC] : ['127.0.0.1'];
  };
  assert.equal(await codeOf(url('/keys')), 'status 200');
  assert.deepEqual([answers, dialled.at(-1)?.hostname, asked.at(-1)?.host], [1, PUBLIC, 'learned.example']);
  assert.equal(await codeOf(url('/keys')), 'upstream_failed');
});

test('names are asked for in their one spelling, and a certificate for another name does not help', LIMIT, async () => {
  const names: string[] = [];
  resolve = async (host) => {
    names.push(host);
    return [PUBLIC];
  };
  assert.equal(await codeOf('https://LEARNED.example/keys'), 'status 200');
  assert.equal(await codeOf('https://lеarned.example/keys'), 'upstream_unavailable');
  assert.equal(await codeOf('https://other.example/keys'), 'upstream_unavailable');
  assert.equal(await codeOf(`https://${PUBLIC}/keys`), 'upstream_unavailable');
  assert.deepEqual(names, ['learned.example', 'xn--larned-3of.example', 'other.example']);
});

test('redirects are answers; what they point to is not asked', LIMIT, async () => {
  resolve = async () => [PUBLIC];
  for (const status of [301, 302, 303, 307, 308]) {
    const before = [dialled.length, asked.length];
    assert.equal(await codeOf(url(`/${status}`)), `status ${status}`);
    assert.deepEqual([dialled.length, asked.length], [before[0]! + 1, before[1]! + 1]);
  }
});

test('bodies that are large, endless, packed or shorter than said are not kept', LIMIT, async () => {
  resolve = async () => [PUBLIC];
  for (const path of ['/gzip', '/deflate', '/br', '/gzip-gzip'])
    assert.equal(await codeOf(url(path)), 'upstream_failed', path);
  assert.equal(await codeOf(url('/big')), 'answer_too_large');
  assert.equal(await codeOf(url('/endless')), 'answer_too_large');
  assert.equal(await codeOf(url('/keys'), { bytes_max: 4 }), 'answer_too_large');
  assert.equal(await codeOf(url('/liar'), { seconds_max: 0.3 }), 'upstream_timed_out');
  for (const path of ['/headers', '/many-headers']) assert.equal(await codeOf(url(path)), 'upstream_unavailable', path);
});

test('whoever is slow is left, wherever he is slow', LIMIT, async () => {
  const seconds_max = 0.2;
  resolve = async () => [PUBLIC];
  const began = performance.now();
  for (const path of ['/slow', '/silent', '/hints'])
    assert.equal(await codeOf(url(path), { seconds_max }), 'upstream_timed_out', path);
  resolve = () => new Promise(() => {});
  assert.equal(await codeOf(url('/keys'), { seconds_max }), 'upstream_timed_out');
  assert.ok(performance.now() - began < 10_000);
});

test('sixteen at one time, and a name that never resolves gives its place back', LIMIT, async () => {
  resolve = () => new Promise(() => {});
  const waiting = Array.from({ length: 16 }, () => codeOf(url('/keys'), { seconds_max: 0.5 }));
  resolve = async () => [PUBLIC];
  assert.equal(await codeOf(url('/keys')), 'upstream_unavailable');
  assert.deepEqual([...new Set(await Promise.all(waiting))], ['upstream_timed_out']);
  assert.equal(await codeOf(url('/keys')), 'status 200');
});

test('an answer of another type than was asked for is not read', LIMIT, async () => {
  resolve = async () => [PUBLIC];
  const accept = ['application/json', 'application/jwk-set+json'];
  assert.equal(await codeOf(url('/keys'), { accept }), 'status 200');
  assert.equal(asked.at(-1)?.headers['accept'], accept.join(', '));
  for (const path of ['/text', '/untyped']) assert.equal(await codeOf(url(path), { accept }), 'upstream_failed', path);
  assert.equal(await codeOf(url('/wrong'), { accept }), 'status 404');
});

test('framing and host are the door’s own, whatever headers are given', LIMIT, async () => {
  resolve = async () => [PUBLIC];
  const headers = {
    host: 'evil.example',
    'Content-Length': '3',
    'transfer-encoding': 'chunked',
    'accept-encoding': 'gzip',
    'x-own': '1',
  };
  const body = Buffer.from('a=1&b=2');
  assert.equal(await codeOf(url('/keys'), { method: 'POST', headers, body }), 'status 200');
  const { host, body: read, headers: sent } = asked.at(-1)!;
  assert.deepEqual(
    [host, read, sent['accept-encoding'], sent['x-own']],
    ['learned.example', 'a=1&b=2', 'identity', '1'],
  );
  assert.equal(await codeOf(url('/keys'), { headers: { 'x-own': 'a\r\nhost: evil' } }), 'upstream_unavailable');
});

test('a configured origin may be private, and vouches for nothing beside it', LIMIT, async () => {
  resolve = async () => ['127.0.0.1'];
  const base = `http://127.0.0.1:${(plain.address() as AddressInfo).port}`;
  const fetched = async (address: string, from: readonly string[] = [`${base}/.well-known/x`]) => {
    const document = await egress.documents.configured({ addresses: from })(address, { seconds_max: 1 });
    return isRefusal(document) ? document.code : `status ${document.status}`;
  };
  assert.equal(await fetched(`${base}/keys`), 'status 200');
  assert.equal(await fetched(`${base}/302`), 'status 302');
  assert.equal(await fetched(`${base}/gzip`), 'upstream_failed');
  assert.equal(await fetched(`${base}/endless`), 'answer_too_large');
  assert.equal(await fetched(`${base}/silent`), 'upstream_timed_out');
  for (const elsewhere of [
    base.replace('127.0.0.1', 'localhost'),
    base.replace('http:', 'https:'),
    'http://127.0.0.1:1',
    'https://127.0.0.1',
    'https://internal.example',
    base.replace('//', '//user:password@'),
  ]) {
    assert.equal(await fetched(`${elsewhere}/keys`), 'upstream_failed', elsewhere);
  }
});

test('a private authority is trusted where it was configured, and nowhere else', LIMIT, async () => {
  const base = `https://localhost:${(server.address() as AddressInfo).port}`;
  const fetched = async (authority?: string) => {
    const document = await egress.documents.configured({ addresses: [base], ca: authority })(`${base}/keys`);
    return isRefusal(document) ? document.reason : `status ${document.status}`;
  };
  assert.match(await fetched(), /self-signed|unable to verify/);
  // The fixture's certificate is for another name: the authority is trusted, the name is still checked.
  assert.match(await fetched(ca.toString()), /status 200|does not match/);
});
