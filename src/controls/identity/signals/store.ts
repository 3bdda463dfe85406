import type { JsonValue } from '../../../core/json.ts';
import type { Migration, Row, Sql, Transaction } from '../../../storage/index.ts';

/** Events that were received, so that each counts once; and events that wait for somebody to take them. */
export const signalMigrations: readonly Migration[] = [
  {
    id: 'identity-signals/0001-events',
    sql: `
      create table identity_events_received (
        event text primary key,
        received_at bigint not null
      );
      create table identity_events_waiting (
        id text primary key,
        stream text not null,
        claims text not null,
        since bigint not null,
        held_until bigint not null,
        tries bigint not null
      );
      create index identity_events_waiting_by_stream on identity_events_waiting (stream, since);`,
  },
];

/** False where it was received before. */
export async function claimEvent(tx: Transaction, event: string, now: number): Promise<boolean> {
  const rows = await tx.query(
    'insert into identity_events_received (event, received_at) values ($1, $2) on conflict (event) do nothing returning event',
    [event, now],
  );
  return rows.length > 0;
}

export async function pruneEvents(sql: Sql, received_before: number): Promise<void> {
  await sql.query('delete from identity_events_received where received_at < $1', [received_before]);
}

export type WaitingEvent = { id: string; stream: string; claims: JsonValue; since: number; tries: number };

type WaitingRow = Row & { id: string; stream: string; claims: string; since: number; tries: number };

export async function insertWaiting(tx: Transaction, event: WaitingEvent): Promise<void> {
  await tx.query(
    'insert into identity_events_waiting (id, stream, claims, since, held_until, tries) values ($1, $2, $3, $4, 0, 0)',
    [event.id, event.stream, JSON.stringify(event.claims), event.since],
  );
}

/** Takes the oldest for this replica until `until`; another replica leaves them alone so long. */
export async function holdWaiting(
  tx: Transaction,
  stream: string,
  { now, until, limit }: { now: number; until: number; limit: number },
): Promise<readonly WaitingEvent[]> {
  await tx.lock(`events:${stream}`);
  const rows = await tx.query<WaitingRow>(
    `select id, stream, claims, since, tries from identity_events_waiting
     where stream = $1 and held_until <= $2 order by since, id limit $3`,
    [stream, now, limit],
  );
  for (const { id } of rows) {
    await tx.query('update identity_events_waiting set held_until = $2, tries = tries + 1 where id = $1', [id, until]);
  }
  return rows.map(readRow);
}

/** Leaves it alone until then: its receiver is away. */
export async function putOff(sql: Sql, id: string, until: number): Promise<void> {
  await sql.query('update identity_events_waiting set held_until = $2 where id = $1', [id, until]);
}

/** The oldest, for a receiver that fetches; they stay until it acknowledges them. */
export async function listWaiting(sql: Sql, stream: string, limit: number): Promise<readonly WaitingEvent[]> {
  const rows = await sql.query<WaitingRow>(
    'select id, stream, claims, since, tries from identity_events_waiting where stream = $1 order by since, id limit $2',
    [stream, limit],
  );
  return rows.map(readRow);
}

export async function dropWaiting(sql: Sql, stream: string, id: string): Promise<void> {
  await sql.query('delete from identity_events_waiting where stream = $1 and id = $2', [stream, id]);
}

export async function dropOlder(sql: Sql, since_before: number): Promise<number> {
  return (await sql.query('delete from identity_events_waiting where since < $1 returning id', [since_before])).length;
}

function readRow({ id, stream, claims, since, tries }: WaitingRow): WaitingEvent {
  return { id, stream, claims: JSON.parse(claims) as JsonValue, since, tries };
}
