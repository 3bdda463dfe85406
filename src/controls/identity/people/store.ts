import { ROLES, type Role } from '../../../core/person.ts';
import type { Migration, Row, Sql, Transaction } from '../../../storage/index.ts';

export const peopleMigrations: readonly Migration[] = [
  {
    id: 'identity-people/0001-company-and-passkeys',
    sql: `
      alter table identity_people add column subject text;
      create unique index identity_people_by_subject on identity_people (subject);
      create table identity_passkeys (
        id text primary key,
        person text not null,
        name text not null,
        public_key text not null,
        counter bigint not null,
        synced bigint not null,
        added_at bigint not null,
        used_at bigint
      );
      create index identity_passkeys_by_person on identity_passkeys (person);`,
  },
];

export type StoredPerson = {
  id: string;
  name: string;
  roles: readonly Role[];
  added_at: number;
  /** The authenticator's secret, sealed; null where none is enrolled. */
  authenticator: string | null;
  /** One that waits for its first good code. */
  authenticator_pending: string | null;
  /** Digest of issuer and subject, where the company's provider says who it is. */
  subject: string | null;
  /** How many are enrolled. */
  passkeys: number;
};

type PersonRow = Row & {
  id: string;
  name: string;
  roles: string;
  added_at: number;
  authenticator: string | null;
  authenticator_pending: string | null;
  subject: string | null;
  passkeys: number;
};

const COLUMNS = `p.id, p.name, p.roles, p.added_at, p.authenticator, p.authenticator_pending, p.subject,
  (select count(*) from identity_passkeys k where k.person = p.id) as passkeys`;

/** In one order, each once, and none that this version does not know. */
function readRoles(stored: string): Role[] {
  const roles: unknown[] = JSON.parse(stored);
  return ROLES.filter((role) => roles.includes(role));
}

function readRow(row: PersonRow): StoredPerson {
  const { id, name, added_at, authenticator, authenticator_pending, subject, passkeys } = row;
  return { id, name, roles: readRoles(row.roles), added_at, authenticator, authenticator_pending, subject, passkeys };
}

export async function listPeople(sql: Sql): Promise<StoredPerson[]> {
  return (await sql.query<PersonRow>(`select ${COLUMNS} from identity_people p order by p.name_key`)).map(readRow);
}

export async function loadPerson(sql: Sql, id: string): Promise<StoredPerson | undefined> {
  const rows = await sql.query<PersonRow>(`select ${COLUMNS} from identity_people p where p.id = $1`, [id]);
  return rows[0] === undefined ? undefined : readRow(rows[0]);
}

export async function findPersonByName(sql: Sql, name_key: string): Promise<StoredPerson | undefined> {
  const rows = await sql.query<PersonRow>(`select ${COLUMNS} from identity_people p where p.name_key = $1`, [name_key]);
  return rows[0] === undefined ? undefined : readRow(rows[0]);
}

export async function findPassword(
  sql: Sql,
  name_key: string,
): Promise<{ person: StoredPerson; password: string } | undefined> {
  const rows = await sql.query<PersonRow & { password: string }>(
    `select ${COLUMNS}, p.password from identity_people p where p.name_key = $1 and p.subject is null`,
    [name_key],
  );
  return rows[0] === undefined ? undefined : { person: readRow(rows[0]), password: rows[0].password };
}

/** False where the name is taken. */
export async function insertPerson(
  tx: Transaction,
  person: {
    id: string;
    name: string;
    name_key: string;
    roles: readonly Role[];
    /** Empty where the company's provider says who it is. */
    password: string;
    added_at: number;
    subject: string | null;
  },
): Promise<boolean> {
  const rows = await tx.query(
    `insert into identity_people (id, name, name_key, roles, password, added_at, authenticator_step, subject)
     values ($1, $2, $3, $4, $5, $6, 0, $7) on conflict (name_key) do nothing returning id`,
    [
      person.id,
      person.name,
      person.name_key,
      JSON.stringify(person.roles),
      person.password,
      person.added_at,
      person.subject,
    ],
  );
  return rows.length > 0;
}

export async function findBySubject(sql: Sql, subject: string): Promise<StoredPerson | undefined> {
  const rows = await sql.query<PersonRow>(`select ${COLUMNS} from identity_people p where p.subject = $1`, [subject]);
  return rows[0] === undefined ? undefined : readRow(rows[0]);
}

/** A name that changed there changes here. False where somebody else has it. */
export async function saveCompanyPerson(
  tx: Transaction,
  id: string,
  { name, name_key }: { name: string; name_key: string },
): Promise<boolean> {
  const rows = await tx.query(
    `update identity_people set name = $2, name_key = $3
     where id = $1 and not exists (select 1 from identity_people o where o.name_key = $3 and o.id <> $1) returning id`,
    [id, name, name_key],
  );
  return rows.length > 0;
}

/** Both end the person's sessions, so that no session has more than its person. */
export async function saveRoles(tx: Transaction, id: string, roles: readonly Role[]): Promise<void> {
  await tx.query('update identity_people set roles = $2 where id = $1', [id, JSON.stringify(roles)]);
  await tx.query('delete from identity_sessions where person = $1', [id]);
}

