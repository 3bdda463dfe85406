import { type Clock, sleep } from '../../core/clock.ts';
import {
  type Database,
  type Migration,
  type Row,
  type Sql,
  type SqlValue,
  StorageError,
  type Transaction,
} from '../../storage/index.ts';
import { slotOf } from './receipt-ids.ts';

/**
 * All SQL of the log. A receipt's row never changes but to lose its payload's key. Its *seat* is epoch and n in one number,
 * so rows lie in the order of their commits and need no other index to be counted. Its place in the log is not in the row:
 * `audit_spans` says which run of seats stands at which indices, one row for each step of the sequencer.
 */
export const migrations: readonly Migration[] = [
  {
    id: 'audit/0001-log',
    // In SQLite this makes the seat the key of the table itself, without an index beside it.
    sql: { sqlite: logTables('integer'), postgres: logTables('bigint') },
  },
  {
    id: 'audit/0002-slots',
    sql: `
      create table audit_id_key (one bigint primary key, bytes bytea not null);
      alter table audit_receipts add column slot bytea;
      create unique index audit_receipts_slot on audit_receipts (slot) where slot is not null;
      drop index audit_receipts_id;
      create unique index audit_receipts_id on audit_receipts (id) where slot is null;`,
  },
];

function logTables(seat: 'integer' | 'bigint'): string {
  return `
      create table audit_epochs (
        epoch bigint primary key, replica text not null, n bigint not null, settled bigint not null,
        beat_at bigint not null, closed_at bigint);
      create table audit_receipts (
        seat ${seat} primary key, id text not null, kind text not null, about bigint, follows bigint,
        seed bytea, body text not null, sealed bytea);
      create unique index audit_receipts_id on audit_receipts (id);
      create index audit_receipts_about on audit_receipts (about) where about is not null;
      create index audit_receipts_follows on audit_receipts (follows) where follows is not null;
      create table audit_sequenced (epoch bigint primary key, n bigint not null);
      create table audit_spans (first_index bigint primary key, first_seat bigint not null, entries bigint not null);
      create unique index audit_spans_seat on audit_spans (first_seat);
      create table audit_head (
        one bigint primary key, fork bigint not null, origin text not null, size bigint not null, root text not null,
        holder text not null, holder_until bigint not null, checkpoint text);`;
}

/** Receipts of one epoch; a process that writes a thousand a second needs 49 days for them. */
export const EPOCH_SEATS = 2 ** 32;
export function epochOf(seat: number): number {
  return Math.floor(seat / EPOCH_SEATS);
}

/** So that a seat stays within 2^53. */
const EPOCH_MAX = 2 ** 20;

export function seatOf(epoch: number, n: number): number {
  return epoch * EPOCH_SEATS + n;
}

export type ReceiptRow = {
  seat: number;
  id: string;
  kind: string;
  /** Seat of the intent of an outcome, or of the exchange that a child belongs to. */
  about: number | null;
  /** Seat of the pass that this one takes up. */
  follows: number | null;
  body: string;
  seed: Uint8Array | null;
  sealed: Uint8Array | null;
};

const RECEIPT_COLUMNS = ['seat', 'id', 'kind', 'about', 'follows', 'body', 'seed', 'sealed'] as const;
const RECEIPT_LIST = RECEIPT_COLUMNS.join(', ');
const INSERT_COLUMNS = [...RECEIPT_COLUMNS, 'slot'];

/** `slot`: what its id stands for in the index; an id without one is there itself. */
export type NewReceiptRow = ReceiptRow & { slot: Uint8Array | null };

/** One text for each power of two, so that a group of any size is a handful of statements that are prepared once. */
const INSERT_ROWS_MAX = 256;
const inserts = new Map<number, string>();

function insertText(rows: number): string {
  let text = inserts.get(rows);
  if (text === undefined) {
    const width = INSERT_COLUMNS.length;
    const tuples = Array.from({ length: rows }, (_, row) => {
      return `(${INSERT_COLUMNS.map((_column, at) => `$${row * width + at + 1}`).join(', ')})`;
    });
    text = `insert into audit_receipts (${INSERT_COLUMNS.join(', ')}) values ${tuples.join(', ')}`;
    inserts.set(rows, text);
  }
  return text;
}

