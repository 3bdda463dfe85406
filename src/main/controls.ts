import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/index.ts';
import {
  migrations as auditMigrations,
  directoryFiles,
  type Ledger,
  openLedger,
  openLedgerKeys,
  type WitnessPost,
} from '../controls/audit/index.ts';
import { type Identity, identityMigrations, openIdentity } from '../controls/identity/index.ts';
import { type Disagreement, FULFILLABLE, openPolicy, type Policy, policyMigrations } from '../controls/policy/index.ts';
import type { Clock, Random } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import { migrations as mcpMigrations } from '../protocols/mcp/index.ts';
import { type Database, migrate, openDatabase, openStateWatch, type StateWatch } from '../storage/index.ts';
import type { Faults } from './faults.ts';
import type { Keys } from './keys.ts';

export type Surroundings = {
  keys: Keys;
  clock: Clock;
  random: Random;
  build: string;
  report(problem: string, error: unknown): void;
};

export type ControlParts = Surroundings & { witness: WitnessPost; faults: Faults };

/** What decides, remembers and recognises; nothing here listens or connects, but for the database. */
export type Controls = {
  db: Database;
  state: StateWatch;
  ledger: Ledger;
  identity: Identity;
  policy: Policy;
  replica: string;
};

/** Opened from the bottom up, closed by `stack` from the top down. */
export async function openControls(
  config: () => Config,
  surroundings: ControlParts,
  stack: AsyncDisposableStack,
): Promise<Controls> {
  const { clock, random } = surroundings;
  const { data, storage, listen } = config();
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const db = await openDatabase({ url: storage.url.reveal(), clock });
  stack.defer(() => db.close());
  await migrate(db, [...identityMigrations, ...auditMigrations, ...policyMigrations, ...mcpMigrations]);
  const state = openStateWatch({ db, clock });
  stack.defer(() => state.stop());
  const replica = replicaOf(data, random);
  // The ledger claims identity's proofs, identity's changes are in the ledger: one of them has to be named first.
  const late: { identity?: Identity } = {};
  const ledger = await openLog({ config, db, state, replica, late, surroundings });
  stack.defer(() => ledger.close());
  const identity = await openIdentity({
    db,
    clock,
    random,
    state,
    issuer: listen.public_url,
    keys: surroundings.keys,
    record: (tx, change) => ledger.control(tx, change),
    refused: (code, address) => ledger.flood({ code, source: address }),
    report: surroundings.report,
  });
  late.identity = identity;
  stack.defer(() => identity.close());
  // Read once: whoever can write both files must not turn presence off by the one and widen by the other.
  const { folder, activation } = config().policy;
  const policy = await openPolicy({
    db,
    clock,
    state,
    folder,
    activation: () => activation,
    fulfillable: FULFILLABLE,
    each: (server, tool) => eachOf(config(), server, tool),
    watch: true,
    onDisagreement: (disagreement) => noteDisagreement(ledger, surroundings, disagreement),
    record: (tx, change) => ledger.control(tx, change),
    report: surroundings.report,
  });
  stack.defer(() => policy.sets.close());
  return { db, state, ledger, identity, policy, replica };
}

/** The server chose the tool's name, which may be that of something every object has. */
function eachOf({ upstreams }: Config, server: string, tool: string): readonly string[] {
  const tools = upstreams[server]?.tools ?? {};
  return (Object.hasOwn(tools, tool) ? tools[tool]?.each : undefined) ?? [];
}

/** The two evaluators differed. Decisions already come from cedar-wasm alone; people are told, and the log knows. */
function noteDisagreement(ledger: Ledger, { faults, report }: ControlParts, disagreement: Disagreement): void {
  faults.set(
    'engine_disagreement',
    `The compiled policies and cedar-wasm disagreed on ${disagreement.policies.join(', ')}; cedar-wasm decides alone.`,
    'Please report it with the policy set.',
  );
  ledger
    .control(undefined, {
      event: 'engine.disagreement',
      by: 'gateway',
      subject: null,
      before: disagreement.set,
      after: null,
      payload: { action: disagreement.action, policies: [...disagreement.policies] },
    })
    .catch((error) => report('a disagreement could not be recorded', error));
}

type LogParts = {
  config: () => Config;
  db: Database;
  state: StateWatch;
  replica: string;
  late: { identity?: Identity };
  surroundings: ControlParts;
};

async function openLog({ config, db, state, replica, late, surroundings }: LogParts): Promise<Ledger> {
  const { clock, random, build, report, witness } = surroundings;
  const { audit, data } = config();
  return openLedger({
    db,
    clock,
    random,
    replica,
    build,
    config_digest: () => config().digest,
    origin: audit.origin,
    keys: await openLedgerKeys(join(data, 'keys'), random),
    files: directoryFiles(audit.folder),
    ...(audit.high_water === undefined ? {} : { high_water: directoryFiles(audit.high_water) }),
    claimProofs: (tx, claims) => {
      if (!late.identity) throw new Error('an intent before identity was open');
      return late.identity.claimProofs(tx, claims);
    },
    stateVersion: (tx) => state.confirm(tx),
    witnesses: { known: audit.witnesses, required: audit.witnesses_required, post: witness },
    report,
  });
}

/** This process's name in the log, kept over restarts with its data folder; every start is a new epoch of it. */
function replicaOf(data: string, random: Random): string {
  const path = join(data, 'replica');
  if (!existsSync(path)) writeFileSync(path, newId('rep', random), { mode: 0o600, flag: 'wx' });
  return readFileSync(path, 'utf8').trim();
}
