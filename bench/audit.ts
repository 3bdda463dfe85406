import { createHash, randomBytes } from 'node:crypto';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Ledger } from '../src/controls/audit/index.ts';
import { verifyLog } from '../src/controls/audit/verify.ts';
import { systemClock } from '../src/main/clock.ts';
import { migrate, openDatabase, SharedTurns } from '../src/storage/index.ts';
import { facts, ledgerMigrations, outcome, threadedLedgerAt } from '../test/support/ledger.ts';
import { atLeast, atMost, type Figures, machine, medians, type Report, rounded } from './support/report.ts';

/**
 * Durable receipts a second with 1, 32 and 256 exchanges waiting: sealed, canonical, hashed, committed, sequenced, published
 * and signed. Beside it a bare node:sqlite loop that makes the same commits (same tables, same rows, same proofs claimed,
 * as many receipts to a commit) out of rows that lie ready. Then the verifier, beside hashing the same bytes once.
 */
type Options = { quick: boolean; progress(text: string): void };

const WAITING = [1, 32, 256] as const;
/** Each round opens a ledger anew, whose thread compiles its code in its first moments; the loop's is compiled already. */
const WARM_UP_MS = 500;
const VERIFY_ENTRIES = { quick: 30_000, full: 100_000 };

export async function run({ quick, progress }: Options): Promise<Report> {
  const rounds = quick ? 3 : 5;
  const seconds = quick ? 0.5 : 1.5;
  const measured = new Map<string, Figures[]>();
  const note = (name: string, figures: Figures) => measured.set(name, [...(measured.get(name) ?? []), figures]);
  for (let round = 0; round < rounds; round += 1) {
    for (const waiting of WAITING) {
      progress(`audit: round ${round + 1} of ${rounds}, ${waiting} waiting`);
      const { receipt_bytes, ...figures } = await governed(waiting, seconds);
      note(`sallyport, ${waiting} waiting`, { ...figures, receipt_bytes });
      note(`node:sqlite, ${waiting} waiting`, bare(waiting, seconds, receipt_bytes));
    }
  }
  await measureVerifier(quick, rounds, progress, note);
  const results = Object.fromEntries([...measured].map(([name, figures]) => [name, medians(figures)]));
  const rate = (name: string): number => results[name]?.['rps'] ?? 0;
  const share = (waiting: number) => rate(`sallyport, ${waiting} waiting`) / rate(`node:sqlite, ${waiting} waiting`);
  const time = (name: string): number => results[name]?.['ms'] ?? Number.POSITIVE_INFINITY;
  return {
    name: 'audit',
    machine: machine(),
    results,
    bars: [
      ...WAITING.map((waiting) =>
        atLeast(`durable receipts a second with ${waiting} waiting, of a bare node:sqlite loop's`, share(waiting), 0.5),
      ),
      atMost('verifying a log, in times of hashing its bytes once', time('verify') / time('hash once'), 4),
    ],
  };
}

/** `waiting` callers, each of whom records an exchange, its intent and then its outcome, as fast as it can. */
async function governed(waiting: number, seconds: number): Promise<Figures & { receipt_bytes: number }> {
  const place = await openPlace();
  try {
    const took: number[] = [];
    const load = (until: number) =>
      Promise.all(Array.from({ length: waiting }, () => record(place.ledger, until, took)));
    await load(performance.now() + WARM_UP_MS);
    took.length = 0;
    const cpu = process.cpuUsage();
    const from = performance.now();
    await load(from + seconds * 1000);
    const elapsed = (performance.now() - from) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    await place.ledger.drain();
    const bytes = await place.bytes();
    took.sort((a, b) => a - b);
    const rps = (took.length * 2) / elapsed;
    return {
      rps: rounded(rps),
      mb_per_second: rounded((rps * bytes) / 1e6),
      p50_ms: rounded(took[Math.floor(took.length * 0.5)] ?? 0),
      p99_ms: rounded(took[Math.floor(took.length * 0.99)] ?? 0),
      cpu_us: rounded((user + system) / (took.length * 2)),
      receipt_bytes: Math.round(bytes),
    };
  } finally {
    await place.close();
  }
}

/** `took`: how long each intent waited until it was durable. */
async function record(ledger: Ledger, until: number, took: number[]): Promise<void> {
  while (performance.now() < until) {
    const jti = randomBytes(12).toString('hex');
    const claims = { proof: { jkt: 'a-key-of-the-agent', jti, expires_at: 0 } };
    const from = performance.now();
    const intent = await ledger.intent({
      facts: facts({ checks: CHECKS }),
      payload: PAYLOAD,
      claims,
      decided_under: 1,
    });
    took.push(performance.now() - from);
    if (intent.kind !== 'committed') throw new Error(`the intent was ${intent.kind}`);
    await ledger.outcome(outcome(intent.receipt, { checks: CHECKS.slice(0, 3) }));
  }
}

const CHECKS = Array.from({ length: 9 }, (_, at) => ({
  stage: `stage number ${at}`,
  verdict: 'pass' as const,
  us: 12,
}));
const PAYLOAD = { name: 'files/read_file', arguments: { path: 'reports/2026/q3.txt', head: 100 } };

async function openPlace() {
  const home = mkdtempSync(join(tmpdir(), 'sallyport-bench-'));
  const path = join(home, 'sallyport.db');
  const turns = new SharedTurns();
  const db = await openDatabase({ url: `sqlite:${path}`, clock: systemClock, turns });
  await migrate(db, ledgerMigrations);
  const folder = join(home, 'log');
  const ledger = await threadedLedgerAt({ db, turns, path, folder });
  return {
    ledger,
    folder,
    bytes: async () =>
      (await db.query('select avg(length(body)) as bytes from audit_receipts'))[0]?.['bytes'] as number,
    close: async () => {
      await ledger.close();
      await db.close();
      rmSync(home, { recursive: true });
    },
  };
}

