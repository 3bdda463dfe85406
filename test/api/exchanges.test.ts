import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Client } from '../../src/api/client/index.ts';
import { createClient } from '../../src/api/client/index.ts';
import { socketTransport } from '../../src/api/client/socket.ts';
import type { Exchange, LiveEvent } from '../../src/api/contract/index.ts';
import { type Browser, type ControlPlane, openControlPlane } from '../support/control-plane.ts';
import { type Exchanges, exchangesOf } from '../support/exchanges.ts';

/** Exchanges are read from the log itself: lists, stories and what is live cannot disagree with it. */
let plane: ControlPlane;
let log: Exchanges;
let client: Client;
let auditor: Browser;

before(async () => {
  plane = await openControlPlane();
  client = createClient(socketTransport(plane.api.socket_path!), 'test');
  auditor = await plane.person(['auditor']);
  const { state_version } = (await plane.send({ path: '/api/status', local: true })).json()['replica'] as {
    state_version: number;
  };
  log = exchangesOf(plane.ledger, () => state_version);
});
after(() => plane.close());

async function list(
  query: object = {},
): Promise<{ exchanges: Exchange[]; cursor: string | null; scanned: number; size: number }> {
  await plane.ledger.drain();
  const answer = await client.call('exchanges.list', { query });
  assert.equal(answer.kind, 'ok');
  return answer.kind === 'ok' ? answer.value : assert.fail();
}

async function readings(work: () => Promise<unknown>): Promise<{ by: string; subject: string | null }[]> {
  await plane.ledger.drain();
  const from = plane.ledger.status().size - 1;
  await work();
  await plane.ledger.drain();
  const { receipts } = await plane.ledger.feed(from, 1_000);
  return receipts.flatMap(({ receipt }) =>
    receipt.kind === 'control' && receipt.event === 'payload.read'
      ? [{ by: receipt.by, subject: receipt.subject }]
      : [],
  );
}

describe('the list', () => {
  test('shows the newest first, each with its outcome', async () => {
    await log.permitted('files/read');
    await log.permitted('files/write', { kind: 'failed' });
    await log.permitted('files/slow', { open: true });
    await log.refused('files/secret', 'policy_denied');
    const { exchanges, cursor } = await list();
    assert.deepEqual(
      exchanges.map(({ resource, decision, state, code }) => [resource, decision, state, code]),
      [
        ['Tool::"files/secret"', 'deny', 'refused', 'policy_denied'],
        ['Tool::"files/slow"', 'permit', 'open', null],
        ['Tool::"files/write"', 'permit', 'failed', null],
        ['Tool::"files/read"', 'permit', 'completed', null],
      ],
    );
    assert.equal(cursor, null);
  });

  test('filters by each field, and finds nothing where nothing is', async () => {
    await log.permitted('mail/send', { agent: 'other', job: 'post' });
    const count = async (query: object) => (await list(query)).exchanges.length;
    assert.equal(await count({ agent: 'other' }), 1);
    assert.equal(await count({ job: 'post' }), 1);
    assert.equal(await count({ upstream: 'mail' }), 1);
    assert.equal(await count({ decision: 'deny' }), 1);
    assert.equal(await count({ state: 'failed' }), 1);
    assert.equal(await count({ resource: 'SECRET' }), 1);
    assert.equal(await count({ action: 'resource.read' }), 0);
    assert.equal(await count({ agent: 'other', decision: 'deny' }), 0);
  });

  test('goes on from a cursor without losing or repeating one, and knows outcomes of the page before', async () => {
    const open = await log.permitted('pages/first', { open: true });
    for (let count = 0; count < 12; count += 1) await log.permitted(`pages/${count}`);
    await log.outcome(open);
    const seen: Exchange[] = [];
    let cursor: string | null = null;
    do {
      const page = await list({ upstream: 'pages', limit: 4, ...(cursor === null ? {} : { cursor }) });
      assert.ok(page.exchanges.length <= 4);
      seen.push(...page.exchanges);
      cursor = page.cursor;
    } while (cursor !== null);
    assert.equal(seen.length, 13);
    assert.equal(new Set(seen.map(({ receipt }) => receipt)).size, 13);
    assert.deepEqual(
      seen.filter(({ state }) => state !== 'completed'),
      [],
    );
    assert.equal(seen.at(-1)?.receipt, open);
  });

  test('leaves one receipt of reading for each page, in the name of who read', async () => {
    const read = await readings(() => plane.send({ path: '/api/exchanges?limit=2', headers: auditor.headers }));
    assert.equal(read.length, 1);
    assert.match(read[0]!.by, /^person:usr_/);
  });

  test('refuses limits and cursors that are none', async () => {
    for (const query of [
      'limit=0',
      'limit=501',
      'limit=x',
      'decision=maybe',
      'state=',
      'agent=%00',
      'agent=a&agent=b',
      `cursor=${'x'.repeat(41)}`,
    ]) {
      const answer = await plane.send({ path: `/api/exchanges?${query}`, headers: auditor.headers });
      assert.equal(answer.status, 400, query);
    }
    for (const cursor of ['x', '-1', '1e9', '0x10', 'NaN']) {
      const answer = await plane.send({ path: `/api/exchanges?cursor=${cursor}`, headers: auditor.headers });
      assert.equal(answer.status, 400, cursor);
    }
  });
});

