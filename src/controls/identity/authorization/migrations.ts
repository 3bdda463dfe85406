import type { Migration } from '../../../storage/index.ts';

/** Ids and user codes are hashes: a copy of the database holds no code and no refresh token. */
export const authorizationMigrations: readonly Migration[] = [
  {
    id: 'authorization/0001-artefacts',
    sql: `
      create table identity_artefacts (
        model text not null,
        id text not null,
        grant_id text,
        user_code text unique,
        expires_at bigint not null,
        consumed_at bigint,
        payload text not null,
        primary key (model, id)
      );
      create index identity_artefacts_by_expiry on identity_artefacts (model, expires_at);
      create index identity_artefacts_by_grant on identity_artefacts (grant_id);
      create table identity_grants (
        id text primary key,
        client text not null,
        agent text not null,
        generation bigint not null,
        job text not null,
        person text not null,
        run text,
        granted_at bigint not null,
        expires_at bigint not null
      );
      create index identity_grants_by_person on identity_grants (person);
      create index identity_grants_by_run on identity_grants (run);`,
  },
];