const STATE = `select version from state where topic = '*'`;

/** The same commits and nothing else: half of the receipts are intents, with proof and sealed payload. */
function bare(waiting: number, seconds: number, receipt_bytes: number): Figures {
  const home = mkdtempSync(join(tmpdir(), 'sallyport-bench-'));
  const db = new DatabaseSync(join(home, 'bare.db'));
  try {
    db.exec(`pragma journal_mode = wal; pragma synchronous = full; pragma fullfsync = on; pragma cache_size = -16384;
      create table state (topic text primary key, version bigint not null); insert into state values ('*', 1);
      create table test_proofs (jkt text, jti text, primary key (jkt, jti));`);
    const texts = ledgerMigrations.map(({ sql }) => (typeof sql === 'string' ? sql : sql.sqlite));
    for (const text of texts) if (text.includes('audit_')) db.exec(text);
    db.exec(`insert into audit_epochs values (1, 'rep_a', 0, 0, 0, null)`);
    return commits(db, waiting, seconds, receipt_bytes);
  } finally {
    db.close();
    rmSync(home, { recursive: true });
  }
}

function commits(db: DatabaseSync, rows: number, seconds: number, receipt_bytes: number): Figures {
  const statements = prepare(db, rows);
  const body = 'x'.repeat(receipt_bytes);
  const cpu = process.cpuUsage();
  const from = performance.now();
  let seat = 2 ** 32;
  const first = seat;
  for (let turn = 0; performance.now() < from + seconds * 1000; turn += 1) {
    const isIntent = turn % 2 === 0;
    const values: (string | number | null | Uint8Array)[] = [];
    db.exec('begin immediate');
    if (isIntent) statements.state.get();
    for (let row = 0; row < rows; row += 1, seat += 1) {
      const id = `rcp_${randomBytes(13).toString('hex')}`;
      if (isIntent) statements.claim.get('a-key-of-the-agent', id);
      values.push(seat, id, isIntent ? 'intent' : 'outcome', isIntent ? null : seat - rows, null, body);
      values.push(isIntent ? SEED : null, isIntent ? SEALED : null, slotAt(seat));
    }
    statements.places.get(1, rows, 0);
    statements.insert.run(...values);
    db.exec('commit');
  }
  const elapsed = (performance.now() - from) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const count = seat - first;
  const rps = count / elapsed;
  return {
    rps: rounded(rps),
    mb_per_second: rounded((rps * receipt_bytes) / 1e6),
    cpu_us: rounded((user + system) / count),
  };
}

/** Grows at one end of the index, as the ledger's do. */
function slotAt(seat: number): Uint8Array {
  const slot = randomBytes(16);
  slot.writeUIntBE(seat, 0, 6);
  return slot;
}

const SEED = randomBytes(32);
const SEALED = randomBytes(260);

function prepare(db: DatabaseSync, rows: number): Record<'state' | 'claim' | 'places' | 'insert', StatementSync> {
  const tuple = '(?, ?, ?, ?, ?, ?, ?, ?, ?)';
  return {
    state: db.prepare(STATE),
    claim: db.prepare('insert into test_proofs (jkt, jti) values (?, ?) on conflict do nothing returning jti'),
    places: db.prepare(`update audit_epochs set n = n + ?2, settled = case when ?3 > settled then ?3 else settled end
      where epoch = ?1 and closed_at is null returning n`),
    insert: db.prepare(`insert into audit_receipts (seat, id, kind, about, follows, body, seed, sealed, slot)
      values ${Array.from({ length: rows }, () => tuple).join(', ')}`),
  };
}

async function measureVerifier(
  quick: boolean,
  rounds: number,
  progress: (text: string) => void,
  note: (name: string, figures: Figures) => void,
): Promise<void> {
  const entries = quick ? VERIFY_ENTRIES.quick : VERIFY_ENTRIES.full;
  progress(`audit: writing a log of ${entries} entries to verify`);
  const place = await openPlace();
  try {
    let exchanges = 0;
    const record = async () => {
      for (; exchanges < entries / 2; ) {
        exchanges += 1;
        const intent = await place.ledger.intent({
          facts: facts({ checks: CHECKS }),
          payload: PAYLOAD,
          claims: {},
          decided_under: 1,
        });
        if (intent.kind === 'committed') await place.ledger.outcome(outcome(intent.receipt));
      }
    };
    await Promise.all(Array.from({ length: 256 }, record));
    await place.ledger.drain();
    const seen = place.ledger.checkpoint();
    for (let round = 0; round < rounds; round += 1) {
      note('hash once', hashOnce(place.folder));
      const report = await verifyLog(place.folder, { seen });
      if (report.verdict !== 'verified') throw new Error(`the log is ${report.verdict}`);
      const mb_per_second = report.bytes / 1e3 / report.duration_ms;
      note('verify', { ms: report.duration_ms, mb_per_second: rounded(mb_per_second), entries: report.size });
    }
  } finally {
    await place.close();
  }
}

/** Every byte that the verifier reads, through SHA-256, once. */
function hashOnce(folder: string): Figures {
  const from = performance.now();
  const hash = createHash('sha256');
  let bytes = 0;
  for (const path of globSync('tile/**', { cwd: folder, withFileTypes: true })) {
    if (!path.isFile()) continue;
    const file = readFileSync(join(path.parentPath, path.name));
    bytes += file.length;
    hash.update(file);
  }
  hash.digest();
  const ms = performance.now() - from;
  return { ms: rounded(ms), mb_per_second: rounded(bytes / 1e3 / ms) };
}
