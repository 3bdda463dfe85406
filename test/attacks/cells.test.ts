import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PROTOCOLS, type ProtocolName } from '../../src/core/exchange.ts';
import { pipeline, type Stages, type Table } from '../../src/enforcement/pipeline.ts';
import { openAuthzenWorld, RECORDS } from '../support/authzen.ts';
import { openWorld, type World } from '../support/world.ts';
import { AUTHZEN_PROBES } from './authzen-probes.ts';
import { PROBES } from './probes.ts';

const nothing = new Proxy({} as Stages, { get: () => () => undefined });

/** Worlds and attacks for each protocol that is built. */
const COLUMNS: Partial<Record<ProtocolName, (table: (table: Table) => Table) => Promise<Attacked>>> = {
  mcp: async (table) => attacked(await openWorld({ table }), PROBES),
  authzen: async (table) => attacked(await openAuthzenWorld(RECORDS, { table }), AUTHZEN_PROBES),
};

type Attacked = { stop(): Promise<void>; attacks: readonly { name: string; attack(): Promise<void> }[] };

function attacked<W extends World>(
  world: W,
  probes: readonly { name: string; attack(world: W): Promise<void> }[],
): Attacked {
  return {
    stop: () => world.stop(),
    attacks: probes.map(({ name, attack }) => ({ name, attack: () => attack(world) })),
  };
}

function without(stage: string, protocol: ProtocolName): (table: Table) => Table {
  return (table) =>
    table.map((row) => (row.stage === stage ? { ...row, cells: { ...row.cells, [protocol]: null } } : row));
}

/** A stage that no attack misses is not needed, or not tried: each is taken away, and an attack must then succeed. */
for (const protocol of PROTOCOLS) {
  const built = pipeline(nothing).filter((row) => typeof row.cells[protocol] === 'function');
  if (built.length === 0) continue;
  describe(`every cell of ${protocol} is missed`, () => {
    for (const { stage } of built) {
      test(`without "${stage}" an attack is missed`, async () => {
        const open = COLUMNS[protocol];
        assert.ok(open, `there are no attacks for ${protocol}`);
        const world = await open(without(stage, protocol));
        try {
          assert.ok(await firstMissed(world.attacks), `no attack misses ${stage}`);
        } finally {
          await world.stop();
        }
      });
    }
  });
}

async function firstMissed(attacks: Attacked['attacks']): Promise<string | undefined> {
  for (const { name, attack } of attacks) {
    try {
      await attack();
    } catch (error) {
      assert.ok(error instanceof assert.AssertionError, `${name} broke: ${error}`);
      return name;
    }
  }
  return undefined;
}
