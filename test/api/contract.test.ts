import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { createClient, type Transport } from '../../src/api/client/index.ts';
import { ROUTES, type Route } from '../../src/api/contract/index.ts';
import { openApiDocument } from '../../src/api/index.ts';
import { readPages } from '../../src/api/server/assets.ts';

describe('the contract', () => {
  test('names each route once, and anyone may use only the doors', () => {
    const routes = Object.values<Route>(ROUTES);
    assert.equal(new Set(routes.map(({ method, path }) => `${method} ${path}`)).size, routes.length);
    const open = Object.entries<Route>(ROUTES).flatMap(([name, { roles }]) => (roles === 'anyone' ? [name] : []));
    assert.deepEqual(open.sort(), [
      'session.company',
      'session.company.return',
      'session.open',
      'session.options',
      'session.passkey',
      'session.passkey.answer',
      'setup.redeem',
    ]);
  });

  test('asks for presence wherever the design does', () => {
    for (const name of ['stops.lift', 'policy.activate', 'people.add', 'people.change', 'people.remove'] as const) {
      assert.equal(ROUTES[name].presence, true, name);
    }
  });

  test('never lets a viewer, who sees no names, read a payload', () => {
    for (const [name, { roles, payload }] of Object.entries<Route>(ROUTES)) {
      if (payload) assert.ok(roles !== 'anyone' && !roles.includes('viewer'), name);
    }
  });

  test('gives the auditor nothing that changes something', () => {
    // `can` is a question: it is sent like a change, since arguments have no place in an address.
    const own = (name: string) => name === 'session.close' || name === 'can' || name.startsWith('me.');
    for (const [name, { method, roles }] of Object.entries<Route>(ROUTES)) {
      if (method !== 'GET' && roles !== 'anyone' && !own(name)) assert.ok(!roles.includes('auditor'), name);
    }
  });

  test('makes an OpenAPI document in which every reference leads somewhere', () => {
    const document = openApiDocument('1.0.0') as {
      paths: Record<string, Record<string, { operationId: string }>>;
      components: { schemas: object };
    };
    const text = JSON.stringify(document);
    for (const [, name] of text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)) {
      assert.ok(name! in document.components.schemas, `${name}`);
    }
    assert.doesNotMatch(text, /\$defs/);
    const operations = Object.values(document.paths).flatMap((path) =>
      Object.values(path).map(({ operationId }) => operationId),
    );
    assert.deepEqual(operations.sort(), Object.keys(ROUTES).sort());
  });
});

describe('the client', () => {
  const answering =
    (status: number, text: string): Transport =>
    async () => ({ status, body: chunksOf(text) });

  async function* chunksOf(text: string): AsyncGenerator<Uint8Array> {
    // One byte at a time: a boundary may fall anywhere, also within a character.
    for (const byte of new TextEncoder().encode(text)) yield new Uint8Array([byte]);
  }

  test('says what went wrong as a value, whatever the other end is', async () => {
    const cases: [Transport, number, string][] = [
      [() => Promise.reject(new Error('ECONNREFUSED')), 0, 'unreachable'],
      [answering(200, '<html>'), 200, 'answer_unexpected'],
      [answering(200, '{"by":1}'), 200, 'answer_unexpected'],
      [answering(502, 'Bad Gateway'), 502, 'answer_unexpected'],
      [answering(403, '{"code":"role_missing","message":"No."}'), 403, 'role_missing'],
    ];
    for (const [transport, status, code] of cases) {
      const result = await createClient(transport, 'test').call('me', {});
      assert.ok(result.kind === 'failure' && result.status === status && result.problem.code === code, code);
    }
  });

  test('puts every part where it belongs, and nothing of it acts as an address', async () => {
    const sent: string[] = [];
    const transport: Transport = async ({ method, path, body }) => {
      sent.push(`${method} ${path} ${body ?? ''}`);
      return { status: 404, body: chunksOf('{"code":"not_found","message":"No."}') };
    };
    const client = createClient(transport, 'test');
    await client.call('agents.remove', { params: { agent: '../../me?x#y' } });
    await client.call('exchanges.list', { query: { resource: 'a&b=c', limit: 5 } });
    await client.call('session.open', { body: { name: 'a', password: 'b' } });
    assert.deepEqual(sent, [
      'DELETE /api/agents/..%2F..%2Fme%3Fx%23y ',
      'GET /api/exchanges?resource=a%26b%3Dc&limit=5 ',
      'POST /api/sign-in {"name":"a","password":"b"}',
    ]);
  });

  test('reads events however they are cut, and ends where one is not of the contract', async () => {
    const text =
      ': open\n\nid: 7\ndata: {"type":"flood","code":"x","count":2,"time":1}\n\n: alive\n\ndata: {"type":"unknown"}\n\ndata: {}\n\n';
    const items = [];
    for await (const item of createClient(answering(200, text), 'test').stream('exchanges.live', {})) items.push(item);
    assert.deepEqual(
      items.map(({ kind }) => kind),
      ['open', 'event', 'failure'],
    );
    assert.ok(items[1]!.kind === 'event' && items[1]!.id === '7');
  });

  test('does not read an event without end', async () => {
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) yield new Uint8Array(1_048_576).fill(97);
    }
    const items = [];
    const transport: Transport = async () => ({ status: 200, body: endless() });
    for await (const item of createClient(transport, 'test').stream('exchanges.live', {})) items.push(item.kind);
    assert.deepEqual(items, ['open', 'failure']);
  });
});

describe('the pages', () => {
  test('are looked up in a table: no path from the wire touches the disk', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-pages-'));
    try {
      mkdirSync(join(folder, 'assets'));
      writeFileSync(join(folder, 'index.html'), '<!doctype html>');
      writeFileSync(join(folder, 'assets', 'index-abc.js'), 'export {};'.repeat(100));
      writeFileSync(join(folder, 'secret.key'), 'secret');
      const pages = readPages(folder);
      for (const path of ['/', '/live', '/exchanges/rcp_x', '/live?agent=../..']) {
        assert.equal(pages.find(path, undefined)?.headers['content-type'], 'text/html; charset=utf-8', path);
      }
      for (const path of [
        '/secret.key',
        '/../index.html',
        '/assets/../index.html',
        '/assets/nothing.js',
        '/%2e%2e/etc/passwd.js',
        '/favicon.ico',
      ]) {
        assert.equal(pages.find(path, undefined), undefined, path);
      }
      const script = pages.find('/assets/index-abc.js', 'gzip, br')!;
      assert.match(script.headers['cache-control']!, /immutable/);
      assert.equal(gunzipSync(script.body).toString(), 'export {};'.repeat(100));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
