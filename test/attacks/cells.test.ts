import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { pipeline, type Stages, type Table } from '../../src/enforcement/pipeline.ts';
import { openWorld, type World } from '../support/world.ts';
import { PROBES } from './probes.ts';

const nothing = new Proxy({} as Stages, { get: () => () => undefined });
const built = pipeline(nothing).filter((row) => typeof row.cells.mcp === 'function');

function without(stage: string): (table: Table) => Table {
  return (table) => table.map((row) => (row.stage === stage ? { ...row, cells: { ...row.cells, mcp: null } } : row));
}

/** A stage that no attack misses is not needed, or not tried: each is taken away, and an attack must then succeed. */
describe('every cell of the table is missed', () => {
  for (const { stage } of built) {
    test(`without "${stage}" an attack is missed`, async () => {
      let world: World | undefined;
      try {
        world = await openWorld({ table: without(stage) });
        const missed = await firstMissed(world);
        assert.ok(missed, `no attack misses ${stage}`);
      } finally {
        await world?.stop();
      }
    });
  }
});

async function firstMissed(world: World): Promise<string | undefined> {
  for (const probe of PROBES) {
    try {
      await probe.attack(world);
    } catch (error) {
      assert.ok(error instanceof assert.AssertionError, `${probe.name} broke: ${error}`);
      return probe.name;
    }
  }
  return undefined;
}
