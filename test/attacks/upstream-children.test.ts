import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openWorld, type World } from '../support/world.ts';

/**
 * A child process can be at work when nobody asks it anything. What was stopped must not go on there, and what a child
 * sees of the gateway's own surroundings is what its operator listed.
 */
const MARKER = `sallyport-child-${process.pid}`;
const PROGRAM = fileURLToPath(new URL('../fixtures/mcp/journal.ts', import.meta.url));
const POLICIES = `
@id("all") @reason("What is tried here is not about policy.")
permit (principal, action, resource);
`;

const skip = process.platform === 'linux' ? false : 'reads /proc';
let world: World;
before(async () => {
  const command = `["node", ${JSON.stringify(PROGRAM)}, "stdio", "--journal", "/dev/null", "--delay-ms", "0", "${MARKER}"]`;
  world = await openWorld({
    policies: POLICIES,
    upstreams: `  child: { command: ${command}, env: { LISTED: "env:PATH" } }\n`,
  });
});
after(() => world.stop());

async function use(agent = world.triage): Promise<number> {
  const { status } = await world.call(agent, 'read_text', { path: 'reports/a' }, { server: 'child' });
  return status;
}

test('a child sees the listed environment alone', { skip }, async () => {
  process.env['SALLYPORT_TEST_CANARY'] = 'of the gateway';
  assert.equal(await use(await world.register('fourth')), 200);
  delete process.env['SALLYPORT_TEST_CANARY'];
  const [child] = children();
  const names = readFileSync(`/proc/${child}/environ`, 'utf8')
    .split('\0')
    .map((entry) => entry.split('=')[0]);
  assert.ok(names.includes('LISTED'));
  assert.deepEqual(
    names.filter((name) => !['PATH', 'HOME', 'LISTED', ''].includes(name ?? '')),
    [],
  );
});

test('a stopped run loses its idle child at once, and another run keeps its own', { skip }, async () => {
  const other = await world.register('other');
  assert.deepEqual([await use(), await use(other)], [200, 200]);
  const started = children().length;
  await stop('agent', 'triage');
  await until(() => children().length === started - 1);
  assert.notEqual(await use(), 200);
  assert.equal(await use(other), 200);
});

test('a stopped server has no children left, and gets none', { skip }, async () => {
  const other = await world.register('third');
  assert.equal(await use(other), 200);
  await stop('upstream', 'child');
  await until(() => children().length === 0);
  assert.notEqual(await use(other), 200);
  assert.equal(children().length, 0);
});

async function stop(kind: 'agent' | 'upstream', id: string): Promise<void> {
  const set = await world.local.call('stops.set', { body: { kind, id, reason: 'this test' } });
  assert.equal(set.kind, 'ok', JSON.stringify(set));
}

/** Process ids of the children of this test's server. */
function children(): string[] {
  return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && commandOf(pid).includes(MARKER));
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 8_000;
  while (!holds()) {
    assert.ok(Date.now() < deadline, `${children().length} children are left`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
