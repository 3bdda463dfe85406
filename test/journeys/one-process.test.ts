import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '../../src/config/index.ts';
import { startGateway } from '../../src/main.ts';
import { openWorld } from '../support/world.ts';

test('a second gateway on the same data does not start, and the first goes on', async () => {
  const world = await openWorld();
  try {
    const loaded = loadConfig(join(world.folder, 'sallyport.yaml'));
    assert.equal(loaded.kind, 'loaded');
    await assert.rejects(startGateway({ config: loaded.config }), /another gateway runs on/);
    const called = await world.call(world.triage, 'append', { line: 'ok still here' });
    assert.equal(called.body.result?.content?.[0]?.text, 'written', called.text);
  } finally {
    await world.stop();
  }
});

test('what was stopped starts again on the same data and goes on with its log', async () => {
  const first = await openWorld();
  const before = await first.local.call('status', {});
  assert.equal(before.kind, 'ok');
  await first.call(first.triage, 'append', { line: 'ok before' });
  await first.stop({ keep: true });
  const second = await openWorld({ folder: first.folder });
  try {
    const after = await second.local.call('status', {});
    assert.equal(after.kind, 'ok');
    assert.ok(after.value.log.size > before.value.log.size);
    assert.equal(after.value.log.state, 'writing');
    const called = await second.call(second.triage, 'append', { line: 'ok after' });
    assert.equal(called.body.result?.content?.[0]?.text, 'written', called.text);
    assert.deepEqual(second.journal(), ['ok before', 'ok after']);
  } finally {
    await second.stop();
  }
});
