import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/index.ts';
import {
  migrations as auditMigrations,
  directoryFiles,
  type Ledger,
  type LedgerKeys,
  openArchive,
  openLedger,
  openLedgerKeys,
  openThreadedLedger,
  type WitnessPost,
} from '../controls/audit/index.ts';
import { type Identity, identityMigrations, openIdentity, openRecords } from '../controls/identity/index.ts';
import {
  type Applications,
  type Disagreement,
  FULFILLABLE,
  openApplications,
  openPolicy,
  openShadowDifferences,
  openSimulations,
  type Policy,
  policyMigrations,
  type RecordedDecisions,
  type ShadowDifferences,
  type Simulations,
} from '../controls/policy/index.ts';
import type { Clock, Random } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import type { JsonObject } from '../core/json.ts';
import type { Refusal } from '../core/refusal.ts';
import type { Egress } from '../enforcement/index.ts';
import { migrations as mcpMigrations } from '../protocols/mcp/index.ts';
import {
  type Database,
  migrate,
  openDatabase,
  openStateWatch,
  SharedTurns,
  type StateWatch,
} from '../storage/index.ts';
import type { Faults } from './faults.ts';
import type { Keys } from './keys.ts';
import { LOG_THREAD } from './log-thread.ts';
import { openRecorded } from './recorded.ts';
import { simulateOnThread } from './simulate-thread.ts';
import { spiffeOf } from './spiffe.ts';
import { vaultKeySource } from './vault-keys.ts';

export type Surroundings = {
  keys: Keys;
  clock: Clock;
  random: Random;
  build: string;
  report(problem: string, error: unknown): void;
  /** Where people reach the console; known for certain once it listens. */
  addresses: { console_url: string };
};

export type ControlParts = Surroundings & { witness: WitnessPost; egress: Egress; faults: Faults };

/** What decides, remembers and recognises; nothing here listens or connects, but for the database. */
export type Controls = {
  db: Database;
  state: StateWatch;
  ledger: Ledger;
  identity: Identity;
  policy: Policy;
  /** Policies of other applications, where there are any. */
  applications: Applications | undefined;
  /** What policy decided, read back from the log. */
  recorded: RecordedDecisions;
  simulations: Simulations;
  /** What the set beside would have decided otherwise, for whoever is named. */
  shadowDifferences(by: string): Promise<ShadowDifferences | undefined | Refusal>;
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
  const turns = new SharedTurns();
  const db = await openDatabase({ url: storage.url.reveal(), clock, turns });
  stack.defer(() => db.close());
  await migrate(db, [...identityMigrations, ...auditMigrations, ...policyMigrations, ...mcpMigrations]);
  const state = openStateWatch({ db, clock });
  stack.defer(() => state.stop());
  const replica = replicaOf(data, random);
  // The ledger claims identity's proofs, identity's changes are in the ledger: one of them has to be named first.
  const late: { identity?: Identity } = {};
  const keys = await openLedgerKeys(join(data, 'keys'), random);
  const ledger = await openLog({ config, keys, db, turns, state, replica, late, surroundings });
  stack.defer(() => ledger.close());
  const identity = await openIdentity({
    db,
    clock,
    random,
    state,
    issuer: listen.public_url,
    console_url: () => surroundings.addresses.console_url,
    origins: () => new Set(config().listen.origins),
    authorization: () => config().authorization,
    keys: surroundings.keys,
    first_use: () => config().tools.first_use,
    record: (tx, change) => ledger.control(tx, change),
    issuers: config().identity.issuers,
    documents: surroundings.egress.documents,
    vault: { keys: vaultKeysOf(config(), surroundings), addresses: config().vault.token_endpoints },
    signals: { ...config().identity.signals, key: surroundings.keys.signals },
    spiffe: spiffeOf(config, surroundings.keys),
    people: { ...config().people, console_url: () => config().listen.console_url },
    wantsIdTokens: () =>
      Object.values(config().upstreams).some(({ credential }) => credential?.id_jag?.subject === 'id_token'),
    delegationDepthMax: () => config().limits.delegation_depth_max,
    refused: (code, address) => ledger.flood({ code, source: address }),
    report: surroundings.report,
  });
  late.identity = identity;
  stack.defer(() => identity.close());
  // Read once: whoever can write both files must not turn presence off by the one and widen by the other.
  const { folder, activation, source, two_persons, grant_seconds_max } = config().policy;
  const policy = await openPolicy({
    db,
    clock,
    random,
    now: () => identity.now(),
    state,
    folder,
    activation: () => activation,
    source: () => source,
    two_persons: () => two_persons,
    grant_seconds_max: () => grant_seconds_max,
    fulfillable: FULFILLABLE,
    each: (server, tool) => eachOf(config(), server, tool),
    watch: true,
    onDisagreement: (disagreement) => noteDisagreement(ledger, surroundings, disagreement),
    record: (tx, change) => ledger.control(tx, change),
    report: surroundings.report,
  });
  stack.defer(() => policy.sets.close());
  stack.defer(() => policy.mode.close());
  const applications = await openOthers(config(), surroundings, stack);
  stack.defer(() => policy.shadows.close());
  const replay = openReplay({ db, ledger, policy, keys, url: storage.url.reveal(), clock, random });
  stack.defer(() => replay.simulations.close());
  return { db, state, ledger, identity, policy, applications, ...replay, replica };
}