export async function insertReceipts(tx: Transaction, rows: readonly NewReceiptRow[]): Promise<void> {
  for (let at = 0; at < rows.length; ) {
    let count = INSERT_ROWS_MAX;
    while (count > rows.length - at) count /= 2;
    const values: SqlValue[] = [];
    for (const row of rows.slice(at, at + count)) {
      values.push(row.seat, row.id, row.kind, row.about, row.follows, row.body, row.seed, row.sealed, row.slot);
    }
    await tx.query(insertText(count), values);
    at += count;
  }
}

/** Opens the next epoch. Two processes that start at once: one meets `duplicate` and tries again. */
export async function openEpoch(tx: Transaction, replica: string): Promise<number> {
  const rows = await tx.query<{ epoch: number }>(
    `insert into audit_epochs (epoch, replica, n, settled, beat_at, closed_at)
     select coalesce(max(epoch), 0) + 1, $1, 0, 0, $2, null from audit_epochs returning epoch`,
    [replica, await tx.now()],
  );
  const epoch = rows[0]!.epoch;
  if (epoch >= EPOCH_MAX) throw new Error('no epoch is left in this database');
  return epoch;
}

/**
 * Takes the next `count` places of the epoch and keeps them from everybody else until the transaction ends. Undefined
 * where the epoch was closed: another replica has said what became of its open intents, so it may not write any more.
 */
export async function takePlaces(
  tx: Transaction,
  epoch: number,
  count: number,
  settled: number,
): Promise<number | undefined> {
  const rows = await tx.query<{ n: number }>(
    `update audit_epochs set n = n + $2, settled = case when $3 > settled then $3 else settled end
     where epoch = $1 and closed_at is null returning n`,
    [epoch, count, settled],
  );
  return rows[0] === undefined ? undefined : rows[0].n - count;
}

export async function beat(db: Database, epoch: number): Promise<boolean> {
  const now = await db.now();
  const text = 'update audit_epochs set beat_at = $2 where epoch = $1 and closed_at is null returning epoch';
  return (await db.query(text, [epoch, now])).length === 1;
}

export type EpochRow = { epoch: number; replica: string; n: number; settled: number };

/** Open epochs that have not been heard of since `before`, and all of `replica` but `own`, whose process is gone. */
export async function lapsedEpochs(
  db: Database,
  from: { before: number; replica: string; own: number },
): Promise<EpochRow[]> {
  return db.query<Row & EpochRow>(
    `select epoch, replica, n, settled from audit_epochs
     where closed_at is null and epoch <> $3 and (beat_at < $1 or replica = $2) order by epoch`,
    [from.before, from.replica, from.own],
  );
}

/** Closes an epoch unless it was heard of again; its row as it then stands for ever. */
export async function closeEpoch(tx: Transaction, epoch: number, unheardSince: number): Promise<EpochRow | undefined> {
  const rows = await tx.query<Row & EpochRow>(
    `update audit_epochs set closed_at = $2 where epoch = $1 and closed_at is null and beat_at <= $3
     returning epoch, replica, n, settled`,
    [epoch, await tx.now(), unheardSince],
  );
  return rows[0];
}

/** Intents of the epoch without an outcome, from place `settled` on. */
export async function openIntents(
  tx: Transaction,
  { epoch, settled }: Pick<EpochRow, 'epoch' | 'settled'>,
): Promise<ReceiptRow[]> {
  return tx.query<Row & ReceiptRow>(
    `select ${RECEIPT_LIST} from audit_receipts i where kind = 'intent' and seat >= $1 and seat < $2
     and not exists (select 1 from audit_receipts o where o.about = i.seat and o.kind = 'outcome') order by seat`,
    [seatOf(epoch, settled), seatOf(epoch + 1, 0)],
  );
}

/** The key of this database's ids, `proposed` where it has none yet. */
export async function idKey(tx: Transaction, proposed: Uint8Array): Promise<Uint8Array> {
  await tx.query('insert into audit_id_key (one, bytes) values (1, $1) on conflict (one) do nothing', [proposed]);
  return (await knownIdKey(tx)) ?? proposed;
}

async function knownIdKey(sql: Sql): Promise<Uint8Array | undefined> {
  return (await sql.query<{ bytes: Uint8Array }>('select bytes from audit_id_key where one = 1'))[0]?.bytes;
}

export async function receiptById(sql: Sql, id: string): Promise<ReceiptRow | undefined> {
  return byId<Row & ReceiptRow>(sql, RECEIPT_LIST, id);
}

export async function seatById(sql: Sql, id: string): Promise<number | undefined> {
  return (await byId<{ seat: number }>(sql, 'seat', id))?.seat;
}

