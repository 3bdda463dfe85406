import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  directoryFiles,
  type ExchangeDraft,
  type IntentDraft,
  type Ledger,
  type LedgerOptions,
  makeLedgerKeys,
  migrations,
  type OutcomeDraft,
  openLedger,
  openThreadedLedger,
  type ThreadedLedgerOptions,
} from '../../src/controls/audit/index.ts';
import type { ProofClaim } from '../../src/core/principal.ts';
import { systemClock, systemRandom } from '../../src/main/clock.ts';
import { type Database, migrate, openDatabase, type Transaction } from '../../src/storage/index.ts';

/** A folder that is gone after the test. */
export function scratchFolder(undo: (() => unknown)[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-log-'));
  undo.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export const testKeys = makeLedgerKeys((length) => randomBytes(length));

/** Proofs as identity claims them: once, in the transaction. */
export const proofMigrations = [
  { id: 'test/0001-proofs', sql: 'create table test_proofs (jkt text, jti text, primary key (jkt, jti))' },
];

export async function claimProofs(tx: Transaction, claims: readonly ProofClaim[]): Promise<boolean[]> {
  const claimed: boolean[] = [];
  for (const { jkt, jti } of claims) {
    const text = 'insert into test_proofs (jkt, jti) values ($1, $2) on conflict do nothing returning jti';
    claimed.push((await tx.query(text, [jkt, jti])).length === 1);
  }
  return claimed;
}

export const ledgerMigrations = [...migrations, ...proofMigrations];

export type LedgerAt = { db: Database; folder: string } & Partial<LedgerOptions>;

/** A ledger with real parts. What it reports goes to `problems`, and is printed if nobody looks. */
export async function ledgerAt({ db, folder, ...options }: LedgerAt): Promise<Ledger> {
  return openLedger({
    db,
    clock: systemClock,
    random: systemRandom,
    replica: 'rep_a',
    build: 'test',
    config_digest: () => 'c'.repeat(64),
    origin: 'sallyport.test/log',
    keys: testKeys,
    files: directoryFiles(folder),
    claimProofs,
    stateVersion: async () => 1,
    reserve_bytes: 1024,
    report: (problem, error) => console.error(problem, error),
    ...options,
  });
}

export type ThreadedLedgerAt = Pick<ThreadedLedgerOptions, 'db' | 'turns' | 'path' | 'folder'> &
  Partial<ThreadedLedgerOptions>;

/** The same on a thread of its own, as a gateway beside SQLite has it. */
export function threadedLedgerAt(options: ThreadedLedgerAt): Promise<Ledger> {
  return openThreadedLedger({
    entry: new URL('ledger-thread.ts', import.meta.url),
    clock: systemClock,
    random: systemRandom,
    replica: 'rep_a',
    build: 'test',
    config_digest: () => 'c'.repeat(64),
    origin: 'sallyport.test/log',
    keys: testKeys,
    reserve_bytes: 1024,
    report: (problem, error) => console.error(problem, error),
    ...options,
  });
}

/** A ledger on an embedded database of its own, in a folder of its own. */
export async function freshLedger(undo: (() => unknown)[], options: Partial<LedgerOptions> = {}) {
  const home = scratchFolder(undo);
  const db = await openDatabase({ url: `sqlite:${join(home, 'sallyport.db')}`, clock: systemClock });
  await migrate(db, ledgerMigrations);
  const folder = join(home, 'log');
  const ledger = await ledgerAt({ db, folder, ...options });
  undo.push(async () => {
    await ledger.close();
    await db.close();
  });
  return { home, folder, db, ledger };
}

const DIGEST = 'ab'.repeat(32);

export function facts(changes: Partial<ExchangeDraft> = {}): ExchangeDraft {
  return {
    protocol: 'mcp',
    operation: 'tools/call',
    agent: { id: 'triage', owner: 'alice', version: '1' },
    credential: { kind: 'dpop', thumbprint: 'k'.repeat(43) },
    run: 'run_00000000000000000000000001',
    job: 'triage-issues',
    purpose: null,
    subject: null,
    chain: [],
    accesses: [{ action: 'tool.call', resource: { type: 'Tool', id: 'files/read_file' } }],
    upstream: 'files',
    tool: null,
    request: { received: DIGEST, sent: DIGEST, bytes: 120 },
    policy: { set: DIGEST, ids: ['readers'], errors: [], obligations: [], shadow: [] },
    state_version: 1,
    labels: { before: { confidentiality: 'public', integrity: 'trusted' } },
    checks: [{ stage: 'check identity', verdict: 'pass', us: 70 }],
    parent: null,
    continues: null,
    trace: null,
    ...changes,
  };
}

export function intent(changes: Partial<IntentDraft> = {}): IntentDraft {
  return { facts: facts(), payload: { path: 'reports/q3.txt' }, claims: {}, decided_under: 1, ...changes };
}

export function outcome(of: string, changes: Partial<OutcomeDraft> = {}): OutcomeDraft {
  return {
    intent: of,
    outcome: 'completed',
    received_bytes: 10,
    released_bytes: 10,
    frames: 0,
    released: DIGEST,
    duration_us: 1_200,
    stop_cause: null,
    listed: null,
    labels: { after: { confidentiality: 'public', integrity: 'trusted' } },
    checks: [],
    ...changes,
  };
}

/** The receipt of an intent that must be committed. */
export async function committed(ledger: Ledger, draft: IntentDraft = intent()): Promise<string> {
  const result = await ledger.intent(draft);
  if (result.kind !== 'committed') throw new Error(`the intent was ${JSON.stringify(result)}`);
  return result.receipt;
}

/** One exchange from intent to outcome; its receipt. */
export async function exchange(ledger: Ledger, draft: IntentDraft = intent()): Promise<string> {
  const receipt = await committed(ledger, draft);
  const done = await ledger.outcome(outcome(receipt));
  if (typeof done !== 'string') throw new Error(`the outcome was ${JSON.stringify(done)}`);
  return receipt;
}

/** `count` exchanges, as many at once as a busy gateway has. */
export async function exchanges(ledger: Ledger, count: number, at_once = 64): Promise<string[]> {
  const receipts: string[] = [];
  for (let from = 0; from < count; from += at_once) {
    const batch = Array.from({ length: Math.min(at_once, count - from) }, () => exchange(ledger));
    receipts.push(...(await Promise.all(batch)));
  }
  return receipts;
}