/** What was decided, for whoever asks again, and for sets that are tried on it. */
function openReplay(
  from: Pick<Surroundings, 'clock' | 'random'> &
    Pick<Controls, 'db' | 'ledger' | 'policy'> & { keys: LedgerKeys; url: string },
) {
  const { db, ledger, policy, keys, url, clock, random } = from;
  const archive = openArchive({ db, key: keys.payload });
  const recorded = openRecorded({ ledger, archive, records: () => openRecords(db) });
  const reading = {
    db,
    clock,
    random,
    run: simulateOnThread({ url, key: keys.payload }),
    record: (by: string, subject: string, payload: JsonObject) =>
      ledger.control(undefined, { event: 'payload.read', by, subject, before: null, after: null, payload }),
  };
  const shadowDifferences = openShadowDifferences({ ...reading, shadows: policy.shadows });
  return { recorded, simulations: openSimulations(reading), shadowDifferences };
}

async function openOthers(
  { decision_point }: Config,
  { clock, faults }: ControlParts,
  stack: AsyncDisposableStack,
): Promise<Applications | undefined> {
  if (decision_point.folder === undefined) return undefined;
  const applications = await openApplications({
    folder: decision_point.folder,
    clock,
    onProblems: ([first]) => {
      if (first === undefined) return faults.clear('applications_invalid');
      const what = `${first.file}:${first.line}:${first.column} of the decision point’s folder is not valid: ${first.message}.`;
      faults.set('applications_invalid', what, 'What was valid before goes on counting. Correct the file.');
    },
  });
  stack.defer(() => applications.close());
  return applications;
}

function vaultKeysOf({ vault }: Config, { keys, egress, clock }: ControlParts) {
  return vaultKeySource({ vault, own: keys.vault, egress, clock });
}

/**
 * Arguments of a tool that are lists and are decided element by element. The server chose the tool's name, which may be
 * that of something every object has.
 */
export function eachOf({ upstreams }: Config, server: string, tool: string): readonly string[] {
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
  keys: LedgerKeys;
  db: Database;
  turns: SharedTurns;
  state: StateWatch;
  replica: string;
  late: { identity?: Identity };
  surroundings: ControlParts;
};

/** Beside an embedded database on a thread of its own; with PostgreSQL the other process has what a thread would do. */
async function openLog({ config, keys, db, turns, state, replica, late, surroundings }: LogParts): Promise<Ledger> {
  const { clock, random, build, report, witness } = surroundings;
  const { audit, storage } = config();
  const common = {
    db,
    clock,
    random,
    replica,
    build,
    config_digest: () => config().digest,
    origin: audit.origin,
    keys,
    witnesses: { known: audit.witnesses, required: audit.witnesses_required, post: witness },
    report,
  };
  const path = embeddedPath(storage.url.reveal());
  if (path !== undefined) {
    const { folder, high_water } = audit;
    return openThreadedLedger({ ...common, entry: LOG_THREAD, path, turns, folder, high_water });
  }
  return openLedger({
    ...common,
    files: directoryFiles(audit.folder),
    ...(audit.high_water === undefined ? {} : { high_water: directoryFiles(audit.high_water) }),
    claimProofs: (tx, claims) => {
      if (!late.identity) throw new Error('an intent before identity was open');
      return late.identity.claimProofs(tx, claims);
    },
    stateVersion: (tx) => state.confirm(tx),
  });
}

/** Undefined where no other thread can open the same database. */
function embeddedPath(url: string): string | undefined {
  return url.startsWith('sqlite:') && url !== 'sqlite::memory:' ? url.slice('sqlite:'.length) : undefined;
}

/** This process's name in the log, kept over restarts with its data folder; every start is a new epoch of it. */
function replicaOf(data: string, random: Random): string {
  const path = join(data, 'replica');
  if (!existsSync(path)) writeFileSync(path, newId('rep', random), { mode: 0o600, flag: 'wx' });
  return readFileSync(path, 'utf8').trim();
}
