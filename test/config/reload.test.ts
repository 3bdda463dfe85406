import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openWorld, type World } from '../support/world.ts';

/** The whole gateway takes a changed file up while calls go on. */
const POLICIES = `
@id("works")
@reason("Something that takes its time.")
permit (principal == Agent::"triage", action == Action::"tool.call", resource in Server::"everything");
@id("writes")
@reason("Something quick.")
permit (principal == Agent::"triage", action == Action::"tool.call", resource == Tool::"journal/append");
`;
let world: World;
let file: string;
let good: string;

before(async () => {
  world = await openWorld({
    policies: POLICIES,
    upstreams: '  everything: { command: ["package:@modelcontextprotocol/server-everything", "stdio"] }\n',
  });
  file = join(world.folder, 'sallyport.yaml');
  good = readFileSync(file, 'utf8');
});
after(() => world.stop());

async function wrong(): Promise<string[]> {
  const status = await world.local.call('status', {});
  assert.ok(status.kind === 'ok');
  return status.value.wrong.map(({ code }) => code);
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 80; tries += 1) {
    if (await holds()) return;
    await sleep(100);
  }
  assert.fail('nothing happened within eight seconds');
}

const append = async (line: string) => (await world.call(world.triage, 'append', { line })).body.result;

test('a change does not drop the call that is in flight, and holds for the next one', async () => {
  const long = world.call(
    world.triage,
    'trigger-long-running-operation',
    { duration: 2, steps: 2 },
    { server: 'everything' },
  );
  await sleep(500);
  writeFileSync(file, `${good}limits: { body_bytes_max: 1024 }\n`);
  let tries = 0;
  await until(async () => {
    tries += 1;
    await append(`${tries} ${'x'.repeat(3_000)}`);
    return !world.journal().some((line) => line.startsWith(`${tries} `));
  });
  const answer = await long;
  assert.match(answer.text, /[Cc]ompleted/, answer.text);
  assert.notEqual(answer.body.result?.isError, true);
});

test('a bad file changes nothing and is told; calls go on; a good one clears it', async () => {
  writeFileSync(file, `${good}limits: { body_bytes_max: lots }\n`);
  await until(async () => (await wrong()).includes('config_invalid'));
  assert.ok(await append('goes on'));
  assert.ok(world.journal().includes('goes on'));
  // The very file that was in force before: nothing changes, and still the fault is over.
  writeFileSync(file, `${good}limits: { body_bytes_max: 1024 }\n`);
  await until(async () => !(await wrong()).includes('config_invalid'));
  writeFileSync(file, good);
});

test('what only a start reads is said to wait for one', async () => {
  writeFileSync(file, `${good}audit: { origin: another/log }\n`);
  await until(async () => (await wrong()).includes('config_restart'));
  writeFileSync(file, good);
  await until(async () => !(await wrong()).includes('config_restart'));
});

test('a server that is added can be used, one that is taken away cannot', async () => {
  const more = good.replace(
    'upstreams:\n',
    'upstreams:\n  second: { command: ["package:@modelcontextprotocol/server-everything", "stdio"] }\n',
  );
  assert.notEqual(more, good);
  writeFileSync(file, more);
  const names = async (): Promise<string[]> => {
    const status = await world.local.call('status', {});
    return status.kind === 'ok' ? status.value.upstreams.map(({ server }) => server) : [];
  };
  await until(async () => (await names()).includes('second'));
  writeFileSync(file, good);
  await until(async () => !(await names()).includes('second'));
});
