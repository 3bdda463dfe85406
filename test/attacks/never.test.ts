import { after, before, describe, test } from 'node:test';
import { openWorld, type World } from '../support/world.ts';
import { PROBES } from './probes.ts';

/** SECURITY.md, "what must never happen": each line is tried, through the front door, against a real gateway. */
describe('what must never happen', () => {
  let world: World;
  before(async () => {
    world = await openWorld();
  });
  after(() => world.stop());
  for (const probe of PROBES) test(`${probe.never}: ${probe.name}`, () => probe.attack(world));
});
