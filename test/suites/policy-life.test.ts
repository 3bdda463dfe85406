import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { policyMigrations } from '../../src/controls/policy/index.ts';
import { isRefusal, type Refusal } from '../../src/core/refusal.ts';
import { call, forbid, openReplica, permit, type Replica, write } from '../policy/support.ts';
import { onEveryDatabase } from '../support/databases.ts';

const read = (agent = 'ann') => {
  const request = call('files/read', { path: 'a' });
  return { ...request, principal: { type: 'Agent' as const, id: agent }, agent: { ...request.agent, id: agent } };
};
const effect = (replica: Replica, agent?: string): string => replica.engine.decide(read(agent)).effect;
const events = (replica: Replica): string[] => replica.changes.map(({ event, by }) => `${event} by ${by}`);

const ONE = permit('one', 'false');
const TWO = permit('one');
const TESTS = (expect: 'permit' | 'deny') => `
agents: { ann: {} }
tools: { files/read: { path: string } }
cases:
  - it: ann reads
    as: ann
    call: files/read
    with: { path: a }
    expect: ${expect}
`;

function ok<T>(done: T | Refusal): T {
  assert.ok(!isRefusal(done), isRefusal(done) ? `${done.code}: ${done.reason}` : '');
  return done as T;
}

function refused(done: unknown, code: string, says?: RegExp): void {
  assert.ok(isRefusal(done), `${JSON.stringify(done)} is no refusal`);
  assert.equal(done.code, code, done.reason);
  if (says !== undefined) assert.match(`${done.public} ${done.reason}`, says);
}

