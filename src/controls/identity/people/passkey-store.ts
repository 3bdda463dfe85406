import type { Row, Sql, Transaction } from '../../../storage/index.ts';

export type StoredPasskey = {
  /** As the authenticator named it, base64url. */
  id: string;
  person: string;
  name: string;
  /** COSE key (RFC 9052), base64url. Public. */
  public_key: string;
  /** How often it signed, where it counts. */
  counter: number;
  synced: boolean;
  added_at: number;
  used_at: number | null;
};

type PasskeyRow = Row & Omit<StoredPasskey, 'synced'> & { synced: number };

const COLUMNS = 'id, person, name, public_key, counter, synced, added_at, used_at';

function readRow({ id, person, name, public_key, counter, synced, added_at, used_at }: PasskeyRow): StoredPasskey {
  return { id, person, name, public_key, counter, synced: synced === 1, added_at, used_at };
}

export async function listPasskeys(sql: Sql, person: string): Promise<StoredPasskey[]> {
  const text = `select ${COLUMNS} from identity_passkeys where person = $1 order by added_at, id`;
  return (await sql.query<PasskeyRow>(text, [person])).map(readRow);
}

export async function findPasskey(sql: Sql, id: string): Promise<StoredPasskey | undefined> {
  const rows = await sql.query<PasskeyRow>(`select ${COLUMNS} from identity_passkeys where id = $1`, [id]);
  return rows[0] === undefined ? undefined : readRow(rows[0]);
}

/** False where somebody has it already. */
export async function insertPasskey(tx: Transaction, passkey: Omit<StoredPasskey, 'used_at'>): Promise<boolean> {
  const { id, person, name, public_key, counter, synced, added_at } = passkey;
  const rows = await tx.query(
    `insert into identity_passkeys (id, person, name, public_key, counter, synced, added_at)
     values ($1, $2, $3, $4, $5, $6, $7) on conflict (id) do nothing returning id`,
    [id, person, name, public_key, counter, synced ? 1 : 0, added_at],
  );
  return rows.length > 0;
}

/** WebAuthn, section 6.1.1: a counter only rises, or stays nought. False where another use came first. */
export async function saveUse(tx: Transaction, id: string, counter: number, used_at: number): Promise<boolean> {
  const rows = await tx.query(
    `update identity_passkeys set counter = $2, used_at = $3
     where id = $1 and (counter < $2 or (counter = 0 and $2 = 0)) returning id`,
    [id, counter, used_at],
  );
  return rows.length > 0;
}

export async function deletePasskey(tx: Transaction, id: string, person: string): Promise<boolean> {
  const text = 'delete from identity_passkeys where id = $1 and person = $2 returning id';
  return (await tx.query(text, [id, person])).length > 0;
}
