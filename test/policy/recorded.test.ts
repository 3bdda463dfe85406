import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import type { RecordedDecision } from '../../src/controls/policy/index.ts';
import { createPostgresDatabase } from '../support/databases.ts';
import { Delegate } from '../support/delegations.ts';
import { ModernAgent } from '../support/mcp-agent.ts';
import { type ReadBack, replayWorld } from '../support/recorded.ts';
import { openWorld, type World } from '../support/world.ts';

/**
 * A decision that was made must come out the same when it is made again from the log alone: from the receipt, its payload
 * and the rows that it names. `replayWorld` compares each with what its receipt says.
 */
const PROGRAM = fileURLToPath(new URL('../fixtures/mcp/server.ts', import.meta.url));
const UPSTREAMS = `  surface: { command: ["node", ${JSON.stringify(PROGRAM)}, "stdio"] }
`;
const POLICIES = `
@id("appends") @reason("Lines that begin with ok.") @public("Lines may begin with ok.")
permit (principal is Agent, action == Action::"tool.call", resource == Tool::"journal/append")
when { context.args.line like "ok*" };

@id("veterans-read") @reason("Who may also do audits may read.")
permit (principal is Agent, action == Action::"tool.call", resource == Tool::"journal/read_text")
when { principal.jobs.contains("audit") };

@id("no-lines-to-sum") @reason("Fails on purpose.")
forbid (principal, action == Action::"tool.call", resource == Tool::"journal/append")
when { context.args.line like "ok big*" && 9223372036854775807 + 1 > 0 };

@id("hold-some") @reason("A person wants to see them.") @approve("team-ops")
forbid (principal, action == Action::"tool.call", resource == Tool::"journal/append")
when { context.args.line like "ok hold*" };

@id("watched") @reason("Tried beside.") @shadow
forbid (principal, action == Action::"tool.call", resource == Tool::"journal/append");

@id("prompts") @reason("Prompts for a name.")
permit (principal is Agent, action == Action::"prompt.get", resource)
when { context.args has arg1 && context.args.arg1 == "one" };

@id("static") @reason("What is static is public.")
permit (principal is Agent, action == Action::"resource.read", resource == Resource::"surface/test://static-text");
`;

