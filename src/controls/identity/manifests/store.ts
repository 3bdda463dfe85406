import type { JsonObject } from '../../../core/json.ts';
import { canonicalText, type ManifestKind } from '../../../core/manifest.ts';
import type { Migration, Row, Sql, Transaction } from '../../../storage/index.ts';
import type { PartRef, PinBasis } from './contract.ts';

export type Pin = PartRef & {
  digest: string;
  pin: string;
  pinned_at: number;
  pinned_by: string;
  basis: PinBasis;
  /** Of the gateway's, over all of the above. */
  signature: string;
};

export type OfferState = 'waiting' | 'changed' | 'rejected' | 'removed';
export type Offer = PartRef & { digest: string | null; state: OfferState; seen_at: number; flags: number };

export const manifestMigrations: readonly Migration[] = [
  {
    id: 'identity-manifests/0001-pins',
    sql: `
      create table identity_pins (
        server text not null,
        kind text not null,
        name text not null,
        digest text not null,
        definition text not null,
        pin text not null,
        pinned_at bigint not null,
        pinned_by text not null,
        basis text not null,
        signature text not null,
        primary key (server, kind, name)
      );
      create table identity_offers (
        server text not null,
        kind text not null,
        name text not null,
        digest text,
        definition text,
        state text not null,
        seen_at bigint not null,
        flags bigint not null,
        primary key (server, kind, name)
      );`,
  },
  {
    id: 'identity-manifests/0002-definitions',
    sql: `
      create table identity_definitions (digest text primary key, kind text not null, definition text not null);
      insert into identity_definitions (digest, kind, definition)
        select digest, min(kind), min(definition) from identity_pins group by digest;`,
  },
];

const PIN = 'server, kind, name, digest, pin, pinned_at, pinned_by, basis, signature';
const OFFER = 'server, kind, name, digest, state, seen_at, flags';

export function loadPins(sql: Sql, server?: string): Promise<Pin[]> {
  if (server === undefined) return sql.query<Row & Pin>(`select ${PIN} from identity_pins order by server, kind, name`);
  return sql.query<Row & Pin>(`select ${PIN} from identity_pins where server = $1 order by kind, name`, [server]);
}

export function loadOffers(sql: Sql, server?: string): Promise<Offer[]> {
  if (server === undefined)
    return sql.query<Row & Offer>(`select ${OFFER} from identity_offers order by server, kind, name`);
  return sql.query<Row & Offer>(`select ${OFFER} from identity_offers where server = $1 order by kind, name`, [server]);
}

type Definition = Row & { definition: string | null };

export async function pinnedDefinition(sql: Sql, part: PartRef): Promise<JsonObject | null> {
  const rows = await sql.query<Definition>(
    'select definition from identity_pins where server = $1 and kind = $2 and name = $3',
    [part.server, part.kind, part.name],
  );
  return read(rows[0]);
}

export async function offeredDefinition(sql: Sql, part: PartRef): Promise<JsonObject | null> {
  const rows = await sql.query<Definition>(
    'select definition from identity_offers where server = $1 and kind = $2 and name = $3',
    [part.server, part.kind, part.name],
  );
  return read(rows[0]);
}

function read(row: Definition | undefined): JsonObject | null {
  const text = row?.definition;
  return text === undefined || text === null ? null : (JSON.parse(text) as JsonObject);
}

export async function savePin(tx: Transaction, pin: Pin, definition: JsonObject): Promise<void> {
  await tx.query(
    `insert into identity_pins (server, kind, name, digest, definition, pin, pinned_at, pinned_by, basis, signature)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     on conflict (server, kind, name) do update set digest = excluded.digest, definition = excluded.definition,
       pin = excluded.pin, pinned_at = excluded.pinned_at, pinned_by = excluded.pinned_by, basis = excluded.basis,
       signature = excluded.signature`,
    [
      pin.server,
      pin.kind,
      pin.name,
      pin.digest,
      canonicalText(definition),
      pin.pin,
      pin.pinned_at,
      pin.pinned_by,
      pin.basis,
      pin.signature,
    ],
  );
}

export async function saveOffer(tx: Transaction, offer: Offer, definition: JsonObject | null): Promise<void> {
  await tx.query(
    `insert into identity_offers (server, kind, name, digest, definition, state, seen_at, flags)
     values ($1, $2, $3, $4, $5, $6, $7, $8)
     on conflict (server, kind, name) do update set digest = excluded.digest, definition = excluded.definition,
       state = excluded.state, seen_at = excluded.seen_at, flags = excluded.flags`,
    [
      offer.server,
      offer.kind,
      offer.name,
      offer.digest,
      definition === null ? null : canonicalText(definition),
      offer.state,
      offer.seen_at,
      offer.flags,
    ],
  );
}

/** What was ever pinned stays under its digest, which receipts name: a pin's row has only what is pinned now. */
export async function keepDefinition(
  tx: Transaction,
  { digest, kind }: Pick<Pin, 'digest' | 'kind'>,
  definition: JsonObject,
): Promise<void> {
  await tx.query(
    `insert into identity_definitions (digest, kind, definition) values ($1, $2, $3) on conflict (digest) do nothing`,
    [digest, kind, canonicalText(definition)],
  );
}

export async function definitionOf(sql: Sql, digest: string): Promise<JsonObject | null> {
  return read(
    (await sql.query<Definition>('select definition from identity_definitions where digest = $1', [digest]))[0],
  );
}

export async function rejectOffer(tx: Transaction, { server, kind, name }: PartRef): Promise<void> {
  await tx.query(`update identity_offers set state = 'rejected' where server = $1 and kind = $2 and name = $3`, [
    server,
    kind,
    name,
  ]);
}

export async function deletePin(tx: Transaction, { server, kind, name }: PartRef): Promise<void> {
  await tx.query('delete from identity_pins where server = $1 and kind = $2 and name = $3', [server, kind, name]);
}

export async function deleteOffer(tx: Transaction, { server, kind, name }: PartRef): Promise<void> {
  await tx.query('delete from identity_offers where server = $1 and kind = $2 and name = $3', [server, kind, name]);
}

/** Names travel as text in keys and in URLs; a kind holds no line feed, and no name does. */
export function keyOf({ kind, name }: { kind: ManifestKind; name: string }): string {
  return `${kind}\n${name}`;
}
