import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Config,
  type ConfigProblem,
  type ConfigWatch,
  loadConfig,
  needsRestart,
  watchConfig,
} from '../../src/config/index.ts';

let folder: string;
let file: string;
let watch: ConfigWatch;
let current: Config;
let problems: ConfigProblem[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-watch-'));
  file = join(folder, 'sallyport.yaml');
  writeFileSync(file, 'limits: { agent_exchanges_max: 100 }\n');
  const result = loadConfig(file, {});
  assert.equal(result.kind, 'loaded');
  current = (result as { config: Config }).config;
  problems = [];
  watch = watchConfig(current, {
    onChange: (next) => {
      current = next;
    },
    onProblem: (found) => problems.push(...found),
    onRepaired: () => {
      problems = [];
    },
  });
});
afterEach(() => {
  watch.stop();
  rmSync(folder, { recursive: true });
});

async function until(true_: () => boolean): Promise<void> {
  for (let waited = 0; !true_() && waited < 6_000; waited += 20) await sleep(20);
  assert.ok(true_(), 'nothing happened within six seconds');
}

test('a change in place is taken up', async () => {
  writeFileSync(file, 'limits: { agent_exchanges_max: 200 }\n');
  await until(() => current.limits.agent_exchanges_max === 200);
});

test('an editor that renames over the file is followed, twice', async () => {
  for (const seconds of [201, 202]) {
    writeFileSync(`${file}.new`, `limits: { agent_exchanges_max: ${seconds} }\n`);
    renameSync(`${file}.new`, file);
    await until(() => current.limits.agent_exchanges_max === seconds);
  }
});

test('a bad file changes nothing and says so; the next good one is taken up', async () => {
  writeFileSync(file, 'limits: { agent_exchanges_max: 9999999 }\n');
  await until(() => problems.length > 0);
  assert.equal(problems[0]?.path, 'limits.agent_exchanges_max');
  assert.equal(current.limits.agent_exchanges_max, 100);
  writeFileSync(file, 'limits: { agent_exchanges_max: 203 }\n');
  await until(() => current.limits.agent_exchanges_max === 203);
});

test('the same file put back after a bad one is no change, and the fault is over', async () => {
  const before = current;
  writeFileSync(file, 'tokens: [');
  await watch.reload();
  assert.equal(problems.length, 1);
  writeFileSync(file, 'limits: { agent_exchanges_max: 100 }\n');
  await watch.reload();
  assert.deepEqual(problems, []);
  assert.equal(current, before);
});

test('a file that goes away keeps the configuration', async () => {
  rmSync(file);
  await watch.reload();
  assert.equal(problems[0]?.found, 'nothing there');
  assert.equal(current.limits.agent_exchanges_max, 100);
});

test('a comment is no change', async () => {
  const before = current;
  writeFileSync(file, '# a comment\nlimits: { agent_exchanges_max: 100 }\n');
  await watch.reload();
  assert.equal(current, before);
});

test('what is read at start only is named', async () => {
  const before = current;
  writeFileSync(
    file,
    'listen: { agents: "127.0.0.1:0" }\naudit: { origin: other/log }\nlimits: { agent_exchanges_max: 5 }\npolicy: { activation: file }\n',
  );
  await watch.reload();
  assert.deepEqual(needsRestart(before, current), ['listen', 'policy', 'audit.origin']);
});
