import type { Migration } from '../../../storage/index.ts';
import { authorizationMigrations } from '../authorization/migrations.ts';

/** Times are milliseconds since the Unix epoch. Secrets are never in these tables: digests, public keys, sealed bytes are. */
export const baseMigrations: readonly Migration[] = [
  {
    id: 'identity/0001-agents',
    sql: `
      create table identity_agents (
        id text primary key,
        generation bigint not null,
        owner text not null,
        version text not null,
        jobs text not null,
        public_key text not null,
        thumbprint text not null,
        added_at bigint not null,
        removed_at bigint,
        confidentiality text not null,
        integrity text not null
      );
      create table identity_runs (
        id text primary key,
        agent text not null,
        job text not null,
        opened_by text not null,
        opened_at bigint not null,
        expires_at bigint not null,
        ended_at bigint,
        confidentiality text not null,
        integrity text not null
      );
      create index identity_runs_by_agent on identity_runs (agent, opened_at);
      create index identity_runs_ended on identity_runs (ended_at);
      create table identity_tokens (
        id text primary key,
        secret text not null unique,
        agent text not null,
        generation bigint not null,
        job text not null,
        issued_at bigint not null,
        expires_at bigint not null,
        revoked_at bigint,
        run text,
        used_at bigint not null
      );
      create table identity_stops (
        id text primary key,
        kind text not null,
        target text,
        reason text not null,
        made_by text not null,
        since bigint not null
      );
      create table identity_signing_keys (kid text primary key, jwk text not null, used_at bigint not null);`,
  },
  {
    id: 'identity/0002-claims',
    // The key begins with time: claims are written at one end of the tree and forgotten at the other, and nowhere else.
    sql: {
      sqlite: `
        create table identity_proofs (expires_at bigint, claim text, primary key (expires_at, claim)) without rowid;
        create table identity_assertions (claim text primary key, expires_at bigint not null);`,
      postgres: `
        create table identity_proofs (expires_at bigint, claim text, primary key (expires_at, claim));
        create table identity_assertions (claim text primary key, expires_at bigint not null);`,
    },
  },
  {
    id: 'identity/0003-people',
    sql: `
      create table identity_people (
        id text primary key,
        name text not null,
        name_key text not null unique,
        roles text not null,
        password text not null,
        added_at bigint not null,
        authenticator text,
        authenticator_pending text,
        authenticator_step bigint not null
      );
      create table identity_sessions (
        id text primary key,
        person text not null,
        signed_in_at bigint not null,
        used_at bigint not null,
        ends_at bigint not null,
        present_until bigint
      );
      create index identity_sessions_by_person on identity_sessions (person);
      create table identity_setup_links (
        id text primary key,
        roles text not null,
        made_by text not null,
        expires_at bigint not null
      );`,
  },
  {
    id: 'identity/0004-roles',
    // No role may gain by its new name: who was an operator reads on, until an admin says what they are now.
    sql: `
      update identity_people set roles =
        replace(replace(roles, '"administrator"', '"admin","approver"'), '"operator"', '"auditor"');
      delete from identity_setup_links;
      delete from identity_sessions;`,
  },
  {
    id: 'identity/0005-purposes',
    sql: `
      alter table identity_runs add column purpose text;
      alter table identity_runs add column subject text;
      alter table identity_runs add column subject_name text;
      alter table identity_runs add column delegation text;
      alter table identity_agents add column purposes text not null default '[]';
      alter table identity_agents add column users text not null default '[]';
      alter table identity_tokens add column only_run text;
      create table identity_carried (
        agent text not null,
        subject text not null,
        confidentiality text not null,
        integrity text not null,
        primary key (agent, subject)
      );
      create table identity_delegations (
        id text primary key,
        parent text,
        actor text not null,
        run text,
        signed text not null,
        issued_at bigint not null,
        expires_at bigint not null
      );
      create index identity_delegations_expired on identity_delegations (expires_at);`,
  },
  ...authorizationMigrations,
  {
    id: 'identity/0006-signing-key-rotation',
    sql: `
      alter table identity_signing_keys add column added_at bigint not null default 0;
      alter table identity_signing_keys add column retired_at bigint;`,
  },
  {
    id: 'identity/0007-registrations',
    sql: `
      create table identity_registrations (
        agent text not null,
        state_version bigint not null,
        owner text not null,
        version text not null,
        jobs text not null,
        primary key (agent, state_version)
      );
      insert into identity_registrations (agent, state_version, owner, version, jobs)
        select id, 0, owner, version, jobs from identity_agents;
      create index identity_delegations_unredeemed on identity_delegations (expires_at) where run is null;`,
  },
];