export async function endSessionsOf(tx: Transaction, id: string): Promise<void> {
  await tx.query('delete from identity_sessions where person = $1', [id]);
}

export async function findPersonId(sql: Sql, name_key: string): Promise<string | undefined> {
  const rows = await sql.query<Row & { id: string }>('select id from identity_people where name_key = $1', [name_key]);
  return rows[0]?.id;
}

export async function deletePerson(tx: Transaction, id: string): Promise<void> {
  await tx.query('delete from identity_sessions where person = $1', [id]);
  await tx.query('delete from identity_passkeys where person = $1', [id]);
  await tx.query('delete from identity_people where id = $1', [id]);
}

export async function savePendingAuthenticator(tx: Transaction, id: string, sealed: string): Promise<void> {
  await tx.query('update identity_people set authenticator_pending = $2 where id = $1', [id, sealed]);
}

/** Makes the pending one count, unless another was begun meanwhile. */
export async function completeAuthenticator(
  tx: Transaction,
  id: string,
  sealed: string,
  step: number,
): Promise<boolean> {
  const rows = await tx.query(
    `update identity_people set authenticator = $2, authenticator_pending = null, authenticator_step = $3
     where id = $1 and authenticator_pending = $2 returning id`,
    [id, sealed, step],
  );
  return rows.length > 0;
}

/** RFC 6238, section 5.2: a code counts once. False where this step, or a later one, was used. */
export async function takeStep(tx: Transaction, id: string, step: number): Promise<boolean> {
  const rows = await tx.query(
    'update identity_people set authenticator_step = $2 where id = $1 and authenticator_step < $2 returning id',
    [id, step],
  );
  return rows.length > 0;
}

export type StoredSession = {
  id: string;
  person: StoredPerson;
  signed_in_at: number;
  used_at: number;
  ends_at: number;
  present_until: number | null;
};

type SessionRow = PersonRow & {
  session: string;
  signed_in_at: number;
  used_at: number;
  ends_at: number;
  present_until: number | null;
};

export async function insertSession(
  tx: Transaction,
  session: { id: string; person: string; signed_in_at: number; ends_at: number },
): Promise<void> {
  await tx.query(
    'insert into identity_sessions (id, person, signed_in_at, used_at, ends_at) values ($1, $2, $3, $3, $4)',
    [session.id, session.person, session.signed_in_at, session.ends_at],
  );
}

export async function loadSession(sql: Sql, id: string): Promise<StoredSession | undefined> {
  const rows = await sql.query<SessionRow>(
    `select s.id as session, s.signed_in_at, s.used_at, s.ends_at, s.present_until, ${COLUMNS}
     from identity_sessions s join identity_people p on p.id = s.person where s.id = $1`,
    [id],
  );
  const row = rows[0];
  if (row === undefined) return undefined;
  const { session, signed_in_at, used_at, ends_at, present_until } = row;
  return { id: session, person: readRow(row), signed_in_at, used_at, ends_at, present_until };
}

export async function touchSession(sql: Sql, id: string, used_at: number): Promise<void> {
  await sql.query('update identity_sessions set used_at = $2 where id = $1 and used_at < $2', [id, used_at]);
}

export async function savePresence(tx: Transaction, id: string, present_until: number): Promise<void> {
  await tx.query('update identity_sessions set present_until = $2 where id = $1', [id, present_until]);
}

/** The person whose session it was. */
export async function deleteSession(tx: Transaction, id: string): Promise<string | undefined> {
  const rows = await tx.query<Row & { person: string }>(
    'delete from identity_sessions where id = $1 returning person',
    [id],
  );
  return rows[0]?.person;
}

export async function insertSetupLink(
  tx: Transaction,
  link: { id: string; roles: readonly Role[]; made_by: string; expires_at: number },
): Promise<void> {
  await tx.query('insert into identity_setup_links (id, roles, made_by, expires_at) values ($1, $2, $3, $4)', [
    link.id,
    JSON.stringify(link.roles),
    link.made_by,
    link.expires_at,
  ]);
}

export async function holdsSetupLink(sql: Sql, id: string, now: number): Promise<boolean> {
  const rows = await sql.query('select id from identity_setup_links where id = $1 and expires_at > $2', [id, now]);
  return rows.length > 0;
}

/** Single use: whoever deletes the row has the link. */
export async function takeSetupLink(
  tx: Transaction,
  id: string,
  now: number,
): Promise<{ roles: readonly Role[]; made_by: string } | undefined> {
  const rows = await tx.query<Row & { roles: string; made_by: string }>(
    'delete from identity_setup_links where id = $1 and expires_at > $2 returning roles, made_by',
    [id, now],
  );
  return rows[0] === undefined ? undefined : { roles: readRoles(rows[0].roles), made_by: rows[0].made_by };
}

export async function prunePeople(sql: Sql, now: number, idle_since: number): Promise<void> {
  await sql.query('delete from identity_setup_links where expires_at <= $1', [now]);
  await sql.query('delete from identity_sessions where ends_at <= $1 or used_at < $2', [now, idle_since]);
}