async function byId<R extends Row>(sql: Sql, columns: string, id: string): Promise<R | undefined> {
  const key = await knownIdKey(sql);
  const slot = key && slotOf(key, id);
  const text = `select ${columns} from audit_receipts where`;
  const [row] = slot === undefined ? [] : await sql.query<R>(`${text} slot = $1 and id = $2`, [slot, id]);
  return row ?? (await sql.query<R>(`${text} id = $1 and slot is null`, [id]))[0];
}

export async function receiptAt(sql: Sql, seat: number): Promise<ReceiptRow | undefined> {
  const text = `select ${RECEIPT_LIST} from audit_receipts where seat = $1`;
  return (await sql.query<Row & ReceiptRow>(text, [seat]))[0];
}

/** `count` rows from `seat` on, in the order of their commits. */
export async function receiptsFrom(sql: Sql, seat: number, count: number): Promise<ReceiptRow[]> {
  return sql.query<Row & ReceiptRow>(
    `select ${RECEIPT_LIST} from audit_receipts where seat >= $1 and seat < $2 order by seat`,
    [seat, seat + count],
  );
}

/** What refers to the exchange at `seat`: outcomes and children, then passes that took it up. */
export async function receiptsAbout(sql: Sql, seat: number): Promise<ReceiptRow[]> {
  return sql.query<Row & ReceiptRow>(
    `select ${RECEIPT_LIST} from audit_receipts where about = $1 or follows = $1 order by seat limit 1000`,
    [seat],
  );
}

/** Destroys the payload's key; false where there was none. It stands before the long columns, so in the row's own page. */
export async function destroyKey(tx: Transaction, id: string): Promise<boolean> {
  const seat = await seatById(tx, id);
  if (seat === undefined) return false;
  const text = 'update audit_receipts set seed = null where seat = $1 and seed is not null returning seat';
  return (await tx.query(text, [seat])).length === 1;
}

/**
 * After a destruction: what SQLite's write-ahead log still holds of the rows as they were is written over and cut off. On
 * PostgreSQL old row versions go with VACUUM and archived logs with their retention, which are the operator's.
 */
export async function forgetOldPages(db: Database, clock: Clock): Promise<void> {
  if (db.dialect !== 'sqlite') return;
  // Whoever reads at this moment, in another thread, keeps the log from being cut off.
  for (let attempt = 1; attempt <= FORGET_ATTEMPTS_MAX; attempt += 1) {
    const [row] = await db.query<{ busy: number }>('pragma wal_checkpoint(truncate)');
    if (row?.busy !== 1) return;
    await sleep(clock, FORGET_AGAIN_MS);
  }
  throw new StorageError('unavailable', 'the keys are destroyed, but old pages of the database still hold them');
}

const FORGET_ATTEMPTS_MAX = 100;
const FORGET_AGAIN_MS = 20;

export type HeadRow = {
  fork: number;
  origin: string;
  size: number;
  root: string;
  holder: string;
  holder_until: number;
  checkpoint: string | null;
};

const HEAD_LIST = 'fork, origin, size, root, holder, holder_until, checkpoint';

export async function readHead(sql: Sql): Promise<HeadRow | undefined> {
  return (await sql.query<Row & HeadRow>(`select ${HEAD_LIST} from audit_head where one = 1`))[0];
}

export async function createHead(sql: Sql, origin: string, root: string): Promise<void> {
  await sql.query(
    `insert into audit_head (one, fork, origin, size, root, holder, holder_until, checkpoint)
     values (1, 0, $1, 0, $2, '', 0, null) on conflict (one) do nothing`,
    [origin, root],
  );
}

/** Compare and swap: undefined where another replica was first. */
export async function advanceHead(
  tx: Transaction,
  from: { fork: number; size: number; root: string },
  to: { size: number; root: string; holder: string; holder_until: number },
): Promise<boolean> {
  const rows = await tx.query(
    `update audit_head set size = $4, root = $5, holder = $6, holder_until = $7
     where one = 1 and fork = $1 and size = $2 and root = $3 returning size`,
    [from.fork, from.size, from.root, to.size, to.root, to.holder, to.holder_until],
  );
  return rows.length === 1;
}