onEveryDatabase('the life of a policy set', (place) => {
  const fresh = async () => (await place.fresh(policyMigrations)).db;
  const console_ = { source: () => 'console' as const };
  const edit = (text: string | null, name = 'a.cedar') => ({ edits: [{ name, text }] });
  const by = (who: string, more: { write_folder?: boolean } = {}) => ({
    ...{ by: `person:${who}`, why: 'a test', write_folder: false },
    ...more,
  });
  /** Proposes and gives the digest of what waits. */
  const proposed = async (replica: Replica, text: string, who = 'ann'): Promise<string> => {
    const done = ok(await replica.sets.propose(edit(text), by(who)));
    assert.ok(done.kind === 'proposed', JSON.stringify(done));
    return done.version.digest;
  };

  test('each version keeps its author, its reason and every time that it was active', async (t) => {
    const replica = await openReplica(t, await fresh(), { 'a.cedar': ONE }, console_);
    const two = await proposed(replica, TWO);
    ok(await replica.sets.activate(two, 'person:bob', 'reviewed'));
    const { versions, active, before } = await replica.sets.versions();
    assert.deepEqual(
      versions.map(({ number, author, state }) => ({ number, author, state })),
      [
        { number: 2, author: 'person:ann', state: 'active' },
        { number: 1, author: 'folder', state: 'past' },
      ],
    );
    assert.equal(active, two);
    assert.equal(before, versions[1]!.digest);
    assert.deepEqual(
      versions[0]!.activations.map(({ activated_by, why, how }) => ({ activated_by, why, how })),
      [{ activated_by: 'person:bob', why: 'reviewed', how: 'activate' }],
    );
    assert.deepEqual(events(replica), [
      'policy.activate by gateway',
      'policy.propose by person:ann',
      'policy.activate by person:bob',
    ]);
  });

  test('a version shows its files, and what it changes as a patch that applies', async (t) => {
    const before = `// the first line\n${ONE}\n${forbid('no', 'false')}\n${'// more\n'.repeat(20)}`;
    const after = `${before.replace('false', 'true')}// no newline`;
    const replica = await openReplica(t, await fresh(), { 'a.cedar': before, 'b.cedar': permit('gone') }, console_);
    const done = ok(
      await replica.sets.propose(
        {
          edits: [
            { name: 'a.cedar', text: after },
            { name: 'b.cedar', text: null },
            { name: 'c.cedar', text: permit('new') },
          ],
        },
        by('ann'),
      ),
    );
    assert.ok(done.kind === 'proposed');
    const { patch, files, widens } = ok(await replica.sets.version(done.version.digest));
    assert.deepEqual(
      files.map(({ name }) => name),
      ['a.cedar', 'c.cedar'],
    );
    assert.match(widens.join(), /permit one is new or changed/);
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-patch-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    await write(folder, { 'a.cedar': before, 'b.cedar': permit('gone') });
    execFileSync('git', ['apply', '-'], { cwd: folder, input: patch });
    assert.equal(await readFile(join(folder, 'a.cedar'), 'utf8'), after);
    assert.equal(await readFile(join(folder, 'c.cedar'), 'utf8'), permit('new'));
    await assert.rejects(readFile(join(folder, 'b.cedar')), /ENOENT/);
  });

  const WRONG: Record<string, [candidate: object, says: RegExp]> = {
    'text that does not parse': [edit('permit (principal, action resource);'), /a\.cedar:1:/],
    'a policy without an id': [edit('permit (principal, action, resource);'), /no @id/],
    'an id of a grant': [edit(permit('grant:prv_1')), /@id/],
    'nothing at all': [{ files: [] }, /at least one policy/],
    'files and edits at once': [{ ...edit(TWO), files: [] }, /either/],
    'neither files nor edits': [{}, /either/],
    'the removal of what is not there': [edit(null, 'z.cedar'), /no file z\.cedar/],
  };
  for (const [name, [candidate, says]] of Object.entries(WRONG)) {
    test(`${name} is not proposed`, async (t) => {
      const replica = await openReplica(t, await fresh(), { 'a.cedar': ONE }, console_);
      refused(await replica.sets.propose(candidate, by('ann')), 'input_invalid', says);
      assert.equal((await replica.sets.versions()).versions.length, 1);
    });
  }

  test('an edit of a set that another has replaced since is refused', async (t) => {
    const replica = await openReplica(t, await fresh(), { 'a.cedar': ONE }, console_);
    const base = replica.engine.set;
    ok(await replica.sets.activate(await proposed(replica, TWO), 'person:bob', 'yes'));
    refused(await replica.sets.propose({ base, ...edit(permit('three')) }, by('ann')), 'policy_changed');
  });

  test('a set whose cases fail is activated by nobody, in no way, and the refusal names the case', async (t) => {
    const replica = await openReplica(t, await fresh(), { 'a.cedar': ONE, 'a.test.yaml': TESTS('deny') }, console_);
    const bad = await proposed(replica, TWO);
    const says = /a\.test\.yaml:5: the case “ann reads” fails: decision: expected "deny", got "permit"/;
    refused(await replica.sets.activate(bad, 'person:bob', 'please'), 'policy_tests_failed', says);
    refused(await replica.sets.canary({ digest: bad, share_ppm: 100_000 }, 'person:bob', 'x'), 'policy_tests_failed');
    assert.equal(effect(replica), 'deny');
    const mended = ok(
      await replica.sets.propose(
        {
          edits: [
            { name: 'a.cedar', text: TWO },
            { name: 'a.test.yaml', text: TESTS('permit') },
          ],
        },
        by('ann'),
      ),
    );
    assert.ok(mended.kind === 'proposed' && mended.tests.passed && mended.version.digest === bad);
    ok(await replica.sets.activate(bad, 'person:bob', 'with its test'));
    assert.equal(effect(replica), 'permit');
  });

  test('a folder whose cases fail stays a problem with its place, and what was active stays active', async (t) => {
    const files = { 'a.cedar': permit('one') + permit('two'), 'a.test.yaml': TESTS('permit') };
    const replica = await openReplica(t, await fresh(), files);
    const active = replica.engine.set;
    await write(replica.folder, { ...files, 'a.cedar': ONE });
    const status = await replica.sets.reload();
    assert.equal(replica.engine.set, active);
    assert.match(status.problems.map(({ message }) => message).join(), /the case “ann reads” fails/);
    await write(replica.folder, { ...files, 'a.test.yaml': 'cases: nonsense' });
    assert.match((await replica.sets.reload()).problems.map(({ message }) => message).join(), /cases/);
    const narrower = permit('one', 'context.args.path == "b"');
    await write(replica.folder, { ...files, 'a.cedar': permit('two'), 'a.test.yaml': TESTS('permit') });
    await replica.sets.reload();
    assert.notEqual(replica.engine.set, active);
    await write(replica.folder, { ...files, 'a.cedar': narrower, 'a.test.yaml': TESTS('deny') });
    await replica.sets.reload();
    assert.equal((await replica.sets.proposals()).length, 1);
  });

  test('cases run against a candidate that is stored nowhere, and against what somebody types', async (t) => {
    const replica = await openReplica(t, await fresh(), { 'a.cedar': ONE });
    const typed = [{ name: 'typed.test.yaml', text: TESTS('permit') }];
    const now = ok(await replica.sets.test({}, typed));
    assert.deepEqual([now.passed, now.results[0]!.explanation.decision.effect], [false, 'deny']);
    assert.equal(ok(await replica.sets.test(edit(TWO), typed)).passed, true);
    assert.match(ok(await replica.sets.test(edit('nonsense'), typed)).problems[0]!.message, /unexpected/);
    refused(await replica.sets.test({ base: 'f'.repeat(64) }, typed), 'not_found');
    assert.equal((await replica.sets.versions()).versions.length, 1);
  });

  test('where two persons are needed, who proposed does not approve: not as active, not as a canary', async (t) => {
    const replica = await openReplica(t, await fresh(), { 'a.cedar': ONE }, { ...console_, two_persons: () => true });
    const two = await proposed(replica, TWO);
    refused(await replica.sets.activate(two, 'person:ann', 'mine'), 'second_person_needed');
    refused(await replica.sets.canary({ digest: two, share_ppm: 1 }, 'person:ann', 'mine'), 'second_person_needed');
    // Proposing what waits already makes nobody else its author.
    await proposed(replica, TWO, 'bob');
    refused(await replica.sets.activate(two, 'person:ann', 'mine'), 'second_person_needed');
    // Nor does another set that becomes active meanwhile.
    ok(await replica.sets.activate(await proposed(replica, permit('three'), 'cy'), 'person:bob', 'fine'));
    refused(await replica.sets.activate(two, 'person:ann', 'mine'), 'second_person_needed');
    ok(await replica.sets.activate(two, 'person:bob', 'looked at'));
    // What a second person approved once, anybody who may approve goes back to.
    ok(await replica.sets.rollback('person:ann', 'it broke'));
    ok(await replica.sets.activate(two, 'person:ann', 'it did not'));
  });

  test('where two persons are needed, nobody in particular proposes nothing', async (t) => {
    const replica = await openReplica(t, await fresh(), { 'a.cedar': ONE }, { ...console_, two_persons: () => true });
    const local = { by: 'local', why: 'x', write_folder: false };
    refused(await replica.sets.propose(edit(TWO), local), 'sign_in_required');
  });

  test('a rollback goes one version back, and the next one further, with receipts of their own', async (t) => {
    const replica = await openReplica(t, await fresh(), { 'a.cedar': ONE }, console_);
    refused(await replica.sets.rollback('person:bob', 'x'), 'not_found', /no version before/);
    const first = replica.engine.set;
    const second = await proposed(replica, TWO);
    ok(await replica.sets.activate(second, 'person:bob', 'x'));
    ok(await replica.sets.activate(await proposed(replica, permit('three')), 'person:bob', 'x'));
    ok(await replica.sets.activate(replica.engine.set, 'person:bob', 'again'));
    ok(await replica.sets.rollback('person:bob', 'x'));
    assert.equal(replica.engine.set, second);
    ok(await replica.sets.rollback('person:bob', 'x'));
    assert.equal(replica.engine.set, first);
    refused(await replica.sets.rollback('person:bob', 'x'), 'not_found');
    assert.equal(replica.changes.at(-1)!.event, 'policy.rollback');
    assert.deepEqual([replica.changes.at(-1)!.before, replica.changes.at(-1)!.after], [second, first]);
  });

  test('what a person went back from does not come again by itself, whatever the folder holds', async (t) => {
    const db = await fresh();
    const replica = await openReplica(t, db, { 'a.cedar': TWO });
    const narrow = forbid('no') + TWO;
    await write(replica.folder, { 'a.cedar': narrow });
    await replica.sets.reload();
    assert.equal(effect(replica), 'deny');
    ok(await replica.sets.rollback('person:bob', 'the forbid broke everything'));
    await replica.sets.reload();
    assert.equal(effect(replica), 'permit');
    assert.equal((await replica.sets.proposals()).length, 1);
    const other = await openReplica(t, db, { 'a.cedar': narrow }, { activation: () => 'file' });
    assert.equal(effect(other), 'permit');
  });

  test('while the folder is the source, an edit from elsewhere is a patch, and nothing is stored', async (t) => {
    const replica = await openReplica(t, await fresh(), { 'a.cedar': ONE });
    const done = ok(await replica.sets.propose(edit(TWO), by('ann')));
    assert.ok(done.kind === 'patch');
    assert.match(done.patch, /^--- a\/a\.cedar\n\+\+\+ b\/a\.cedar\n@@ -1,2 \+1,2 @@/);
    assert.deepEqual([(await replica.sets.versions()).versions.length, replica.changes.length], [1, 1]);
    refused(await replica.sets.activate(done.set, 'person:bob', 'x'), 'not_found');
  });

  test('told to, it writes the folder, in the name of who proposed', async (t) => {
    const replica = await openReplica(t, await fresh(), { 'a.cedar': ONE }, { two_persons: () => true });
    const done = ok(await replica.sets.propose(edit(TWO), by('ann', { write_folder: true })));
    assert.ok(done.kind === 'proposed' && done.version.author === 'person:ann');
    assert.equal(await readFile(join(replica.folder, 'a.cedar'), 'utf8'), TWO);
    await replica.sets.reload();
    refused(await replica.sets.activate(done.version.digest, 'person:ann', 'x'), 'second_person_needed');
    ok(await replica.sets.activate(done.version.digest, 'person:bob', 'x'));
    assert.equal(effect(replica), 'permit');
  });

  test('an edit that takes away, written by a person, waits for an approver as any other', async (t) => {
    const replica = await openReplica(t, await fresh(), { 'a.cedar': TWO + permit('two') });
    const done = ok(await replica.sets.propose(edit(TWO), by('ann', { write_folder: true })));
    assert.equal(done.kind, 'proposed');
    await replica.sets.reload();
    assert.equal((await replica.sets.proposals()).length, 1);
  });

  test('a folder that somebody changed meanwhile, or that cannot be written, is left as it is', async (t) => {
    const replica = await openReplica(t, await fresh(), { 'a.cedar': ONE });
    await write(replica.folder, { 'a.cedar': permit('theirs') });
    refused(await replica.sets.propose(edit(TWO), by('ann', { write_folder: true })), 'policy_changed', /folder/);
    assert.equal(await readFile(join(replica.folder, 'a.cedar'), 'utf8'), permit('theirs'));
    await write(replica.folder, { 'a.cedar': ONE });
    await mkdir(join(replica.folder, '.a.cedar.new'));
    refused(
      await replica.sets.propose(edit(TWO), by('ann', { write_folder: true })),
      'input_invalid',
      /cannot be written/,
    );
    assert.equal(await readFile(join(replica.folder, 'a.cedar'), 'utf8'), ONE);
    await chmod(join(replica.folder, '.a.cedar.new'), 0o700);
  });

  test('while the console is the source, the folder gives the first set and nothing after it', async (t) => {
    const db = await fresh();
    const replica = await openReplica(t, db, { 'a.cedar': ONE }, { ...console_, watch: true });
    await writeFile(join(replica.folder, 'a.cedar'), permit('one') + permit('two'));
    const other = await openReplica(t, db, { 'a.cedar': permit('other') }, console_);
    assert.equal(other.engine.set, replica.engine.set);
    assert.deepEqual(await replica.sets.proposals(), []);
  });

  const AGENTS = Array.from({ length: 400 }, (_, at) => `agent-${at}`);
  const permitted = (replica: Replica): string[] => AGENTS.filter((agent) => effect(replica, agent) === 'permit');

  test('a canary decides for its share of the agents, the same ones everywhere and as it grows', async (t) => {
    const db = await fresh();
    const replica = await openReplica(t, db, { 'a.cedar': ONE }, console_);
    const other = await openReplica(t, db, { 'a.cedar': ONE }, console_);
    const before = replica.engine.set;
    const set = await proposed(replica, TWO);
    ok(await replica.sets.canary({ digest: set, share_ppm: 100_000 }, 'person:bob', 'try'));
    const few = permitted(replica);
    assert.ok(few.length > 15 && few.length < 80, `${few.length} of 400`);
    for (const agent of AGENTS) {
      assert.equal(replica.engine.decide(read(agent)).set, few.includes(agent) ? set : before);
    }
    await other.state.poll();
    assert.deepEqual(permitted(other), few);
    ok(await replica.sets.canary({ digest: set, share_ppm: 500_000 }, 'person:bob', 'more'));
    const more = permitted(replica);
    assert.ok(few.every((agent) => more.includes(agent)) && more.length > 140);
    ok(await replica.sets.canary({ digest: set, share_ppm: 1_000_000 }, 'person:bob', 'all'));
    assert.equal(permitted(replica).length, 400);
    ok(await replica.sets.canary({ share_ppm: 0 }, 'person:bob', 'too wide'));
    assert.deepEqual(permitted(replica), []);
    refused(await replica.sets.canary({ share_ppm: 0 }, 'person:bob', 'again'), 'not_found');
    assert.deepEqual(
      replica.changes.filter(({ event }) => event === 'policy.canary').map(({ after }) => after),
      [set, set, set, null],
    );
  });

  test('activating ends the canary: promoted, or dropped with the set that it was tried against', async (t) => {
    const replica = await openReplica(t, await fresh(), { 'a.cedar': ONE }, console_);
    const set = await proposed(replica, TWO);
    ok(await replica.sets.canary({ digest: set, share_ppm: 500_000 }, 'person:bob', 'try'));
    ok(await replica.sets.activate(set, 'person:bob', 'it held'));
    assert.equal((await replica.sets.versions()).canary, undefined);
    assert.equal((replica.changes.at(-1)!.payload as { canary: string }).canary, 'promoted');
    const third = await proposed(replica, permit('three'));
    ok(await replica.sets.canary({ digest: third, share_ppm: 500_000 }, 'person:bob', 'try'));
    ok(await replica.sets.rollback('person:bob', 'all of it'));
    assert.equal((await replica.sets.versions()).canary, undefined);
    assert.deepEqual(permitted(replica), []);
  });

  for (const [name, share_ppm] of Object.entries({
    'less than nothing': -1,
    'more than all': 1_000_001,
    'a part': 0.5,
  })) {
    test(`a canary for ${name} is refused`, async (t) => {
      const replica = await openReplica(t, await fresh(), { 'a.cedar': ONE }, console_);
      const digest = await proposed(replica, TWO);
      refused(await replica.sets.canary({ digest, share_ppm }, 'person:bob', 'x'), 'input_invalid');
      refused(await replica.sets.canary({ share_ppm: 1 }, 'person:bob', 'x'), 'input_invalid', /which set/);
      refused(
        await replica.sets.canary({ digest: replica.engine.set, share_ppm: 1 }, 'person:bob', 'x'),
        'input_invalid',
        /active already/,
      );
    });
  }

  test('what is pinned decides by one version to its end, lists included', async (t) => {
    const replica = await openReplica(t, await fresh(), { 'a.cedar': TWO }, console_);
    const held = replica.engine.pinned();
    const { access, ...facts } = read();
    ok(await replica.sets.activate(await proposed(replica, TWO + forbid('no')), 'person:bob', 'x'));
    assert.deepEqual(replica.engine.visible(facts, [access]), [false]);
    assert.deepEqual(held.visible(facts, [access]), [true]);
    assert.equal(held.decide(read()).effect, 'permit');
    assert.notEqual(held.decide(read()).set, replica.engine.set);
  });
});
