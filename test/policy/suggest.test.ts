import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Suggestion } from '../../src/api/contract/index.ts';
import { run } from '../cli/support.ts';
import type { AgentClient } from '../support/agent-client.ts';
import { type Called, openWorld, type World } from '../support/world.ts';

/** From use to the least policy, by the doors that people and agents take. */
const EVERYTHING = `
@id("at-first") @reason("Everything of the journal, until it is known what is needed.") @public("Use the journal.")
permit (principal is Agent, action == Action::"tool.call", resource in Server::"journal");

@id("never-used") @reason("Nobody ever needed it.")
permit (principal == Agent::"filer", action == Action::"tool.call", resource == Tool::"unannotated/echo");

@id("for-others") @reason("Another agent's.")
permit (principal == Agent::"other", action == Action::"tool.call", resource == Tool::"unannotated/echo");

@id("for-another-job") @reason("Another job's.")
permit (principal == Agent::"filer", action == Action::"tool.call", resource == Tool::"unannotated/append")
when { context.run.job == "sweep" };
`;
const HOSTILE = 'x"); permit (principal, action, resource); // \u202e*\n';

const isRefused = ({ body }: Called): boolean => body.error !== undefined || body.result?.isError === true;

describe('suggestions', () => {
  let world: World;
  let filer: AgentClient;
  const RUNS = 14;
  before(async () => {
    world = await openWorld({ policies: EVERYTHING });
    for (let at = 0; at < RUNS; at += 1) {
      filer = await world.register('filer', ['support']);
      await world.call(filer, 'read_text', { path: `reports/2026/${at}.md` });
      await world.call(filer, 'read_text', { path: `reports/${at}.md` });
      await world.call(filer, 'append', { line: at % 2 === 0 ? 'ok' : 'fine' });
    }
    await world.call(filer, 'echo', { text: HOSTILE });
  });
  after(() => world.stop());

  /** Once the log has all of it: a receipt has its place a moment after its commit. */
  async function suggestion(calls = RUNS * 3 + 1): Promise<Suggestion> {
    for (let attempt = 0; ; attempt += 1) {
      const answer = await world.local.call('policy.suggestion', { params: { agent: 'filer', job: 'support' } });
      if (answer.kind === 'ok' && answer.value.calls >= calls) return answer.value;
      assert.ok(attempt < 200, JSON.stringify(answer));
      await sleep(50);
    }
  }

  test('each tool is a clause with its evidence, each condition says how it is known', async () => {
    const found = await suggestion();
    assert.equal(found.runs, RUNS);
    assert.deepEqual(found.clauses.map(({ resource }) => resource).sort(), [
      'journal/append',
      'journal/echo',
      'journal/read_text',
    ]);
    const read = found.clauses.find(({ resource }) => resource === 'journal/read_text');
    assert.equal(read?.evidence.calls, RUNS * 2);
    assert.equal(read?.evidence.runs, RUNS);
    assert.ok((read?.evidence.first_seen ?? 0) < (read?.evidence.last_seen ?? 0));
    const [condition] = read?.conditions ?? [];
    assert.deepEqual(condition?.arguments, ['path']);
    assert.equal(condition?.shape, 'like');
    assert.match(condition?.text ?? '', /context\.args\.path like "reports\/\*\.md"/);
    assert.deepEqual([condition?.confidence.tried, condition?.confidence.broken], [RUNS * 2, 0]);
    assert.match(condition?.confidence.says ?? '', /of 28 calls in held-out runs it would have refused 0/);
    assert.equal(read?.active, false);
  });

  test('the receipts that a clause names are in the log, and the accepted text carries them', async () => {
    const { clauses } = await suggestion();
    for (const { evidence, text } of clauses) {
      assert.ok(evidence.receipts.length > 0);
      for (const receipt of evidence.receipts) {
        assert.ok(text.includes(receipt));
        const story = await world.local.call('exchanges.story', { params: { receipt } });
        assert.equal(story.kind, 'ok');
      }
    }
  });

  test('what was never used is listed, if it is this agent’s and this job’s', async () => {
    const { unused } = await suggestion();
    assert.deepEqual(
      unused.map(({ policy, own, last_used }) => [policy, own, last_used]),
      [['never-used', true, null]],
    );
  });

  test('a hostile argument stays a value: nothing beside the clauses, nothing that turns a line around', async () => {
    const { clauses, file } = await suggestion();
    assert.doesNotMatch(file.text, /[\u202a-\u202e\u2066-\u2069]/);
    const checked = await world.local.call('policy.validate', { body: { files: [file] } });
    assert.ok(checked.kind === 'ok', JSON.stringify(checked));
    assert.deepEqual(
      checked.value.problems.filter(({ severity }) => severity === 'error'),
      [],
    );
    assert.equal(file.text.match(/^permit \(/gm)?.length, clauses.length);
  });

  test('another agent, another job and nobody have none', async () => {
    for (const params of [
      { agent: 'filer', job: 'sweep' },
      { agent: 'triage', job: 'support' },
      { agent: 'nobody', job: 'support' },
    ]) {
      const answer = await world.local.call('policy.suggestion', { params });
      assert.ok(answer.kind === 'failure' && answer.problem.code === 'not_found', JSON.stringify(answer));
    }
    const bad = await world.local.call('policy.suggestion', {
      params: { agent: 'filer', job: 'support' },
      query: { days: 0 },
    });
    assert.equal(bad.kind, 'failure');
  });

  test('the command line lists, shows, writes once, and says what it cannot read', async () => {
    await suggestion();
    const { folder } = world;
    const listed = await run(['policy', 'suggest'], { folder });
    assert.equal(listed.code, 0, listed.err);
    assert.match(listed.out, /filer\s+support\s+14\s+43/);
    const shown = await run(['policy', 'suggest', '--agent', 'filer'], { folder });
    assert.match(shown.out, /journal\/read_text: 28 calls in 14 runs/);
    assert.match(shown.out, /unused never-used .*it names this agent alone and can go/);
    const json = JSON.parse((await run(['policy', 'suggest', '--agent', 'filer', '--json'], { folder })).out);
    assert.equal(json.suggestions[0].clauses.length, 3);
    const written = await run(['policy', 'suggest', '--agent', 'filer', '--out', 'suggested'], { folder });
    assert.match(written.out, /written: .*use\.filer\.support\.cedar/);
    assert.equal((await run(['policy', 'check', 'suggested'], { folder })).code, 0);
    const again = await run(['policy', 'suggest', '--agent', 'filer', '--out', 'suggested'], { folder });
    assert.deepEqual([again.code, again.err.includes('exists already')], [1, true]);
    for (const since of ['0d', 'yesterday', '30', '400d']) {
      const wrong = await run(['policy', 'suggest', '--since', since], { folder });
      assert.deepEqual([wrong.code, /--since is a number of days/.test(wrong.err)], [2, true], since);
    }
    const none = await run(['policy', 'suggest', '--agent', 'nobody'], { folder });
    assert.match(none.out, /Nothing that was permitted since/);
  });

  test('once accepted it permits the same again and nothing else', async () => {
    const { file } = await suggestion();
    const edits = [{ name: 'test.cedar', text: null }, file];
    const proposed = await world.local.call('policy.propose', {
      body: { edits, reason: 'what is needed', write_folder: true },
    });
    assert.equal(proposed.kind, 'ok', JSON.stringify(proposed));
    const outside = ['read_text', { path: 'secret/salaries.csv' }] as const;
    for (let attempt = 0; ; attempt += 1) {
      const called = await world.call(filer, ...outside);
      if (isRefused(called)) break;
      assert.ok(attempt < 200, 'the accepted policies never came into force');
      await sleep(50);
    }
    const inside = await world.call(filer, 'read_text', { path: 'reports/2027/new.md' });
    assert.ok(!isRefused(inside), inside.text);
    for (const [tool, args] of [
      ['read_text', { path: 'reportsx/a.md' }],
      ['append', { line: 'never said' }],
    ] as const) {
      const refused = await world.call(filer, tool, args);
      assert.ok(isRefused(refused), `${tool} ${refused.text}`);
    }
    const stranger = await world.register('stranger', ['support']);
    assert.ok(isRefused(await world.call(stranger, 'read_text', { path: 'reports/1.md' })));
    const { clauses } = await suggestion();
    assert.ok(
      clauses.some(({ active }) => active),
      'a clause in force is known as such',
    );
  });
});
