import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import { Secret } from '../../src/core/secret.ts';
import { openEgress } from '../../src/enforcement/index.ts';
import { vaultKeySource } from '../../src/main/vault-keys.ts';
import { MovableClock } from '../support/identity.ts';

const LIMIT = { timeout: 30_000 };
const clock = new MovableClock();
const egress = openEgress({ clock, environment: { PATH: process.env['PATH'] ?? '' } });
const own = new Secret(new Uint8Array(randomBytes(32)));
const key = randomBytes(32);

after(() => egress.close());

type Given = Partial<Parameters<typeof vaultKeySource>[0]['vault']>;
const sourceOf = (vault: Given) =>
  vaultKeySource({ vault: { env: {}, previous: [], token_endpoints: [], ...vault }, own, egress, clock });
const printing = (script: string): Given => ({ command: [process.execPath, '-e', script] });

async function currentOf(vault: Given): Promise<string> {
  const current = await sourceOf(vault).current();
  return 'problem' in current ? current.problem : Buffer.from(current.reveal()).toString('hex');
}

test(
  'a key is read from a reference or a program, in base64 or hex; the data folder has one of its own',
  LIMIT,
  async () => {
    const hex = key.toString('hex');
    for (const text of [key.toString('base64'), key.toString('base64url'), hex])
      assert.equal(await currentOf({ key: new Secret(text) }), hex);
    assert.equal(await currentOf(printing(`console.log(${JSON.stringify(key.toString('base64'))})`)), hex);
    assert.equal(await currentOf({}), Buffer.from(own.reveal()).toString('hex'));
    assert.deepEqual(sourceOf({ key: new Secret(hex) }).previous(), [own]);
    const before = sourceOf({ previous: [new Secret(hex), new Secret('short')] }).previous();
    assert.deepEqual(
      before.map((one) => Buffer.from(one.reveal()).toString('hex')),
      [hex],
    );
  },
);

test('a program sees its own variables and nothing else', LIMIT, async () => {
  const script = 'console.log(process.env.HOME ?? process.env.KEY)';
  const env = { KEY: new Secret(key.toString('hex')) };
  assert.equal(await currentOf({ ...printing(script), env }), key.toString('hex'));
});

test('a program that fails gives a problem that says nothing of what it wrote', LIMIT, async () => {
  const words = key.toString('base64');
  const cases: [string, RegExp][] = [
    [
      `console.log(${JSON.stringify(words)}); console.error(${JSON.stringify(words)}); process.exit(3)`,
      /exited with 3/,
    ],
    [`console.log(${JSON.stringify(words.slice(0, 20))})`, /is not 32 bytes/],
    [`console.log(${JSON.stringify(words)}.repeat(100_000))`, /more than 4096 bytes/],
    ['process.kill(process.pid, "SIGKILL")', /killed by SIGKILL/],
  ];
  for (const [script, expected] of cases) {
    const problem = await currentOf(printing(script));
    assert.match(problem, expected);
    assert.ok(!problem.includes(words.slice(0, 12)), problem);
  }
  assert.match(await currentOf({ command: ['/nonexistent/kms'] }), /could not be started/);
});

test('a program that does not end is ended', LIMIT, async () => {
  // The same bound on a clock that runs a thousand times as fast.
  const fast = { ...clock, now: clock.now, after: (ms: number, work: () => void) => clock.after(ms / 50, work) };
  const vault = { env: {}, previous: [], token_endpoints: [], ...printing('setInterval(() => {}, 1000)') };
  const current = await vaultKeySource({ vault, own, egress, clock: fast as typeof clock }).current();
  assert.ok('problem' in current);
  assert.match(current.problem, /took more than 10000 ms/);
});
