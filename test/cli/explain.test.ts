import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Operator, openOperator } from '../support/person.ts';
import { totp } from '../support/totp.ts';
import { freePort, openWorld, type World } from '../support/world.ts';
import { run } from './support.ts';

/** `can`, `why` and `mode` as they are typed. */
suite('asking why, and observing, at the command line', () => {
  let world: World;
  let person: Operator;
  before(async () => {
    world = await openWorld();
    person = await openOperator(world);
    writeFileSync(join(world.folder, 'password'), `${person.password}\n`);
  });
  after(() => world.stop());
  const sallyport = (...argv: string[]) => run(argv, { folder: world.folder });

  test('can answers by its exit code, and says which clause stands in the way', async () => {
    await world.call(world.triage, 'append', { line: 'ok' });
    const yes = await sallyport('can', 'triage', 'tool.call', 'journal/append', '--args', '{"line":"ok then"}');
    assert.equal(yes.code, 0, yes.err);
    assert.match(yes.out, /^✓ permit\ntriage may tool\.call/);
    const no = await sallyport('can', 'triage', 'tool.call', 'journal/append', '--args', '{"line":"no"}');
    assert.equal(no.code, 1);
    assert.match(no.out, /✗ deny policy_denied/);
    assert.match(no.out, /clause: when \{ context\.args\.line like "ok\*" \}/);
    assert.match(no.out, /context\.args\.line was "no"/);
    assert.match(no.out, /The smallest change[\s\S]+principal == Agent::"triage"[\s\S]+context\.args\.line == "no"/);
    assert.match(no.out, /No budgets are set/);
    const json = await sallyport('can', 'triage', 'tool.call', 'journal/append', '--args', '{"line":"no"}', '--json');
    assert.equal(JSON.parse(json.out).explanation.remedy.kind, 'policy');
  });

  test('can says what to type where it was typed wrongly', async () => {
    for (const [argv, said, code] of [
      [['can', 'triage', 'tool.call'], /Missing/, 2],
      [['can', 'triage', 'tool.call', 'x', '--args', '{'], /--args is not JSON/, 2],
      [['can', 'triage', 'tool.call', 'x', '--args', '[1]'], /--args is a JSON object/, 2],
      [['can', 'triag', 'tool.call', 'journal/append'], /triage is one/, 1],
      [['can', 'triage', 'tool.burn', 'journal/append'], /it is one of .*tool\.call/, 1],
      [['can', 'triage', 'tool.call', 'journal/append', '--job', 'other'], /has the jobs support/, 1],
    ] as const) {
      const answer = await sallyport(...argv);
      assert.match(answer.err, said);
      assert.equal(answer.code, code, argv.join(' '));
    }
  });

  test('observing takes a person, a reason, and a day at most', async () => {
    const alone = await sallyport('mode', 'observe', '--reason', 'a first day');
    assert.equal(alone.code, 1);
    assert.match(alone.err, /This needs a person/);
    const as = ['--as', person.name, '--password-file', 'password'];
    for (const argv of [
      [],
      ['--for', '25h', '--reason', 'r'],
      ['--for', 'long', '--reason', 'r'],
      ['--for', '0m', '--reason', 'r'],
    ]) {
      const answer = await sallyport('mode', 'observe', ...argv, ...as);
      assert.equal(answer.code, 2, argv.join(' '));
    }
    const code = totp(person.authenticator, Date.now());
    const on = await sallyport('mode', 'observe', '--for', '2h', '--reason', 'a first day', ...as, '--code', code);
    assert.equal(on.code, 0, on.err);
    assert.match(on.out, /… observing until \d{4}-/);
  });

  test('every command says that it observes, and what was let through is never green', async () => {
    const called = await world.call(world.triage, 'append', { line: 'no' });
    const receipt = String(called.body.result?._meta?.['dev.sallyport/receipt']);
    const list = await sallyport('agent', 'list');
    assert.match(list.err, /… observing until .*what policy refuses is let through/);
    const status = await sallyport('status');
    assert.match(status.out, /… observing until/);
    const why = await sallyport('why', receipt);
    assert.match(why.out, /The gateway was observing, so it was let through/);
    assert.match(why.out, /… would deny policy_denied/);
    assert.doesNotMatch(why.out, /✓/);
    const tail = await sallyport('tail', '--past', '5', '--decision', 'deny', '--no-follow');
    assert.match(tail.out, /… would deny/);
    const off = await sallyport('mode', 'enforce', '--reason', 'seen enough');
    assert.match(off.out, /✓ enforcing/);
    assert.doesNotMatch((await sallyport('agent', 'list')).err, /observing/);
  });

  test('up --observe without anybody to show presence starts, and enforces', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-up-'));
    mkdirSync(join(folder, 'policies'));
    writeFileSync(
      join(folder, 'policies', 'none.cedar'),
      '@id("none") @reason("Nothing.") forbid (principal, action, resource);\n',
    );
    const [agents, people] = [await freePort(), await freePort()];
    writeFileSync(
      join(folder, 'sallyport.yaml'),
      `listen: { agents: "127.0.0.1:${agents}", people: "127.0.0.1:${people}" }\n`,
    );
    const script = fileURLToPath(new URL('../../bin/sallyport.js', import.meta.url));
    const child = spawn(process.execPath, [script, 'up', '--observe', '--json'], { cwd: folder });
    let [out, err] = ['', ''];
    child.stderr.on('data', (part) => {
      err += part;
    });
    try {
      for await (const part of child.stdout) {
        out += part;
        if (out.includes('\n')) break;
      }
      assert.equal(JSON.parse(out).mode, 'enforcing', err);
      assert.match(err, /nobody has an account yet\. It enforces/);
    } finally {
      child.kill('SIGINT');
      await once(child, 'exit');
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
