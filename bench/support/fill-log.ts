import { join } from 'node:path';
import { loadConfig } from '../../src/config/index.ts';
import {
  directoryFiles,
  type ExchangeDraft,
  type Ledger,
  openArchive,
  openLedger,
  openLedgerKeys,
} from '../../src/controls/audit/index.ts';
import { openRecords } from '../../src/controls/identity/index.ts';
import { decidedOf, isReplayable, type RecordedDecision, readRecorded } from '../../src/controls/policy/index.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { ExchangeFacts, Receipt } from '../../src/core/receipt.ts';
import { systemClock, systemRandom } from '../../src/main/clock.ts';
import { openDatabase, openStateWatch } from '../../src/storage/index.ts';
import { rounded } from './report.ts';

export type Filled = { receipts: number; seconds: number; receipts_per_second: number };

/** Exchanges under way at one time: enough for one commit to serve hundreds. */
const WAITING = 1_000;
/** Different values of each argument: work repeats itself, but not for ever. */
const VALUES = 5_000;

type Model = {
  kind: Receipt['kind'];
  code: string | undefined;
  facts: ExchangeDraft;
  checks: ExchangeFacts['checks'];
  recorded: RecordedDecision;
  payload: JsonObject;
};

/** Repeats what is in the log of a stopped gateway, with other arguments, until it holds `receipts`. */
export async function fillLog(folder: string, receipts: number, progress: (text: string) => void): Promise<Filled> {
  const loaded = loadConfig(join(folder, 'sallyport.yaml'));
  if (loaded.kind === 'invalid') throw new Error(JSON.stringify(loaded.problems));
  const { data, audit, storage } = loaded.config;
  const db = await openDatabase({ url: storage.url.reveal(), clock: systemClock });
  const state = openStateWatch({ db, clock: systemClock });
  const keys = await openLedgerKeys(join(data, 'keys'), systemRandom);
  try {
    const archive = openArchive({ db, key: keys.payload });
    const models = await modelsIn(archive, openRecords(db));
    const ledger = await openLedger({
      db,
      clock: systemClock,
      random: systemRandom,
      replica: 'fill',
      build: 'bench',
      config_digest: () => loaded.config.digest,
      origin: audit.origin,
      keys,
      files: directoryFiles(audit.folder),
      claimProofs: async (_tx, claims) => claims.map(() => true),
      stateVersion: (tx) => state.confirm(tx),
      report: (problem, error) => progress(`${problem}: ${error}`),
    });
    const version = await db.transaction((tx) => state.confirm(tx));
    const from = performance.now();
    const written = await fill(ledger, models, { receipts, version, progress });
    await ledger.close();
    const seconds = (performance.now() - from) / 1000;
    return {
      receipts: await archive.size(),
      seconds: rounded(seconds),
      receipts_per_second: rounded(written / seconds),
    };
  } finally {
    await db.close();
  }
}

async function modelsIn(
  archive: ReturnType<typeof openArchive>,
  records: ReturnType<typeof openRecords>,
): Promise<Model[]> {
  const models: Model[] = [];
  for (const { receipt, open } of await archive.exchanges(0, await archive.size())) {
    const decided = decidedOf(receipt);
    const content = open();
    if (decided === undefined || content === 'erased' || decided.operation !== 'tools/call') continue;
    const recorded = await readRecorded(decided, content, records);
    if (!isReplayable(recorded)) throw new Error(JSON.stringify(recorded));
    const {
      version: _version,
      id: _id,
      kind,
      replica: _replica,
      epoch: _epoch,
      n: _n,
      prev: _prev,
      time: _time,
      ...rest
    } = decided;
    const { build: _build, config_digest: _digest, payload: _payload, ...facts } = rest;
    const code = 'code' in facts ? (facts.code as string) : undefined;
    const accesses = recorded.accesses.map(({ action, resource }) => ({ action, resource }));
    const own = { ...facts, accesses } as ExchangeDraft & { code?: string };
    delete own.code;
    models.push({ kind, code, facts: own, checks: decided.checks, recorded, payload: content.value as JsonObject });
  }
  return models;
}

type Filling = { receipts: number; version: number; progress(text: string): void };

async function fill(
  ledger: Ledger,
  models: readonly Model[],
  { receipts, version, progress }: Filling,
): Promise<number> {
  let written = 0;
  let told = 0;
  let next = 0;
  const one = async (): Promise<void> => {
    while (written < receipts) {
      const at = next++;
      // Two of three requests are permitted, as in a gateway that does its work.
      const model = models[at % models.length] as Model;
      const added = await repeat(ledger, model, at, version);
      written += added;
      if (written - told < 50_000) continue;
      told = written;
      progress(`simulate: ${written} receipts`);
    }
  };
  await Promise.all(Array.from({ length: WAITING }, one));
  return written;
}

/** The same exchange with another value at the end of its argument. @returns receipts written */
async function repeat(ledger: Ledger, model: Model, at: number, version: number): Promise<number> {
  const payload = varied(model, at);
  if (model.kind !== 'intent') {
    const { code, facts, checks } = model;
    await ledger.refusal({ kind: model.kind as 'refusal', code: code as 'policy_denied', facts, checks, payload });
    return 1;
  }
  const intent = await ledger.intent({ facts: model.facts, payload, claims: {}, decided_under: version });
  if (!('kind' in intent) || intent.kind !== 'committed') throw new Error(JSON.stringify(intent));
  await ledger.outcome({
    intent: intent.receipt,
    outcome: 'completed',
    received_bytes: 120,
    released_bytes: 180,
    frames: 0,
    released: '0'.repeat(64),
    duration_us: 1_500,
    stop_cause: null,
    listed: null,
    labels: { after: model.facts.labels.before },
    checks: [{ stage: 'forward', verdict: 'pass', us: 1_000 }],
    payload: { answered: { content: [{ type: 'text', text: 'written' }] } },
  });
  return 2;
}

function varied({ kind, payload, recorded }: Model, at: number): JsonObject {
  const args = Object.fromEntries(
    Object.entries(recorded.request.access.args).map(([name, value]) => [name, `${String(value)}${at % VALUES}`]),
  );
  if (kind === 'intent') return { ...payload, arguments: args };
  return { ...payload, asked: { ...(payload['asked'] as JsonObject), arguments: args } };
}
