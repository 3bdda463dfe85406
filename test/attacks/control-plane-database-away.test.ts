import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { createClient } from '../../src/api/client/index.ts';
import { socketTransport } from '../../src/api/client/socket.ts';
import { openControlPlane } from '../support/control-plane.ts';

/** Whoever takes the database away must not take the kill with it (DESIGN 7 and 10.12). */
test('with the database gone the operator of the machine can still look and stop; nobody else gets in', async () => {
  const plane = await openControlPlane();
  const admin = await plane.person(['admin', 'approver'], { present: true });
  await plane.ledger.close();
  await plane.db.close();
  const local = createClient(socketTransport(plane.api.socket_path!), 'test');
  try {
    const status = await local.call('status', {});
    assert.ok(status.kind === 'ok', JSON.stringify(status));
    assert.ok(status.value.wrong.some(({ code }) => code === 'storage_unavailable'));
    const stopped = await local.call('stops.set', { body: { kind: 'all', reason: 'the database is away' } });
    assert.ok(stopped.kind === 'ok', JSON.stringify(stopped));
    assert.equal(stopped.value.durable, false);
    assert.ok(plane.identity.stops.find({ upstream: 'files' }) !== undefined);
    // A session cannot be checked, so it does not count: an error, never a yes.
    for (const path of ['/api/me', '/api/status', '/api/exchanges', '/api/stops']) {
      const answer = await plane.send({ path, headers: admin.headers });
      assert.ok(answer.status >= 400, `${path}: ${answer.status}`);
    }
  } finally {
    await plane.api.close();
    await plane.policy.sets.close();
    await plane.identity.close();
    rmSync(plane.folder, { recursive: true, force: true });
  }
});
