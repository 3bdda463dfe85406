import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DifferenceGroup, Simulation } from '../../src/api/contract/index.ts';
import type { AgentClient } from '../support/agent-client.ts';
import { createPostgresDatabase } from '../support/databases.ts';
import { openWorld, type World } from '../support/world.ts';

/** Another set on what agents really asked for, by the command's own route: from the log, on a thread, enforced nowhere. */
const POLICIES = `
@id("appends") @reason("Lines that begin with ok.")
permit (principal is Agent, action == Action::"tool.call", resource == Tool::"journal/append")
when { context.args.line like "ok*" };

@id("reads") @reason("Reports.")
permit (principal is Agent, action == Action::"tool.call", resource == Tool::"journal/read_text")
when { context.args.path like "reports/*" };
`;
/** Takes \`ok secret\` away, gives \`no 1\`, and holds \`ok hold\`. */
const CANDIDATE = `
@id("appends") @reason("Lines that begin with ok, or no.")
permit (principal is Agent, action == Action::"tool.call", resource == Tool::"journal/append")
when { context.args.line like "ok*" || context.args.line == "no 1" };

@id("no-secrets") @reason("No secrets.")
forbid (principal is Agent, action == Action::"tool.call", resource == Tool::"journal/append")
when { context.args.line like "*secret*" };

@id("hold") @reason("A person looks.") @approve("team-ops")
forbid (principal is Agent, action == Action::"tool.call", resource == Tool::"journal/append")
when { context.args.line like "ok hold*" };

@id("reads") @reason("Reports.")
permit (principal is Agent, action == Action::"tool.call", resource == Tool::"journal/read_text")
when { context.args.path like "reports/*" };
`;
const files = [{ name: 'candidate.cedar', text: CANDIDATE }];
const LINES = ['ok 1', 'ok secret', 'ok hold', 'no 1', 'no 2', 'ok secret'];