for (const storage of ['sqlite', 'postgres'] as const) {
  describe(`decisions read back from the log on ${storage}`, () => {
    let world: World;
    let url: string | undefined;
    let drop: () => unknown = () => undefined;
    before(async () => {
      if (storage === 'postgres') {
        const database = await createPostgresDatabase();
        [url, drop] = [database.url, database.drop];
      }
      world = await openWorld({
        policies: POLICIES,
        upstreams: UPSTREAMS,
        ...(url === undefined ? {} : { storage: url }),
      });
    });
    after(async () => {
      await world.stop();
      await drop();
    });

    /** Once all of them are in the log: a receipt has its place in it within a moment of its commit. */
    async function readBack(enough: (read: ReadBack) => boolean): Promise<ReadBack> {
      for (let attempt = 0; ; attempt += 1) {
        const read = await replayWorld(world, url);
        if (enough(read)) return read;
        assert.ok(attempt < 200, `${read.decisions.length} decisions, ${read.lost.length} lost`);
        await sleep(50);
      }
    }

    const of = (read: ReadBack, agent: string): RecordedDecision[] =>
      read.decisions.filter(({ request }) => request.agent.id === agent && request.access.action !== 'server.discover');
    const told = ({ effect, code, policies }: RecordedDecision): string => [effect, code, ...policies].join(' ');

    test('each kind of decision on calls is the same again', async () => {
      const agent = await world.register('caller');
      for (const [tool, args] of [
        ['append', { line: 'ok' }],
        ['append', { line: 'no' }],
        ['append', { line: 'ok big' }],
        ['append', { line: 'ok hold' }],
        ['append', { line: 'ok', more: 1 }],
        ['append', {}],
        ['echo', { text: 'hidden' }],
        ['nothing', {}],
      ] as const) {
        await world.call(agent, tool, args);
      }
      const read = await readBack((now) => of(now, 'caller').length >= 7);
      assert.deepEqual(of(read, 'caller').map(told), [
        'permit  appends',
        'deny policy_denied default-deny',
        'deny policy_error no-lines-to-sum',
        'hold  hold-some',
        'deny arguments_invalid argument-check',
        'deny arguments_invalid argument-check',
        'deny policy_denied default-deny',
      ]);
      const [first] = of(read, 'caller');
      assert.deepEqual(first!.request.access, {
        action: 'tool.call',
        resource: { type: 'Tool', id: 'journal/append' },
        args: { line: 'ok' },
      });
      assert.deepEqual(first!.request.run.job, 'support');
      assert.deepEqual(read.lost, []);
    });

    test('prompts, resources and lists are', async () => {
      const agent = new ModernAgent(world, await world.register('reader'), '/mcp/surface');
      await agent.ask('prompts/get', { name: 'test_prompt_with_arguments', arguments: { arg1: 'one', arg2: 'two' } });
      await agent.ask('prompts/get', { name: 'test_prompt_with_arguments', arguments: { arg1: 'other', arg2: 'two' } });
      await agent.ask('resources/read', { uri: 'test://static-text' });
      await agent.ask('resources/read', { uri: 'test://static-binary' });
      await agent.ask('tools/list', {});
      const isList = ({ request, discovers }: RecordedDecision) => request.agent.id === 'reader' && discovers;
      const read = await readBack((now) => now.decisions.some(isList));
      assert.deepEqual(of(read, 'reader').map(told), [
        'permit  prompts',
        'deny policy_denied default-deny',
        'permit  static',
        'deny policy_denied default-deny',
      ]);
      const list = read.decisions.find(isList);
      assert.deepEqual(list?.policies, ['list-what-you-may-use']);
    });

    test('what an agent was registered for then counts, not what it is registered for since', async () => {
      const first = await world.register('changing', ['support', 'audit']);
      await world.call(first, 'read_text', { path: 'a' });
      await world.local.call('agents.remove', { params: { agent: 'changing' } });
      const second = await world.register('changing', ['support']);
      await world.call(second, 'read_text', { path: 'a' });
      const read = await readBack((now) => of(now, 'changing').length >= 2);
      assert.deepEqual(of(read, 'changing').map(told), ['permit  veterans-read', 'deny policy_denied default-deny']);
      assert.deepEqual(
        of(read, 'changing').map(({ request }) => request.agent.jobs),
        [['audit', 'support'], ['support']],
      );
    });

    test('what was lent bounds it again', async () => {
      const [ann, ben] = [new Delegate(await world.register('ann')), new Delegate(await world.register('ben'))];
      const lent = await ann.lend('ben', { actions: ['tool.call'], resources: ['Tool::journal/append'] });
      const token = await ben.redeem(lent.token!);
      const acting = ben.acting(token.token!);
      await world.call(acting, 'append', { line: 'ok' });
      await world.call(acting, 'read_text', { path: 'a' });
      const read = await readBack((now) => of(now, 'ben').length >= 2);
      assert.deepEqual(of(read, 'ben').map(told), ['permit  appends', 'deny delegation_exceeded delegation-scope']);
    });

    test('what lies erased is said to be lost, and nothing is guessed', async () => {
      const before = await readBack(() => true);
      const victim = of(before, 'caller')[0]!.receipt;
      await run('update audit_receipts set seed = null where id = $1', victim);
      const read = await replayWorld(world, url);
      assert.deepEqual(
        read.lost.map(({ receipt, because }) => [receipt, because]),
        [[victim, 'erased']],
      );
      assert.equal(read.decisions.length, before.decisions.length - 1);
    });

    test('an agent, a run, a definition or a hop that is gone or changed is said to be lost', async () => {
      const before = await readBack(() => true);
      for (const [statement, because] of [
        ["update identity_registrations set owner = 'other' where agent = $1", 'agent'],
        ["update identity_runs set id = id || 'x' where agent = $1", 'run'],
      ] as const) {
        await run(statement, 'reader');
        const read = await replayWorld(world, url);
        const lost = read.lost.filter((one) => one.because !== 'erased');
        assert.ok(lost.length >= 4);
        assert.deepEqual([...new Set(lost.map((one) => one.because))], [because]);
        assert.equal(of(read, 'reader').length, 0);
        assert.equal(read.decisions.length + read.lost.length, before.decisions.length + before.lost.length);
        await run("update identity_registrations set owner = 'platform' where agent = $1", 'reader');
      }
    });

    async function run(statement: string, value: string): Promise<void> {
      if (url === undefined) {
        const db = new DatabaseSync(join(world.folder, '.sallyport', 'sallyport.db'));
        db.exec('pragma busy_timeout = 5000');
        db.prepare(statement.replace('$1', '?')).run(value);
        return db.close();
      }
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      await client.query(statement, [value]);
      await client.end();
    }
  });
}
