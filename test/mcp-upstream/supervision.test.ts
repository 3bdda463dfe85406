import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Canceller } from '../../src/core/cancellation.ts';
import { isRefusal } from '../../src/core/refusal.ts';
import { Secret } from '../../src/core/secret.ts';
import type { UpstreamSettings } from '../../src/protocols/mcp/upstream.ts';
import { startHttpFixture } from '../fixtures/mcp/http.ts';
import {
  CAPABLE,
  call,
  codeOf,
  gatewayOf,
  overHttp,
  overStdio,
  runOf,
  send,
  sessionOf,
  startProgram,
  stoppableGateway,
  textOf,
  until,
  whenOver,
} from './support.ts';

const tiny = (extra: Parameters<typeof overStdio>[3] = {}) => overStdio('s', 'journal.ts', ['stdio'], extra);

/** Most of them wait for something; they wait together. */
describe('supervision', { concurrency: 4 }, () => {
  test('each run has a child of its own, and each scope within it; the same asks twice and gets the same', async () => {
    const upstreams = gatewayOf(tiny());
    const [a, b, again, scoped] = await Promise.all([
      sessionOf(upstreams, 's', runOf('a')),
      sessionOf(upstreams, 's', runOf('b')),
      sessionOf(upstreams, 's', runOf('a')),
      sessionOf(upstreams, 's', runOf('a'), { scope: 'second' }),
    ]);
    assert.equal(a, again);
    assert.equal(new Set([a, b, scoped]).size, 3);
    assert.equal(upstreams.status()[0]?.sessions, 3);
  });

  test("when a run is stopped its children end, idle as they may be, and nobody else's", async () => {
    const stopped = new Set<string>();
    const upstreams = stoppableGateway(stopped, tiny());
    const a = await sessionOf(upstreams, 's', runOf('a'));
    const b = await sessionOf(upstreams, 's', runOf('b'));
    stopped.add('a');
    upstreams.review();
    assert.deepEqual([a.closed, b.closed], [true, false]);
    assert.equal(codeOf(await call(upstreams, a, 'read_text', { path: 'x' })), 'upstream_unavailable');
    assert.equal(codeOf((await upstreams.open('s', runOf('a'))) as object), 'stopped');
    assert.match(textOf(await call(upstreams, b, 'read_text', { path: 'x' })), /text at x/);
  });

  test('closing waits for no server that never introduces itself, and whoever waited for one is told', async () => {
    const silent = { kind: 'stdio', command: ['sleep', '1000'], env: {} } as const;
    const upstreams = gatewayOf({ server: 's', transport: silent, shared: false, limits: { open_ms_max: 60_000 } });
    const opening = upstreams.open('s', runOf('a'));
    await sleep(300);
    const began = performance.now();
    await upstreams.close();
    const took_ms = performance.now() - began;
    assert.equal(codeOf((await opening) as object), 'upstream_unavailable');
    assert.ok(took_ms < 20_000, `${took_ms} ms, where opening may take 60,000`);
  });

  test('a server that is stopped is not spoken to, not even by the gateway itself, until the stop is lifted', async () => {
    const stopped = new Set<string>();
    const upstreams = stoppableGateway(stopped, tiny());
    const session = await sessionOf(upstreams, 's');
    stopped.add('s');
    upstreams.review();
    assert.equal(session.closed, true);
    assert.equal(codeOf(await upstreams.catalog('s')), 'stopped');
    stopped.delete('s');
    assert.equal(codeOf(await upstreams.catalog('s')), 'answered');
  });

  test('a run whose time is up loses its children', async () => {
    const upstreams = gatewayOf(tiny());
    const session = await sessionOf(upstreams, 's', { ...runOf('a'), expires_at: Date.now() + 100 });
    await until('it is closed', () => session.closed, 8_000);
  });

  test('a shared server has one child for all runs, and is told that its client can answer nothing', async () => {
    const stopped = new Set<string>();
    const upstreams = stoppableGateway(
      stopped,
      overStdio('s', 'server.ts', ['stdio'], { shared: true, era: '2025-11-25' }),
    );
    const a = await sessionOf(upstreams, 's', runOf('a'), { client: CAPABLE });
    assert.equal(await sessionOf(upstreams, 's', runOf('b'), { client: CAPABLE }), a);
    const sent = await call(upstreams, a, 'test_sampling', { prompt: 'x' }, { onRequest: () => assert.fail('asked') });
    assert.match(JSON.stringify(sent.reply), /Method not found/);
    stopped.add('a');
    upstreams.review();
    assert.equal(a.closed, false);
    const fixture = await startHttpFixture();
    whenOver(() => fixture.close());
    const stateless = stoppableGateway(stopped, overHttp('s', fixture.url));
    const all = await sessionOf(stateless, 's', runOf('b'));
    stateless.review();
    assert.equal(all.closed, false);
  });

  test('stateless requests over HTTP share what has no state; sessions of 2025 are never shared between runs', async () => {
    const fixture = await startHttpFixture();
    whenOver(() => fixture.close());
    const upstreams = gatewayOf(overHttp('s', fixture.url));
    const open = (run: string, prefer: '2026-07-28' | '2025-11-25') =>
      sessionOf(upstreams, 's', runOf(run), { prefer });
    assert.equal(await open('a', '2026-07-28'), await open('b', '2026-07-28'));
    assert.notEqual(await open('a', '2025-11-25'), await open('b', '2025-11-25'));
    const old = await startHttpFixture({ era: '2025-11-25' });
    whenOver(() => old.close());
    const legacy = gatewayOf(overHttp('s', old.url));
    // Both ask before anyone knows which era it is: what one finds out must not become the other's session.
    const [a, b] = await Promise.all([sessionOf(legacy, 's', runOf('a')), sessionOf(legacy, 's', runOf('b'))]);
    assert.notEqual(a, b);
  });

  test('a child that crashes keeps its own run waiting, longer each time, and no other', async () => {
    const upstreams = gatewayOf(overStdio('s', 'hostile.ts', ['stdio', '--mode', 'crash'], { era: '2026-07-28' }));
    const waits: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      const session = await sessionOf(upstreams, 's', runOf('a'));
      assert.equal(codeOf(await call(upstreams, session, 'go')), 'upstream_failed');
      const refused = upstreams.open('s', runOf('a'));
      assert.ok(isRefusal(refused) && refused.code === 'upstream_unavailable');
      waits.push(Number(/for (\d+) ms/.exec(refused.reason)?.[1]));
      assert.ok(!isRefusal(await upstreams.open('s', runOf(`other-${round}`))));
      await until('the wait is over', () => !isRefusal(upstreams.open('s', runOf('a'))));
    }
    assert.ok((waits[0] ?? 0) <= 250 && (waits[1] ?? 0) > 250 && (waits[2] ?? 0) > 500, waits.join());
    const status = upstreams.status()[0];
    assert.equal(status?.restarts, 3);
    assert.match(status?.last_error ?? '', /exited with 9/);
  });

  test('a program that cannot be started, ends at once or stays silent is a refusal with its reason', async () => {
    for (const [command, code, reason] of [
      [['/nonexistent/program'], 'upstream_unavailable', /ENOENT/],
      [
        [process.execPath, '-e', 'console.error("no such \\u001b[31mmodule"); process.exit(7)'],
        'upstream_failed',
        /exited with 7/,
      ],
      [[process.execPath, '-e', 'setInterval(()=>{},1000)'], 'upstream_timed_out', /not ready within/],
      [
        [process.execPath, '-e', 'console.log("hello"); setInterval(()=>console.log("log"), 50)'],
        'upstream_timed_out',
        /not ready/,
      ],
    ] as const) {
      const settings: UpstreamSettings = {
        server: 's',
        transport: { kind: 'stdio', command, env: {} },
        shared: false,
        limits: { open_ms_max: 800 },
      };
      const upstreams = gatewayOf(settings);
      const refused = await upstreams.open('s', runOf('a'));
      assert.ok(isRefusal(refused));
      assert.equal(refused.code, code);
      const status = upstreams.status()[0];
      assert.match(status?.last_error ?? '', reason);
      assert.equal(status?.last_error?.includes('\u001b'), false);
      assert.equal(status?.state, 'waiting');
      // The next is refused without an attempt.
      const next = upstreams.open('s', runOf('b'));
      assert.ok(isRefusal(next) && /not tried again/.test(next.reason));
    }
  });

  test('servers of 2025 that stay silent or end over server/discover are still found', async () => {
    const ends = gatewayOf(
      overStdio('s', 'hostile.ts', ['stdio', '--mode', 'exits-on-the-unknown', '--era', '2025-11-25']),
    );
    assert.equal((await sessionOf(ends, 's')).era, '2025-11-25');
    const noisy = gatewayOf(overStdio('s', 'hostile.ts', ['stdio', '--mode', 'noisy', '--era', '2025-11-25']));
    assert.equal((await sessionOf(noisy, 's')).era, '2025-11-25');
  });

  test('a server that is not there is a refusal, and served again when it is back', async () => {
    const placeholder = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => placeholder.once('listening', resolve));
    const { port } = placeholder.address() as AddressInfo;
    await new Promise((resolve) => placeholder.close(resolve));
    const upstreams = gatewayOf(overHttp('s', `http://127.0.0.1:${port}/mcp`));
    assert.equal(codeOf((await upstreams.open('s', runOf('a'))) as object), 'upstream_unavailable');
    const fixture = await startHttpFixture({ port });
    whenOver(() => fixture.close());
    await until('it is tried again', () => !isRefusal(upstreams.open('s', runOf('a'))));
    const session = await sessionOf(upstreams, 's', runOf('a'));
    assert.match(textOf(await call(upstreams, session, 'test_simple_text')), /simple text/);
  });

  test('sessions are bounded; the longest unused makes room, and where all are used nobody is let in', async () => {
    const upstreams = gatewayOf(
      overStdio('s', 'hostile.ts', ['stdio', '--mode', 'hang'], { era: '2026-07-28', limits: { sessions_max: 2 } }),
    );
    const a = await sessionOf(upstreams, 's', runOf('a'));
    const b = await sessionOf(upstreams, 's', runOf('b'));
    const c = await sessionOf(upstreams, 's', runOf('c'));
    assert.deepEqual([a.closed, b.closed, c.closed], [true, false, false]);
    const stop = new Canceller();
    const hanging = [b, c].map((session) => call(upstreams, session, 'go', {}, { cancellation: stop }));
    const refused = await upstreams.open('s', runOf('d'));
    assert.ok(isRefusal(refused) && refused.code === 'upstream_unavailable');
    stop.cancel();
    await Promise.all(hanging);
  });

  test('one run cannot take all sessions from the others', async () => {
    const upstreams = gatewayOf(
      overStdio('s', 'hostile.ts', ['stdio', '--mode', 'hang'], { era: '2026-07-28', limits: { sessions_max: 4 } }),
    );
    const stop = new Canceller();
    const greedy = runOf('greedy');
    const hanging = [];
    for (const scope of ['1', '2']) {
      const session = await sessionOf(upstreams, 's', greedy, { scope });
      hanging.push(call(upstreams, session, 'go', {}, { cancellation: stop }));
    }
    const third = await upstreams.open('s', greedy, { scope: '3' });
    assert.ok(isRefusal(third) && third.code === 'upstream_unavailable');
    assert.ok(!isRefusal(await upstreams.open('s', runOf('other'))));
    stop.cancel();
    await Promise.all(hanging);
    // What it does not use makes room for what it does.
    assert.ok(!isRefusal(await upstreams.open('s', greedy, { scope: '3' })));
  });

  test('requests in flight in one session are bounded', async () => {
    const limits = { requests_max: 3 };
    const upstreams = gatewayOf(
      overStdio('s', 'hostile.ts', ['stdio', '--mode', 'hang'], { era: '2026-07-28', limits }),
    );
    const session = await sessionOf(upstreams, 's');
    const stop = new Canceller();
    const hanging = [1, 2, 3].map(() => call(upstreams, session, 'go', {}, { cancellation: stop }));
    assert.equal(codeOf(await call(upstreams, session, 'go')), 'upstream_unavailable');
    stop.cancel();
    await Promise.all(hanging);
  });

  test('what nobody uses is closed', async () => {
    const upstreams = gatewayOf(tiny({ limits: { session_idle_ms_max: 100 } }));
    const session = await sessionOf(upstreams, 's');
    await until('it is closed', () => session.closed, 8_000);
    assert.equal(upstreams.status()[0]?.state, 'idle');
    assert.equal(upstreams.status()[0]?.restarts, 0);
  });

  test('a change of configuration closes what it changes and leaves the rest alone', async () => {
    const kept = overStdio('kept', 'journal.ts', ['stdio']);
    const withKey = (key: string): UpstreamSettings => {
      const settings = overStdio('changed', 'journal.ts', ['stdio']);
      return { ...settings, transport: { ...settings.transport, env: { KEY: new Secret(key) } } as never };
    };
    const upstreams = gatewayOf(kept, withKey('one'), overStdio('gone', 'journal.ts', ['stdio']));
    const [a, b, c] = await Promise.all(['kept', 'changed', 'gone'].map((server) => sessionOf(upstreams, server)));
    await upstreams.configure([{ ...kept }, withKey('two')]);
    assert.deepEqual([a?.closed, b?.closed, c?.closed], [false, true, true]);
    assert.deepEqual(upstreams.list(), ['changed', 'kept']);
    assert.equal(codeOf((await upstreams.open('gone', runOf('r'))) as object), 'not_found');
    assert.notEqual(await sessionOf(upstreams, 'changed'), b);
  });

  test('a catalog is read again when the server says so on a subscription', async () => {
    const fixture = await startHttpFixture({ era: '2026-07-28' });
    whenOver(() => fixture.close());
    const upstreams = gatewayOf(overHttp('s', fixture.url));
    const digests: string[] = [];
    upstreams.onCatalogChange(({ digest }) => digests.push(digest));
    await upstreams.catalog('s');
    const session = await sessionOf(upstreams, 's');
    await call(upstreams, session, 'test_trigger_tool_change');
    await until('it is read again', () => digests.length === 2);
    assert.equal(upstreams.catalogs()[0]?.digest, digests[1]);
    await call(upstreams, session, 'test_trigger_prompt_change');
    await until('it is read a third time', () => digests.length === 3);
  });

  for (const transport of ['stdio', 'http'] as const) {
    test(`${transport}, 2025-11-25: a catalog is read again at most four times a second, whoever hears of the change`, async () => {
      const args = [transport, '--mode', 'changing', '--era', '2025-11-25'];
      const settings =
        transport === 'stdio'
          ? overStdio('s', 'hostile.ts', args, { shared: true })
          : overHttp('s', (await startProgram('hostile.ts', args)).url);
      const upstreams = gatewayOf(settings);
      const digests: string[] = [];
      upstreams.onCatalogChange(({ digest }) => digests.push(digest));
      await upstreams.catalog('s');
      const session = await sessionOf(upstreams, 's');
      const from = Date.now();
      for (let count = 0; count < 20; count += 1) await call(upstreams, session, 'go');
      await until('it is read again', () => digests.length >= 2);
      await new Promise((resolve) => setTimeout(resolve, 300));
      assert.ok(digests.length <= 2 + (Date.now() - from) / 250, `${digests.length} times`);
    });
  }

  test("the credential goes upstream, and neither it nor the agent's headers come back in an error", async () => {
    const seen: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(401, { 'content-type': 'text/plain' }).end(`bad: ${request.headers.authorization}`);
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    whenOver(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
    const headers = { Authorization: new Secret('Bearer of-the-gateway') };
    const upstreams = gatewayOf({
      server: 's',
      transport: { kind: 'http', url, headers, gateway_only: true },
      shared: false,
    });
    const refused = await upstreams.open('s', runOf('a'));
    assert.equal(seen[0], 'Bearer of-the-gateway');
    assert.equal(JSON.stringify([refused, upstreams.status()]).includes('of-the-gateway'), false);
    assert.equal(upstreams.status()[0]?.exposure, 'enclosed');
  });

  test('status says who else may reach a server, and how to change it', () => {
    const upstreams = gatewayOf(tiny(), overHttp('open', 'http://127.0.0.1:1/mcp'));
    const [child, open] = upstreams.status();
    assert.deepEqual([child?.exposure, open?.exposure], ['bypassable', 'bypassable']);
    assert.match(child?.exposure_note ?? '', /another user/);
    assert.match(open?.exposure_note ?? '', /enclosed: true/);
  });

  test('the official servers speak 2025-11-25 over stdio and are served', async () => {
    const entry = (name: string): string => {
      const root = new URL(`../../node_modules/@modelcontextprotocol/${name}/`, import.meta.url);
      const { bin } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as {
        bin: Record<string, string>;
      };
      return new URL(Object.values(bin)[0] as string, root).pathname;
    };
    const folder = new URL('../fixtures/tls/', import.meta.url).pathname;
    const program = (server: string, ...command: string[]): UpstreamSettings => ({
      server,
      transport: { kind: 'stdio', command: [process.execPath, ...command], env: {} },
      shared: false,
    });
    const upstreams = gatewayOf(
      program('files', entry('server-filesystem'), folder),
      program('everything', entry('server-everything'), 'stdio'),
    );
    const files = await sessionOf(upstreams, 'files');
    assert.equal(files.era, '2025-11-25');
    const read = await call(upstreams, files, 'read_text_file', { path: `${folder}README.md` });
    assert.match(textOf(read), /learned\.example/);
    const everything = await sessionOf(upstreams, 'everything', runOf('r'), { client: CAPABLE });
    assert.match(textOf(await call(upstreams, everything, 'echo', { message: 'hello' })), /hello/);
    const catalog = await upstreams.catalog('everything');
    assert.ok(!isRefusal(catalog) && catalog.tools.length > 5 && catalog.resources.length > 0);
    assert.ok(!isRefusal((await send(upstreams, everything, 'ping')).reply));
  });
});
