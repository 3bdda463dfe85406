import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Canceller } from '../../src/core/cancellation.ts';
import type { Caller, Run } from '../../src/core/principal.ts';
import { isRefusal } from '../../src/core/refusal.ts';
import { systemRandom as random } from '../../src/main/clock.ts';
import { openSessions, type Session } from '../../src/protocols/mcp/agents/sessions.ts';
import { migrations, openSessionStore } from '../../src/protocols/mcp/agents/store.ts';
import { type Database, migrate, openDatabase } from '../../src/storage/index.ts';
import { ManualClock } from '../support/manual-clock.ts';

const FACTS = { version: '2025-11-25', capabilities: {}, clientInfo: {}, server: 'docs' };

function callerOf(id: string): Caller {
  return {
    principal: { type: 'Agent', id },
    agent: { id, owner: 'o', version: '1', jobs: ['j'] },
    generation: 1,
    credential: { kind: 'bearer', thumbprint: 't' },
    token: 't',
    run: `run of ${id}`,
    subject: null,
    chain: [],
    proof: undefined,
  };
}

function runOf(id: string): Run {
  return { id: `run of ${id}`, agent: id, job: 'j', opened_by: id, opened_at: 0, expires_at: 9e15 } as Run;
}

describe('sessions of 2025-11-25', () => {
  let db: Database;
  const clock = new ManualClock();
  before(async () => {
    db = await openDatabase({ url: 'sqlite::memory:', clock });
    await migrate(db, migrations);
  });
  after(() => db.close());

  const rows = () =>
    db.query<{ id: string; replica: string }>('select id, replica from mcp_sessions order by opened_at');
  const open = (replica: string, perAgentMax = 2) =>
    openSessions({ clock, random, store: openSessionStore(db, replica), perAgentMax: () => perAgentMax });

  async function begin(sessions: ReturnType<typeof open>, agent: string): Promise<Session> {
    await clock.advance(1);
    const session = await sessions.begin(callerOf(agent), runOf(agent), FACTS);
    assert.ok(!isRefusal(session));
    return session;
  }

  test('are on record while they last, and forgotten by the replica that starts again', async () => {
    const [one, two] = [open('one'), open('two')];
    const session = await begin(one, 'a');
    await begin(two, 'a');
    assert.deepEqual(
      (await rows()).map(({ replica }) => replica),
      ['one', 'two'],
    );
    const elsewhere = two.find(session.id, callerOf('a'), runOf('a'));
    assert.ok(isRefusal(elsewhere) && elsewhere.http === 404, 'another replica’s are unknown here');
    await one.end(session);
    assert.equal((await rows()).length, 1);
    await openSessionStore(db, 'two').forget();
    assert.deepEqual(await rows(), []);
  });

  test('make room for each other within one agent, never at another’s cost', async () => {
    const sessions = open('one');
    const [first, second] = [await begin(sessions, 'a'), await begin(sessions, 'a')];
    const other = await begin(sessions, 'b');
    const third = await begin(sessions, 'a');
    assert.ok(first.closed.cancelled, 'the one that was used least recently');
    for (const kept of [second, third]) assert.equal(sessions.find(kept.id, callerOf('a'), runOf('a')), kept);
    assert.equal(sessions.find(other.id, callerOf('b'), runOf('b')), other);
  });

  test('that are busy do not make room: the next one is refused', async () => {
    const sessions = open('one');
    for (const session of [await begin(sessions, 'a'), await begin(sessions, 'a')]) session.begin(1, () => {});
    const refused = await sessions.begin(callerOf('a'), runOf('a'), FACTS);
    assert.ok(isRefusal(refused) && refused.code === 'rate_limited');
  });

  test('end after half an hour without use', async () => {
    const sessions = open('one');
    const idle = await begin(sessions, 'a');
    const used = await begin(sessions, 'b');
    await clock.advance(29 * 60_000);
    sessions.find(used.id, callerOf('b'), runOf('b'));
    await clock.advance(2 * 60_000);
    await begin(sessions, 'c');
    assert.ok(idle.closed.cancelled && !used.closed.cancelled);
  });

  test('ask, and take each answer once; nobody waits for ever', async () => {
    const session = await begin(open('one'), 'a');
    let asked = '';
    const say = async (text: string): Promise<void> => {
      asked = text;
    };
    const gone = new Canceller();
    const answered = session.ask('roots/list', {}, say, gone);
    const { id } = JSON.parse(asked) as { id: string };
    assert.equal(session.answer('other', { kind: 'result', result: {} }), false);
    assert.equal(session.answer(id, { kind: 'result', result: { roots: [] } }), true);
    assert.equal(session.answer(id, { kind: 'result', result: {} }), false);
    assert.deepEqual(await answered, { kind: 'result', result: { roots: [] } });
    const abandoned = session.ask('roots/list', {}, say, gone);
    gone.cancel();
    await assert.rejects(abandoned);
    await assert.rejects(session.ask('roots/list', {}, say, gone));
    const broken = session.ask('roots/list', {}, () => Promise.reject(new Error('gone')), new Canceller());
    await assert.rejects(broken);
  });

  test('know each request once, by its id and the id’s kind', async () => {
    const session = await begin(open('one'), 'a');
    const cancelled: unknown[] = [];
    assert.equal(
      session.begin(1, () => cancelled.push(1)),
      undefined,
    );
    assert.equal(
      session.begin('1', () => cancelled.push('1')),
      undefined,
    );
    assert.equal(session.begin(1, () => {})?.code, 'request_malformed');
    session.cancel('1');
    session.cancel('unknown');
    assert.deepEqual(cancelled, ['1']);
    session.finish(1);
    assert.equal(
      session.begin(1, () => {}),
      undefined,
    );
  });

  test('keep so many streams, and of each so much', async () => {
    const session = await begin(open('one'), 'a');
    const first = session.stream();
    for (let count = 0; count < 300; count += 1) await first.append(`event ${count}`);
    const seen: string[] = [];
    const release = await first.attach(
      0,
      async ({ text }) => void seen.push(text),
      () => {},
    );
    assert.equal(seen.length, 256);
    assert.equal(seen.at(-1), 'event 299');
    release();
    first.end();
    for (let count = 0; count < 40; count += 1) session.stream();
    assert.equal(session.findStream(first.name), undefined, 'what has ended makes room');
  });
});
