import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { toolOf } from '../attacks/rug-pulls.ts';
import { type Changing, startChanging } from '../support/changing.ts';
import { type Operator, openOperator } from '../support/person.ts';
import { totp } from '../support/totp.ts';
import { openWorld, type World } from '../support/world.ts';
import { run } from './support.ts';

const POLICY = '@id("all") @reason("What is tried here is not policy.") permit (principal, action, resource);';
const STEP_MS = 30_000;
/** Clears the screen, names the window, turns text around, hides a letter. */
const HOSTILE = '\u001b[2J\u001b]0;owned\u0007 reads \u202email\u202c\u200b';
/** A name with control characters is no tool's; with these it is. */
const NAME = 'f \u202eliam\u202c\u200b$(id)';
const UNSEEN = /[\u001b\u0007\u200b\u202a-\u202e]/;

describe('sallyport tool', { timeout: 120_000 }, () => {
  let server: Changing;
  let world: World;
  let ada: Operator;

  before(async () => {
    server = await startChanging('http', {
      instructions: 'Ask.',
      tools: [
        ...['a', 'b', 'c', 'd'].map(toolOf),
        { ...toolOf('e'), description: `Reads. ${HOSTILE}` },
        { ...toolOf('f'), name: NAME },
      ],
    });
    world = await openWorld({
      policies: POLICY,
      upstreams: `  changing: ${server.entry}\n`,
      tools: 'first_use: trust, list_age_ms_max: 0',
    });
    ada = await openOperator(world);
    writeFileSync(join(world.folder, 'password.txt'), `${ada.password}\n`);
  });
  after(async () => {
    await world?.stop();
    server?.close();
  });

  const tool = (...argv: string[]) => run(['tool', ...argv], { folder: world.folder });
  const parsed = async (...argv: string[]) => {
    const { code, out } = await tool(...argv, '--json');
    assert.equal(code, 0, out);
    return JSON.parse(out) as { parts: Record<string, unknown>[] };
  };
  const stateOf = async (name: string) =>
    (await parsed('list', 'changing')).parts.find((part) => part['name'] === name)?.['state'];
  const present = (at = Date.now(), password = 'password.txt') => [
    ...['--as', 'ada', '--password-file', join(world.folder, password)],
    ...['--code', totp(ada.authenticator, at)],
  ];
  const call = async (name: string) =>
    (await world.call(world.triage, name, { path: 'reports/x' }, { server: 'changing' })).text;
  const pull = (name: string, description: string): void => {
    server.offer.tools.find((one) => one.name === name)!['description'] = description;
    server.publish();
  };

  test('says what there is not, and how it is used, with the exit codes that say so', async () => {
    const empty = await tool('list');
    assert.deepEqual([empty.code, empty.out], [0, 'Nothing yet: a server is met when it is first used.\n']);
    for (const argv of [
      ['show'],
      ['show', 'changing/none'],
      ['diff', 'nobody'],
      ['unpin', 'changing/none'],
      ['burn'],
    ]) {
      const { code, out, err } = await tool(...argv);
      assert.deepEqual([code, out], [2, ''], argv.join(' '));
      assert.notEqual(err, '', argv.join(' '));
    }
    const nowhere = await run(['tool', 'list'], { folder: mkdtempSync(join(tmpdir(), 'sallyport-nowhere-')) });
    assert.equal(nowhere.code, 3);
  });

  test('list tells what a person approved from what nobody looked at, and where characters hide', async () => {
    assert.match(await call('a'), /done/);
    const { code, out } = await tool('list', 'changing');
    assert.equal(code, 0);
    assert.match(out, /changing\/a +pinned +.*trusted at first use, nobody looked/);
    assert.match(out, /changing\/e +waiting +never +hidden characters in 2 places/);
    assert.match(out, /Look at it: sallyport tool diff changing/);
    assert.doesNotMatch(out, UNSEEN);
    const { parts } = await parsed('list', 'changing');
    assert.equal(parts.length, 8);
    assert.deepEqual((await parsed('list', 'journal')).parts, []);
  });

  test('show keeps hostile text from acting, on a terminal and as JSON', async () => {
    const shown = await tool('show', 'changing/e');
    assert.equal(shown.code, 0);
    assert.doesNotMatch(shown.out, UNSEEN);
    assert.match(shown.out, /\\u202email\\u202c\\u200b/);
    assert.match(shown.out, /! hidden|! bidirectional/);
    const json = await tool('show', 'changing/e', '--json');
    assert.doesNotMatch(json.out, UNSEEN);
    const [detail] = (JSON.parse(json.out) as { parts: { after: { description: string } }[] }).parts;
    assert.equal(detail?.after.description, `Reads. ${HOSTILE}`, 'and it is the same value');
    const named = await tool('show', `changing/${NAME}`);
    assert.equal(named.code, 0, named.err);
    assert.doesNotMatch(named.out, UNSEEN);
    const unknown = await tool('show', `changing/${HOSTILE}`);
    assert.equal(unknown.code, 2);
    assert.doesNotMatch(unknown.err, UNSEEN);
  });

  test('approve needs a person who is here; without one nothing changes', async () => {
    writeFileSync(join(world.folder, 'wrong.txt'), 'not the password');
    for (const argv of [[], ['--as', 'ada'], present(Date.now() - 600_000), present(Date.now(), 'wrong.txt')]) {
      const { code, err } = await tool('approve', 'changing', ...argv);
      assert.equal(code, 1);
      assert.notEqual(err, '');
      assert.doesNotMatch(err, new RegExp(ada.password));
    }
    assert.equal(await stateOf(''), 'pinned', 'the origin');
    assert.equal(await stateOf('e'), 'waiting');
    const nothing = await tool('approve', 'changing/a', ...present());
    assert.deepEqual([nothing.code, nothing.out], [1, '']);
    assert.match(nothing.err, /Nothing of it waits/);
  });

  test('diff names the places that changed, and only those', async () => {
    pull('b', `Reads ${HOSTILE}`);
    pull('c', 'Deletes one report.');
    await call('b');
    const { code, out } = await tool('diff', 'changing/b');
    assert.equal(code, 0);
    assert.match(out, /changing\/b: changed, seen /);
    assert.match(out, /^ {2}\/description\n {4}- "Reads one report[^\n]*\n {4}\+ "Reads [^\n]*\\u202e/m);
    assert.equal(out.match(/^ {2}\//gm)?.length, 1);
    assert.doesNotMatch(out, UNSEEN);
    const whole = await tool('diff', 'changing');
    for (const name of ['changing/b', 'changing/c', 'changing/e']) assert.ok(whole.out.includes(`${name}: `), name);
    assert.doesNotMatch(whole.out, /changing\/a: /);
    assert.match((await tool('diff', 'changing/d')).out, /Nothing differs/);
  });

  test('reject leaves it stopped; approving the server then takes the rest and not what was rejected', async () => {
    const here = present();
    const rejected = await tool('reject', 'changing/c', '--reason', 'deletes', ...here);
    assert.deepEqual([rejected.code, rejected.out], [0, 'Rejected: changing/c.\n'], rejected.err);
    const replayed = await tool('approve', 'changing', ...here);
    assert.equal(replayed.code, 1, 'a code counts once');
    const approved = await tool('approve', 'changing', '--json', ...present(Date.now() + STEP_MS));
    assert.equal(approved.code, 0, approved.err + approved.out);
    assert.doesNotMatch(approved.out, UNSEEN);
    const names = (JSON.parse(approved.out) as { parts: { name: string }[] }).parts.map(({ name }) => name);
    assert.deepEqual(names.sort(), ['b', 'e', NAME].sort());
    assert.match(await call('b'), /done/);
    assert.match(await call('c'), /tool_changed/);
    assert.match(await call('e'), /done/);
    const { out } = await tool('list', 'changing');
    assert.match(out, /changing\/b +pinned +.*approved by person:/);
    assert.match(out, /changing\/c +rejected/);
  });

  test('unpin takes a pin back, and says where there is none', async () => {
    const { code, out } = await tool('unpin', 'changing/d', '--reason', 'under review');
    assert.deepEqual([code, out], [0, 'Unpinned: changing/d.\n']);
    assert.match(await call('d'), /tool_not_approved/);
    const again = await tool('unpin', 'changing/d');
    assert.deepEqual([again.code, again.out], [1, '']);
    const { parts } = await parsed('unpin', 'changing');
    assert.ok(parts.length >= 4);
    assert.match(await call('a'), /tool_not_approved/);
  });
});