export async function forkHead(
  tx: Transaction,
  to: { fork: number; origin: string; size: number; root: string },
): Promise<boolean> {
  const rows = await tx.query(
    `update audit_head set fork = $1, origin = $2, size = $3, root = $4, holder = '', holder_until = 0, checkpoint = null
     where one = 1 and fork = $1 - 1 returning fork`,
    [to.fork, to.origin, to.size, to.root],
  );
  return rows.length === 1;
}

export async function saveCheckpoint(sql: Sql, fork: number, checkpoint: string): Promise<void> {
  await sql.query('update audit_head set checkpoint = $2 where one = 1 and fork = $1', [fork, checkpoint]);
}

export type Unsequenced = { epoch: number; n: number; done: number };

/**
 * Epochs with rows that have no index yet; closed ones first, so that an intent is in the log before the outcome `unknown`
 * that another replica wrote for it.
 */
export async function unsequenced(sql: Sql): Promise<Unsequenced[]> {
  return sql.query<Row & Unsequenced>(
    `select e.epoch, e.n, coalesce(s.n, 0) as done from audit_epochs e
     left join audit_sequenced s on s.epoch = e.epoch where e.n > coalesce(s.n, 0)
     order by case when e.closed_at is null then 1 else 0 end, e.epoch`,
  );
}

export type Span = { first_index: number; first_seat: number; entries: number };

export async function addSpan(tx: Transaction, span: Span, epoch: number): Promise<void> {
  await tx.query('insert into audit_spans (first_index, first_seat, entries) values ($1, $2, $3)', [
    span.first_index,
    span.first_seat,
    span.entries,
  ]);
  await tx.query(
    `insert into audit_sequenced (epoch, n) values ($1, $2) on conflict (epoch) do update set n = excluded.n`,
    [epoch, span.first_seat + span.entries - seatOf(epoch, 0)],
  );
}

export type IndexedRow = ReceiptRow & { log_index: number };

const INDEXED_LIST = `${RECEIPT_COLUMNS.map((column) => `r.${column}`).join(', ')}, s.first_index + r.seat - s.first_seat as log_index`;
const SPANNED = `audit_spans s join audit_receipts r on r.seat >= s.first_seat and r.seat < s.first_seat + s.entries`;

/** Up to `limit` entries of the log from `index` on, in its order. */
export async function entriesFrom(sql: Sql, index: number, limit: number): Promise<IndexedRow[]> {
  return sql.query<Row & IndexedRow>(
    `select ${INDEXED_LIST} from ${SPANNED}
     where s.first_index >= coalesce((select max(first_index) from audit_spans where first_index <= $1), 0)
     and s.first_index < $2 and r.seat >= s.first_seat + $1 - s.first_index order by s.first_index, r.seat limit $3`,
    [index, index + limit, limit],
  );
}

/** Up to `limit` entries of the log before `index`, newest first. */
export async function entriesBefore(sql: Sql, index: number, limit: number): Promise<IndexedRow[]> {
  return sql.query<Row & IndexedRow>(
    `select ${INDEXED_LIST} from ${SPANNED}
     where s.first_index >= coalesce((select max(first_index) from audit_spans where first_index <= $2), 0)
     and s.first_index < $1 and r.seat < s.first_seat + $1 - s.first_index
     order by s.first_index desc, r.seat desc limit $3`,
    [index, Math.max(0, index - limit), limit],
  );
}

export type BareRow = Pick<ReceiptRow, 'body' | 'seed' | 'sealed'>;

/** First receipts of exchanges among the `count` entries of the log from `index` on, in its order. */
export async function exchangesFrom(sql: Sql, index: number, count: number): Promise<BareRow[]> {
  return sql.query<Row & BareRow>(
    `select r.body, r.seed, r.sealed from ${SPANNED}
     where s.first_index >= coalesce((select max(first_index) from audit_spans where first_index <= $1), 0)
     and s.first_index < $2 and r.seat >= s.first_seat + $1 - s.first_index and r.seat < s.first_seat + $2 - s.first_index
     and r.kind in ('intent', 'refusal', 'hold') order by s.first_index, r.seat`,
    [index, index + count],
  );
}

/** The span that holds `seat`, where it has an index. */
export async function spanOfSeat(sql: Sql, seat: number): Promise<Span | undefined> {
  const rows = await sql.query<Row & Span>(
    `select first_index, first_seat, entries from audit_spans where first_seat <= $1 order by first_seat desc limit 1`,
    [seat],
  );
  const span = rows[0];
  return span !== undefined && seat < span.first_seat + span.entries ? span : undefined;
}
