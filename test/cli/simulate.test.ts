import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openWorld, type World } from '../support/world.ts';
import { run } from './support.ts';

const POLICIES = `
@id("appends") @reason("Lines that begin with ok.")
permit (principal is Agent, action == Action::"tool.call", resource == Tool::"journal/append")
when { context.args.line like "ok*" };
`;

describe('sallyport policy simulate and shadow', { timeout: 120_000 }, () => {
  let world: World;
  before(async () => {
    world = await openWorld({ policies: POLICIES });
    mkdirSync(join(world.folder, 'tried'));
    writeFileSync(join(world.folder, 'tried', 'a.cedar'), POLICIES.replace('"ok*"', '"ok \u0031*"'));
    mkdirSync(join(world.folder, 'broken'));
    writeFileSync(join(world.folder, 'broken', 'a.cedar'), 'permit (principal, action, resource);');
    for (const line of ['ok 1', 'ok \u001b[2J', 'no']) await world.call(world.triage, 'append', { line });
  });
  after(() => world.stop());

  const policy = (...argv: string[]) => run(['policy', ...argv], { folder: world.folder });

  /** A receipt has its place in the log within a moment of its commit. */
  async function until(wanted: RegExp, ...argv: string[]): Promise<string> {
    for (let attempt = 0; ; attempt += 1) {
      const { code, out, err } = await policy(...argv);
      assert.equal(code, 0, err);
      if (wanted.test(out)) return out;
      assert.ok(attempt < 60, out);
      await sleep(200);
    }
  }

  test('tells what would come out otherwise, with what was asked shown as text', async () => {
    const out = await until(/3 decisions since/, 'simulate', join(world.folder, 'tried'), '--since', '1h');
    assert.match(out, /1 come out otherwise/);
    assert.match(out, /Newly denied: 1/);
    assert.match(out, /agents: triage 1/);
    assert.match(out, /was: permit by appends/);
    assert.match(out, /sallyport why rcp_/);
    assert.doesNotMatch(out, /\u001b\[2J/);
    const same = await until(/3 decisions since/, 'simulate');
    assert.match(same, /made again by the active set\.\nNo difference\./);
    const json = JSON.parse((await policy('simulate', '--json')).out) as {
      state: string;
      result: { decisions: number };
    };
    assert.deepEqual([json.state, json.result.decisions], ['done', 3]);
  });

  test('says what cannot be tried, and what to type', async () => {
    for (const [argv, expected, said] of [
      [['simulate', 'nowhere'], 2, /neither a folder nor the digest/],
      [['simulate', '--since', 'yesterday'], 2, /30d/],
      [['simulate', '--since', '2026-99-99'], 2, /2026-11-01/],
      [['simulate', 'ffffffffffff'], 1, /No policy set begins with/],
      [['simulate', 'broken'], 1, /a\.cedar:1/],
      [['shadow', 'set', 'tried', '--for', '2y'], 2, /7d|30d/],
      [['shadow', 'burn'], 2, /none of set, clear and differences/],
      [['shadow', 'clear', 'now'], 2, /takes nothing more/],
      [['shadow', 'set', 'broken'], 1, /a\.cedar:1/],
    ] as const) {
      const at = argv.map((one) => (['tried', 'broken'].includes(one) ? join(world.folder, one) : one));
      const { code, err } = await policy(...at);
      assert.deepEqual([code, said.test(err)], [expected, true], `${argv.join(' ')}: ${code} ${err}`);
    }
  });

  test('runs a set beside, counts what it would do, and ends it', async () => {
    assert.match((await policy('shadow')).out, /No policy set runs beside/);
    const set = await policy('shadow', 'set', join(world.folder, 'tried'), '--for', '2h', '--reason', 'to see');
    assert.match(set.out, /^Set [0-9a-f]{12} runs beside since .* by local: to see/);
    await world.call(world.triage, 'append', { line: 'ok 2' });
    const out = await until(/1 of 1 decisions/, 'shadow', 'differences');
    assert.match(out, /Would deny: 1/);
    assert.match(out, /line = "ok 2" 1/);
    assert.match((await policy('shadow', 'clear')).out, /^Set [0-9a-f]{12} ran beside/);
    assert.equal(
      (JSON.parse((await policy('shadow', '--json')).out) as { shadow: { running: boolean } }).shadow.running,
      false,
    );
  });
});
