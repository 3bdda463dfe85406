import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Canceller } from '../../src/core/cancellation.ts';
import { isRefusal, type RefusalCode } from '../../src/core/refusal.ts';
import type { Era, UpstreamLimits, UpstreamSettings } from '../../src/protocols/mcp/upstream.ts';
import {
  CAPABLE,
  call,
  codeOf,
  gatewayOf,
  overHttp,
  overStdio,
  runOf,
  sessionOf,
  startProgram,
  textOf,
  until,
} from './support.ts';

type Transport = 'stdio' | 'http';

const LIMITS: Partial<UpstreamLimits> = {
  answer_ms_max: 20_000,
  answer_bytes_max: 1024 * 1024,
  frames_per_second_max: 100,
  frames_max: 10_000_000,
  pages_max: 20,
  items_max: 5_000,
  catalog_bytes_max: 8 * 1024 * 1024,
};

async function hostile(
  transport: Transport,
  mode: string,
  era: Era = '2026-07-28',
  limits: Partial<UpstreamLimits> = {},
): Promise<UpstreamSettings> {
  const args = [transport, '--mode', mode, '--era', era];
  const extra = { era, limits: { ...LIMITS, ...limits } };
  if (transport === 'stdio') return overStdio('s', 'hostile.ts', args, extra);
  return overHttp('s', (await startProgram('hostile.ts', args)).url, extra);
}

/** For what is meant to be late. */
const SOON = { answer_ms_max: 500 };

const CUT: [Transport | 'both', string, RefusalCode][] = [
  ['both', 'crash', 'upstream_failed'],
  ['both', 'hang', 'upstream_timed_out'],
  ['both', 'huge', 'answer_too_large'],
  ['stdio', 'garbage', 'upstream_timed_out'],
  ['http', 'garbage', 'upstream_failed'],
  ['stdio', 'batch', 'upstream_timed_out'],
  ['http', 'batch', 'upstream_failed'],
  ['http', 'doubled', 'upstream_failed'],
  ['http', 'utf8', 'upstream_failed'],
  ['http', 'deep', 'upstream_failed'],
  ['http', 'both', 'upstream_failed'],
  ['stdio', 'doubled', 'upstream_timed_out'],
  ['http', 'bomb', 'upstream_failed'],
  ['http', 'redirect', 'upstream_failed'],
  ['http', 'html', 'upstream_failed'],
  ['http', 'accepted', 'upstream_failed'],
  ['http', 'status500', 'upstream_failed'],
  ['http', 'status503', 'upstream_unavailable'],
  ['http', 'status401', 'upstream_failed'],
  ['http', 'status404', 'upstream_failed'],
  ['http', 'breaks', 'upstream_failed'],
  ['http', 'unfinished', 'upstream_failed'],
  ['http', 'endless-event', 'answer_too_large'],
  ['http', 'comments', 'upstream_timed_out'],
  ['http', 'header-bomb', 'upstream_failed'],
];