describe('a story', () => {
  test('is told by any of its receipts, opens as a sentence, and leaves a receipt', async () => {
    const receipt = await log.permitted('files/told', { args: { path: 'reports/a' } });
    await plane.ledger.drain();
    const told = await client.call('exchanges.story', { params: { receipt } });
    assert.ok(told.kind === 'ok');
    const { sentence, receipts, asked, answered, read_under, exchange, stages } = told.value;
    assert.equal(
      sentence,
      'triage, in a run of job triage-issues, asked to call files/told. It was permitted by triage-reads-reports. It completed after 1.5 ms.',
    );
    assert.deepEqual(
      receipts.map(({ receipt: { kind } }) => kind),
      ['intent', 'outcome'],
    );
    assert.deepEqual(asked, { name: 'files/told', arguments: { path: 'reports/a' } });
    assert.deepEqual(answered, { text: 'done', path: 'reports/a' });
    assert.match(read_under!, /^rcp_/);
    assert.deepEqual(
      stages.map(({ stage }) => stage),
      ['forward'],
    );
    const byOutcome = await client.call('exchanges.story', { params: { receipt: String(receipts[1]!.receipt['id']) } });
    assert.ok(byOutcome.kind === 'ok' && byOutcome.value.exchange.receipt === exchange.receipt);
    const read = await readings(() => client.call('exchanges.story', { params: { receipt } }));
    assert.deepEqual(read, [{ by: 'local', subject: receipt }]);
  });

  test('of a refusal says the reason to people and what the agent was told', async () => {
    const receipt = await log.refused('files/secret', 'policy_denied', {
      reason: 'triage-reads-reports needs a path below reports/',
    });
    const told = await client.call('exchanges.story', { params: { receipt } });
    assert.ok(told.kind === 'ok');
    const { decision, sentence, outcome } = told.value;
    assert.match(sentence, /No policy permits that, so it was refused\. Nothing was forwarded\.$/);
    assert.equal(decision.reason, 'triage-reads-reports needs a path below reports/');
    assert.equal(decision.public, 'Ask for something else.');
    assert.equal(decision.policies[0]?.id, 'default-deny');
    assert.equal(outcome, null);
  });

  test('says what is not there: an open end, an erased payload, another policy set', async () => {
    const receipt = await log.permitted('files/erased', { open: true });
    assert.equal(await plane.ledger.erase([receipt], 'local'), 1);
    const told = await client.call('exchanges.story', { params: { receipt } });
    assert.ok(told.kind === 'ok');
    assert.equal(told.value.exchange.resource, null);
    assert.equal(told.value.asked, null);
    const missing = told.value.missing.join(' ');
    for (const gap of [/erased/, /outcome is not in the log yet/, /Another policy set/]) assert.match(missing, gap);
  });

  test('is not told of what is no exchange', async () => {
    const { receipts } = await plane.ledger.feed(-1, 1);
    const control = receipts[0]!.receipt;
    assert.equal(control.kind, 'control');
    for (const receipt of [control.id, 'rcp_0000000000000000000000000a']) {
      const told = await client.call('exchanges.story', { params: { receipt } });
      assert.ok(told.kind === 'failure' && told.status === 404);
    }
    const malformed = await plane.send({ path: '/api/exchanges/rcp_x', headers: auditor.headers });
    assert.equal(malformed.status, 400);
  });

  test('can be proven', async () => {
    const receipt = await log.permitted('files/proven');
    await plane.ledger.drain();
    const proof = await client.call('log.proof', { params: { receipt } });
    assert.ok(proof.kind === 'ok' && proof.value.startsWith('c2sp.org/tlog-proof@v1\n'));
    const checkpoint = await client.call('log.checkpoint', {});
    assert.ok(checkpoint.kind === 'ok' && checkpoint.value.startsWith('sallyport.test/log\n'));
  });
});