for (const storage of ['sqlite', 'postgres'] as const) {
  describe(`another set on recorded exchanges, on ${storage}`, () => {
    let world: World;
    let drop: () => unknown = () => undefined;
    before(async () => {
      let url: string | undefined;
      if (storage === 'postgres') {
        const database = await createPostgresDatabase();
        [url, drop] = [database.url, database.drop];
      }
      world = await openWorld({ policies: POLICIES, ...(url === undefined ? {} : { storage: url }) });
    });
    after(async () => {
      await world.stop();
      await drop();
    });

    async function work(agent: AgentClient): Promise<void> {
      for (const line of LINES) await world.call(agent, 'append', { line });
      await world.call(agent, 'read_text', { path: 'reports/a' });
    }

    const ok = <T>(answer: { kind: 'ok'; value: T } | { kind: 'failure' }): T => {
      assert.ok(answer.kind === 'ok', JSON.stringify(answer));
      return answer.value;
    };

    /** Until the log has so many decisions: a receipt has its place in it within a moment of its commit. */
    async function simulate(
      body: Parameters<typeof world.local.call<'policy.simulate'>>[1]['body'],
      decisions: number,
    ): Promise<Simulation> {
      for (let attempt = 0; ; attempt += 1) {
        let now = ok(await world.local.call('policy.simulate', { body }));
        while (now.state === 'running') {
          await sleep(20);
          now = ok(await world.local.call('policy.simulation', { params: { id: now.id } }));
        }
        assert.equal(now.state, 'done', now.problem ?? '');
        if ((now.result?.decisions ?? 0) >= decisions) return now;
        assert.ok(attempt < 100, `${now.result?.decisions} decisions`);
        await sleep(50);
      }
    }

    const names = (tally: DifferenceGroup['agents']) => tally.names.map(({ name, count }) => `${name} ${count}`);

    test('the same set makes the same decisions, and another one its own', async () => {
      await work(await world.register('one'));
      await work(await world.register('two'));
      const same = await simulate({ subject: { of: 'active' }, since: 0 }, 14);
      assert.equal(same.set, same.active);
      const { newly_denied, newly_permitted, newly_held, by_others, not_replayable, unchanged, decisions } =
        same.result!;
      assert.deepEqual([newly_denied.count, newly_permitted.count, newly_held.count, by_others], [0, 0, 0, 0]);
      assert.deepEqual([not_replayable, unchanged], [{}, decisions]);

      const other = await simulate({ subject: { of: 'files', files }, since: 0 }, 14);
      const found = other.result!;
      assert.deepEqual([found.newly_denied.count, found.newly_permitted.count, found.newly_held.count], [4, 2, 2]);
      assert.equal(found.already, 0);
      assert.deepEqual(names(found.newly_denied.agents), ['one 2', 'two 2']);
      assert.deepEqual(names(found.newly_denied.resources), ['Tool::"journal/append" 4']);
      assert.deepEqual(names(found.newly_denied.arguments), ['Tool::"journal/append" line = "ok secret" 4']);
      const [example] = found.newly_denied.examples;
      assert.match(example!.sentence, /^one, in a run of job support, asked to call journal\/append\.$/);
      assert.deepEqual([example!.was.effect, example!.was.policies], ['permit', ['appends']]);
      assert.deepEqual([example!.would.effect, example!.would.policies], ['deny', ['no-secrets']]);
      assert.match(example!.would.why, /no-secrets \(candidate\.cedar:6\).*context\.args\.line is "ok secret"/s);
      const story = ok(await world.local.call('exchanges.story', { params: { receipt: example!.receipt } }));
      assert.equal(story.exchange.decision, 'permit');
    });

    test('of one agent, and from a time on', async () => {
      const agent = await world.register('three');
      const since = Date.now();
      await work(agent);
      const body = { subject: { of: 'files' as const, files }, since, agent: 'three' };
      const found = (await simulate(body, 7)).result!;
      assert.deepEqual(names(found.newly_denied.agents), ['three 2']);
      const later = await simulate({ ...body, since: Date.now() + 60_000 }, 0);
      assert.equal(later.result!.decisions, 0);
    });

    test('one runs at a time, may be cancelled, and what does not load is refused', async () => {
      const started = ok(await world.local.call('policy.simulate', { body: { since: 0 } }));
      const second = await world.local.call('policy.simulate', { body: { since: 0 } });
      assert.ok(second.kind === 'failure' && second.problem.code === 'rate_limited');
      const ended = ok(await world.local.call('policy.simulate.cancel', { params: { id: started.id } }));
      assert.ok(['cancelled', 'done'].includes(ended.state));
      for (const [subject, code] of [
        [{ of: 'files', files: [{ name: 'a.cedar', text: 'permit (principal, action, resource);' }] }, 'input_invalid'],
        [{ of: 'set', set: 'ffffffffffff' }, 'not_found'],
      ] as const) {
        const wrong = await world.local.call('policy.simulate', { body: { subject: subject as never, since: 0 } });
        assert.ok(wrong.kind === 'failure' && wrong.problem.code === code, JSON.stringify(wrong));
      }
      const gone = await world.local.call('policy.simulation', { params: { id: `sim_${'0'.repeat(26)}` } });
      assert.ok(gone.kind === 'failure' && gone.problem.code === 'not_found');
    });

    test('a set beside stands in receipts, is not enforced, and ends', async () => {
      const nothing = ok(await world.local.call('policy.shadow', {}));
      assert.equal(nothing.shadow, null);
      const body = { subject: { of: 'files' as const, files }, seconds: 3_600, reason: 'before we narrow' };
      const set = ok(await world.local.call('policy.shadow.set', { body }));
      assert.ok(set.running && set.until - set.since === 3_600_000);
      const agent = await world.register('beside');
      await work(agent);
      assert.ok(world.journal().includes('ok secret'));
      const found = await counted(7);
      assert.deepEqual([found.newly_denied.count, found.newly_permitted.count, found.newly_held.count], [2, 1, 1]);
      assert.deepEqual(names(found.newly_denied.arguments), ['Tool::"journal/append" line = "ok secret" 2']);
      const { receipt } = found.newly_denied.examples[0]!;
      const story = ok(await world.local.call('exchanges.story', { params: { receipt } }));
      assert.deepEqual(story.decision.shadow, [`set:${set.set.slice(0, 12)}:deny`]);
      const cleared = ok(await world.local.call('policy.shadow.clear', {}));
      assert.equal(cleared.shadow?.running, false);
      assert.equal(ok(await world.local.call('policy.shadow.clear', {})).shadow, null);
      const after = await world.call(agent, 'append', { line: 'ok secret' });
      const id = (after.body.result!._meta as { 'dev.sallyport/receipt': string })['dev.sallyport/receipt'];
      const quiet = ok(await world.local.call('exchanges.story', { params: { receipt: id } }));
      assert.deepEqual(quiet.decision.shadow, []);
    });

    test('a set that cannot run beside is refused', async () => {
      const of = (text: string) => ({ of: 'files' as const, files: [{ name: 'a.cedar', text }] });
      for (const subject of [{ of: 'active' as const }, of('permit (principal, action, resource);')]) {
        const wrong = await world.local.call('policy.shadow.set', { body: { subject, reason: 'try' } });
        assert.ok(wrong.kind === 'failure' && wrong.problem.code === 'input_invalid', JSON.stringify(wrong));
      }
    });

    async function counted(decisions: number) {
      for (let attempt = 0; ; attempt += 1) {
        const found = ok(await world.local.call('policy.shadow.differences', {}));
        if (found.decisions >= decisions) return found;
        assert.ok(attempt < 100, `${found.decisions} decisions`);
        await sleep(300);
      }
    }
  });
}
