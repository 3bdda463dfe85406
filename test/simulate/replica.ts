import { type Ledger, type LedgerKeys, openLedger } from '../../src/controls/audit/index.ts';
import { type Identity, type IdentityKeys, openIdentity } from '../../src/controls/identity/index.ts';
import { type Enforcement, openEnforcement, type Table } from '../../src/enforcement/index.ts';
import type { StageRun } from '../../src/enforcement/pipeline.ts';
import { type Database, openStateWatch, type StateWatch } from '../../src/storage/index.ts';
import { closedAuthorization, noDocuments } from '../support/documents.ts';
import { vaultParts } from '../support/vault.ts';
import type { Bug } from './bugs.ts';
import { seamsWith } from './bugs.ts';
import type { Chance } from './chance.ts';
import { SimulatedDatabase } from './database.ts';
import type { Disk } from './disk.ts';
import type { Loop } from './loop.ts';
import type { Link } from './network.ts';
import { openSimulatedPolicy } from './policy.ts';
import type { Process } from './process.ts';
import type { Server } from './server.ts';

export const ISSUER = 'http://gateway.test:8700';
export const ORIGIN = 'gateway.test/log';
export const HOST = 'gateway.test:8700';

/** What outlives a process: its name, its disk, its keys, its place in the network. */
export type Machine = {
  name: string;
  disk: Disk;
  link: Link;
  identityKeys: IdentityKeys;
  ledgerKeys: LedgerKeys;
};

/** One life of a gateway process: the product's own parts, joined as main joins them. */
export type Replica = {
  machine: Machine;
  process: Process;
  db: Database;
  hear(channel: string): void;
  state: StateWatch;
  ledger: Ledger;
  identity: Identity;
  enforcement: Enforcement;
};

export type ReplicaParts = {
  loop: Loop;
  chance: Chance;
  server: Server;
  process: Process;
  bug: Bug | undefined;
  /** Told of every file that the log publishes. */
  published(path: string, bytes: Uint8Array): void;
  /** Told when a pass of an exchange begins, and when its caller has proved who it is. */
  identified(attempt: object, isKnown: boolean): void;
};

export async function openReplica(machine: Machine, parts: ReplicaParts): Promise<Replica> {
  const { loop, chance, server, process } = parts;
  const { clock } = process;
  const seams = seamsWith(parts.bug, chance.fork());
  const random = (length: number) => chance.bytes(length);
  const report = (problem: string, error: unknown) =>
    loop.tell(`${process.name} reports ${problem}: ${error instanceof Error ? error.message : String(error)}`);
  const simulated = new SimulatedDatabase({ process, server, link: machine.link, loop, chance: chance.fork() });
  const db = seams.db(simulated);
  const state = openStateWatch({ db, clock });
  const late: { identity?: Identity } = {};
  const ledger = await openLedger({
    db,
    clock,
    random,
    replica: machine.name,
    build: 'simulated',
    config_digest: () => 'simulated',
    origin: ORIGIN,
    keys: machine.ledgerKeys,
    files: machine.disk.files(process, parts.published),
    claimProofs: async (tx, claims) => seams.claimed(await late.identity!.claimProofs(tx, claims)),
    stateVersion: seams.stateVersion((tx) => state.confirm(tx), state),
    reserve_bytes: 16,
    defer: (work) => void clock.after(0, work),
    report,
  });
  const identity = await openIdentity({
    db,
    clock,
    random,
    state,
    issuer: ISSUER,
    ...closedAuthorization,
    keys: machine.identityKeys,
    first_use: () => 'trust',
    record: seams.record((tx, change) => ledger.control(tx, change)),
    signatures: 'inline',
    documents: noDocuments,
    vault: vaultParts(),
    refused: () => {},
    report,
  });
  late.identity = identity;
  const policy = await openSimulatedPolicy(db, state);
  const enforcement = openEnforcement({
    clock,
    identity,
    policy,
    ledger: seams.ledger(ledger),
    state: seams.state(state),
    bounds: () => BOUNDS,
    table: (table) => seams.table(observed(table, parts.identified)),
  });
  await state.start();
  return { machine, process, db, hear: (channel) => simulated.hear(channel), state, ledger, identity, enforcement };
}

const BOUNDS = {
  hosts: new Set([HOST]),
  origins: new Set<string>(),
  request_bytes_max: 100_000,
  failures_burst: 10_000,
  failures_per_second: 10_000,
  agent_exchanges_max: 100,
  exchange_ms_max: 4_000,
  stage_ms_max: 8_000,
};

/** The table as it is, with somebody who watches who comes through the first and the second door. */
function observed(table: Table, identified: (attempt: object, isKnown: boolean) => void): Table {
  const watch =
    (run: StageRun, isKnown: boolean): StageRun =>
    (pass) => {
      identified(pass.attempt, isKnown);
      return run(pass);
    };
  return table.map((row) => {
    const cell = row.cells.mcp;
    const isWatched = row.stage === 'admit connection' || row.stage === 'load run';
    if (!isWatched || typeof cell !== 'function') return row;
    return { ...row, cells: { ...row.cells, mcp: watch(cell, row.stage === 'load run') } };
  });
}