describe('the live stream', () => {
  type Stream = AsyncGenerator<{ id: string | undefined; value: LiveEvent }>;
  /** Resolves once the stream is open: what happens from here on is told. */
  async function events(query: object = {}, last_event_id?: string): Promise<Stream> {
    const stop = new AbortController();
    const options = { signal: stop.signal, ...(last_event_id === undefined ? {} : { last_event_id }) };
    const items = client.stream('exchanges.live', { query }, options);
    assert.equal((await items.next()).value?.kind, 'open');
    async function* told(): Stream {
      try {
        for await (const item of items) {
          if (item.kind === 'failure') throw new Error(item.problem.code);
          if (item.kind === 'event') yield item;
        }
      } finally {
        stop.abort();
      }
    }
    return told();
  }

  async function take(stream: Stream, count: number): Promise<{ id: string | undefined; value: LiveEvent }[]> {
    const taken = [];
    for await (const event of stream) {
      if (event.value.type === 'control') continue;
      taken.push(event);
      if (taken.length === count) break;
    }
    return taken;
  }

  test('tells of an exchange, then of its end', async () => {
    const stream = await events();
    const first = take(stream, 2);
    const receipt = await log.permitted('live/one');
    const told = (await first).map(
      ({ value }) => value.type === 'exchange' && [value.exchange.receipt, value.exchange.state],
    );
    assert.deepEqual(told, [
      [receipt, 'open'],
      [receipt, 'completed'],
    ]);
  });

  test('is taken up where it broke off, and nothing is missed or told twice', async () => {
    const before = await events();
    const reading = take(before, 2);
    await log.permitted('live/before');
    const [, last] = await reading;
    const missed = await log.refused('live/missed', 'policy_denied');
    const next = await log.refused('live/next', 'policy_denied');
    const resumed = await take(await events({}, last!.id), 2);
    assert.deepEqual(
      resumed.map(({ value }) => value.type === 'exchange' && value.exchange.receipt),
      [missed, next],
    );
  });

  test('tells only of what was asked for, also where that shows at the end', async () => {
    const reading = take(await events({ state: 'failed' }), 1);
    await log.permitted('live/fine');
    const receipt = await log.permitted('live/broken', { kind: 'failed' });
    const [only] = await reading;
    assert.ok(only!.value.type === 'exchange' && only!.value.exchange.receipt === receipt);
  });

  test('counts strangers instead of listing them', async () => {
    const reading = take(await events(), 1);
    for (let count = 0; count < 20; count += 1) plane.ledger.flood({ code: 'token_unknown', source: '192.0.2.1' });
    const [flood] = await reading;
    assert.ok(flood!.value.type === 'flood' && flood!.value.count === 20 && flood!.value.code === 'token_unknown');
  });

  test('is one reading, however long it lasts, and does not cause itself', async () => {
    const read = await readings(async () => {
      const reading = take(await events(), 6);
      for (const tool of ['live/a', 'live/b', 'live/c']) await log.permitted(tool);
      await reading;
    });
    assert.deepEqual(read, [{ by: 'local', subject: 'live' }]);
  });

  test('ends for a person whose session ended', async () => {
    const person = await plane.person(['admin']);
    const ended = plane.send({ path: '/api/live', headers: person.headers });
    await plane.send({ method: 'POST', path: '/api/sign-out', headers: person.headers, body: {} });
    plane.clock.forward(11_000);
    assert.equal((await ended).status, 200);
  });
});