/** Most of them wait for something; they wait together. */
describe('hostile servers', { concurrency: 4 }, () => {
  for (const [where, mode, code] of CUT) {
    for (const transport of where === 'both' ? (['stdio', 'http'] as const) : [where]) {
      test(`${transport}: ${mode} ends in ${code}, and the gateway goes on`, async () => {
        const late = code === 'upstream_timed_out' ? SOON : {};
        const upstreams = gatewayOf(await hostile(transport, mode, '2026-07-28', late));
        const session = await sessionOf(upstreams, 's');
        const sent = await call(upstreams, session, 'go');
        assert.equal(codeOf(sent), code);
        if (mode === 'crash' && transport === 'http') return;
        await until('it can be opened again', () => !isRefusal(upstreams.open('s', runOf('another'))));
        await sessionOf(upstreams, 's', runOf('another'));
      });
    }
  }

  for (const transport of ['stdio', 'http'] as const) {
    test(`${transport}: notifications without end are thinned out, and the call ends when its time is up`, async () => {
      const upstreams = gatewayOf(await hostile(transport, 'notifications', '2026-07-28', SOON));
      const session = await sessionOf(upstreams, 's');
      const sent = await call(upstreams, session, 'go', {}, { progress: true });
      assert.equal(codeOf(sent), 'upstream_timed_out');
      assert.ok(sent.heard.length > 0 && sent.heard.length <= 400, `${sent.heard.length} heard`);
      assert.ok((upstreams.status()[0]?.dropped ?? 0) > 1_000);
    });

    test(`${transport}: notifications over the count end the call`, async () => {
      const upstreams = gatewayOf(await hostile(transport, 'notifications', '2026-07-28', { frames_max: 300 }));
      const session = await sessionOf(upstreams, 's');
      const sent = await call(upstreams, session, 'go', {}, { progress: true });
      assert.equal(codeOf(sent), 'upstream_failed');
    });

    test(`${transport}: notifications that the agent does not take do not pile up`, async () => {
      const upstreams = gatewayOf(
        await hostile(transport, 'notifications', '2026-07-28', { ...SOON, waiting_bytes_max: 1_000 }),
      );
      const session = await sessionOf(upstreams, 's');
      let running = 0;
      const sent = await call(
        upstreams,
        session,
        'go',
        {},
        {
          progress: true,
          onNotification: async () => {
            running += 1;
            assert.equal(running, 1, 'one at a time');
            await new Promise((resolve) => setTimeout(resolve, 200));
            running -= 1;
          },
        },
      );
      assert.equal(codeOf(sent), 'upstream_timed_out');
      assert.ok(sent.heard.length <= 10);
    });

    test(`${transport}: only the first of two answers counts, and strangers' frames are dropped and counted`, async () => {
      const twice = gatewayOf(await hostile(transport, 'twice'));
      assert.equal(textOf(await call(twice, await sessionOf(twice, 's'), 'go')), 'first');
      const stranger = gatewayOf(await hostile(transport, 'stranger'));
      const sent = await call(stranger, await sessionOf(stranger, 's'), 'go');
      assert.equal(textOf(sent), 'done');
      if (transport === 'stdio') assert.deepEqual(sent.heard, []);
      assert.ok((stranger.status()[0]?.dropped ?? 0) >= 2);
    });

    test(`${transport}: numbers are kept to the digit`, async () => {
      const upstreams = gatewayOf(await hostile(transport, 'numbers'));
      const { reply } = await call(upstreams, await sessionOf(upstreams, 's'), 'go');
      const text = JSON.stringify(reply);
      for (const number of ['12345678901234567890', '1e-400', '0.1000000000000000055511151231257827']) {
        assert.ok(text.includes(number), number);
      }
    });

    test(`${transport}: an answer may come byte by byte`, async () => {
      const upstreams = gatewayOf(await hostile(transport, 'slowly'));
      assert.equal(textOf(await call(upstreams, await sessionOf(upstreams, 's'), 'go')), 'piecemeal');
    });

    test(`${transport}: requests from a server of 2026-07-28 are not passed on and not answered`, async () => {
      const upstreams = gatewayOf(await hostile(transport, 'asks', '2026-07-28', SOON));
      const sent = await call(upstreams, await sessionOf(upstreams, 's'), 'go', {}, { onRequest: accept });
      assert.equal(codeOf(sent), 'upstream_timed_out');
      assert.deepEqual(sent.asked, []);
      assert.ok((upstreams.status()[0]?.dropped ?? 0) >= 40);
    });

    test(`${transport}: a flood of requests reaches the agent a few at a time`, async () => {
      const upstreams = gatewayOf(await hostile(transport, 'asks', '2025-11-25'));
      const session = await sessionOf(upstreams, 's', runOf('r'), { client: CAPABLE });
      const stop = new Canceller();
      const sending = call(
        upstreams,
        session,
        'go',
        {},
        { cancellation: stop, onRequest: () => new Promise(() => {}) },
      );
      setTimeout(() => stop.cancel(), 500);
      const sent = await sending;
      assert.equal(sent.asked.length, 8);
    });

    test(`${transport}: while the agent is asked, the call is not late`, async () => {
      const upstreams = gatewayOf(await hostile(transport, 'ask', '2025-11-25', { answer_ms_max: 1_000 }));
      const session = await sessionOf(upstreams, 's', runOf('r'), { client: CAPABLE });
      const onRequest = async () => {
        await new Promise((resolve) => setTimeout(resolve, 1_500));
        return accept();
      };
      assert.match(textOf(await call(upstreams, session, 'go', {}, { onRequest })), /"answered":true/);
    });

    test(`${transport}: an agent's side that throws ends its own exchange only`, async () => {
      const upstreams = gatewayOf(await hostile(transport, 'ask', '2025-11-25'));
      const session = await sessionOf(upstreams, 's', runOf('r'), { client: CAPABLE });
      const onRequest = () => Promise.reject(new Error('bug'));
      assert.match(textOf(await call(upstreams, session, 'go', {}, { onRequest })), /-32603/);
    });

    for (const era of ['2026-07-28', '2025-11-25'] as const) {
      test(`${transport}, ${era}: cancelling ends the call at once, and a late answer is dropped`, async () => {
        const upstreams = gatewayOf(await hostile(transport, 'late', era));
        const session = await sessionOf(upstreams, 's');
        const stop = new Canceller();
        const started = Date.now();
        const sending = call(upstreams, session, 'go', {}, { cancellation: stop });
        setTimeout(() => stop.cancel(), 50);
        assert.equal(codeOf(await sending), 'upstream_failed');
        assert.ok(Date.now() - started < 5_000);
        if (transport === 'stdio') await until('it is dropped', () => (upstreams.status()[0]?.dropped ?? 0) >= 2);
        else await new Promise((resolve) => setTimeout(resolve, 400));
        assert.equal((await sessionOf(upstreams, 's')).closed, false);
      });
    }

    for (const mode of ['pages', 'circle', 'duplicates', 'across-pages', 'items', 'fat', 'not-a-list']) {
      test(`${transport}: a catalog with ${mode} is refused`, async () => {
        const upstreams = gatewayOf(await hostile(transport, mode));
        assert.match(codeOf(await upstreams.catalog('s')), /upstream_failed|answer_too_large/);
        assert.deepEqual(upstreams.catalogs(), []);
      });
    }
  }

  test('stdio: with several calls in flight a request that names none of them is refused', async () => {
    const upstreams = gatewayOf(await hostile('stdio', 'ask', '2025-11-25', SOON));
    const session = await sessionOf(upstreams, 's', runOf('r'), { client: CAPABLE });
    const sent = await Promise.all([
      call(upstreams, session, 'go', {}, { onRequest: accept }),
      call(upstreams, session, 'go', {}, { onRequest: accept }),
    ]);
    assert.deepEqual(
      sent.flatMap(({ asked }) => asked),
      [],
    );
  });

  test('stdio: logs on standard output and floods on standard error do not disturb a call', async () => {
    for (const mode of ['logs', 'stderr']) {
      const upstreams = gatewayOf(await hostile('stdio', mode));
      assert.equal(textOf(await call(upstreams, await sessionOf(upstreams, 's'), 'go')), 'done', mode);
    }
  });

  test('stdio: a message with a line break in it is not sent', async () => {
    const upstreams = gatewayOf(await hostile('stdio', 'none'));
    const session = await sessionOf(upstreams, 's');
    const id = upstreams.nextId();
    const bytes = Buffer.from(`{"jsonrpc":"2.0","id":${id},"method":"tools/list",\n"params":{}}`);
    const io = { cancellation: new Canceller(), onNotification: () => {}, onRequest: accept };
    assert.equal(codeOf(await session.send({ bytes, id, method: 'tools/list', params: {} }, io)), 'request_malformed');
  });

  test('stdio: a line without end ends the child', async () => {
    const upstreams = gatewayOf(await hostile('stdio', 'endless', '2026-07-28'));
    const session = await sessionOf(upstreams, 's');
    assert.equal(codeOf(await call(upstreams, session, 'go')), 'answer_too_large');
    assert.equal(session.closed, true);
  });

  test('stdio: one overlong answer costs its own call, not those beside it', async () => {
    const upstreams = gatewayOf(await hostile('stdio', 'huge', '2026-07-28'));
    const session = await sessionOf(upstreams, 's');
    const [big, small] = await Promise.all([call(upstreams, session, 'go'), callList(session)]);
    assert.deepEqual([codeOf(big), small], ['answer_too_large', 'answered']);

    async function callList(through: typeof session): Promise<string> {
      const id = upstreams.nextId();
      const bytes = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/list', params: {} }));
      const io = { cancellation: new Canceller(), onNotification: () => {}, onRequest: accept };
      return codeOf(await through.send({ bytes, id, method: 'tools/list', params: {} }, io));
    }
  });

  test('http: a stream that goes on after its answer is cut', async () => {
    const upstreams = gatewayOf(await hostile('http', 'never-ends'));
    assert.equal(textOf(await call(upstreams, await sessionOf(upstreams, 's'), 'go')), 'done');
  });

  test('http, 2025-11-25: a session that the server ended is closed and another is opened', async () => {
    const upstreams = gatewayOf(await hostile('http', 'status404', '2025-11-25'));
    const session = await sessionOf(upstreams, 's');
    assert.equal(codeOf(await call(upstreams, session, 'go')), 'upstream_unavailable');
    await until('it is closed', () => session.closed);
    assert.notEqual(await sessionOf(upstreams, 's'), session);
  });

  test('http: tools whose header annotations are not valid are left out, and so is what has no name', async () => {
    const headers = gatewayOf(await hostile('http', 'bad-headers'));
    const catalog = await headers.catalog('s');
    assert.ok(!isRefusal(catalog));
    assert.deepEqual(
      catalog.tools.map(({ name }) => name),
      ['good'],
    );
    const nameless = gatewayOf(await hostile('stdio', 'nameless'));
    const named = await nameless.catalog('s');
    assert.ok(!isRefusal(named));
    assert.deepEqual(
      named.tools.map(({ name }) => name),
      ['good'],
    );
  });
});

test('what is refused for its size is not kept', async () => {
  const upstreams = gatewayOf(await hostile('http', 'huge'));
  const session = await sessionOf(upstreams, 's');
  const before = process.memoryUsage().rss;
  for (let round = 0; round < 3; round += 1)
    assert.equal(codeOf(await call(upstreams, session, 'go')), 'answer_too_large');
  assert.ok(process.memoryUsage().rss - before < 60 * 1024 * 1024);
});

async function accept() {
  return { kind: 'result', result: { answered: true } } as const;
}

test('http: a stream is read at the pace at which the agent takes it, and nothing of it is lost', async () => {
  const limits = { waiting_bytes_max: 200_000, frames_per_second_max: 100_000, answer_ms_max: 30_000 };
  const upstreams = gatewayOf(await hostile('http', 'burst', '2026-07-28', limits));
  const session = await sessionOf(upstreams, 's');
  let taken = 0;
  const onNotification = async () => {
    taken += 1;
    if (taken % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  assert.equal(textOf(await call(upstreams, session, 'go', {}, { progress: true, onNotification })), 'done');
  assert.deepEqual([taken, upstreams.status()[0]?.dropped], [5_000, 0]);
});
