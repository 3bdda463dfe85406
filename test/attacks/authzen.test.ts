import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type AuthzenWorld, openAuthzenWorld, RECORDS } from '../support/authzen.ts';
import { AUTHZEN_PROBES } from './authzen-probes.ts';

describe('the decision point gives nothing away', () => {
  const world: { now?: AuthzenWorld } = {};
  before(async () => {
    world.now = await openAuthzenWorld(RECORDS);
  });
  after(() => world.now?.stop());
  for (const probe of AUTHZEN_PROBES) {
    test(`${probe.never}: ${probe.name}`, () => probe.attack(world.now as AuthzenWorld));
  }
  test('other methods and paths are not answered', async () => {
    const { running } = world.now as AuthzenWorld;
    const path = (rest: string) => `${running.agents_url}/access/v1/${rest}`;
    assert.equal((await fetch(path('evaluation'))).status, 401);
    assert.equal((await fetch(path('elsewhere'), { method: 'POST' })).status, 404);
    const known = world.now as AuthzenWorld;
    const headers = known.pep.headers('GET', `${known.public_url}/access/v1/evaluation`);
    const got = await fetch(path('evaluation'), { headers });
    assert.equal(got.status, 405);
    assert.equal(got.headers.get('allow'), 'POST');
  });
});
