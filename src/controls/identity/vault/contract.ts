import type { Refusal } from '../../../core/refusal.ts';
import type { Secret } from '../../../core/secret.ts';
import type { OnBehalf, UpstreamCredential } from '../../../core/upstream-credential.ts';
import type { Transaction } from '../../../storage/index.ts';
import type { ProofJwk } from '../sender-proofs.ts';
import type { ClientMethod } from '../token-client.ts';

export const VAULT_KINDS = ['api_key', 'basic', 'bearer', 'oauth_refresh', 'database_password', 'header_set'] as const;
/** A `connection` is made by a person who signs in at a server, and set by nobody. */
export type VaultKind = (typeof VAULT_KINDS)[number] | 'connection';

/** Where an access token is renewed, and as whom. What is left out is as RFC 6749 has it. */
export type VaultOauth = {
  token_endpoint: string;
  client_id: string;
  scope: string | null;
  /** Of a connection. */
  issuer?: string;
  method?: ClientMethod;
  /** Resource indicator (RFC 8707). */
  resource?: string;
  /** Its tokens are bound to a key that is kept beside the refresh token. */
  dpop?: boolean;
  /** The operator named the host of the token endpoint, so that it may be private. */
  named?: boolean;
};

/** Everyone, where it stands in `agents`, `jobs` or `users`; also who acts in nobody's name. */
export const ANYONE = '*';

/** What is known of an entry without opening it. All of it is bound into the seal: changed in the database, it does not open. */
export type VaultTerms = {
  agents: readonly string[];
  jobs: readonly string[];
  /** Names or ids of users in whose name a run may be. */
  users: readonly string[];
  /** `HOST` or `HOST:PORT`, as in the upstream's address. */
  hosts: readonly string[];
  /** Upstreams that are programs, by name; each run's own child gets it in the variable that the configuration names. */
  programs: readonly string[];
  /** Field that an `api_key` stands in. */
  header: string | null;
  oauth: VaultOauth | null;
  expires_at: number | null;
};

export type VaultEntry = VaultTerms & {
  /** Opaque: what receipts name. */
  id: string;
  name: string;
  kind: VaultKind;
  /** Counts what it has held. */
  version: number;
  set_by: string;
  set_at: number;
  rotated_at: number | null;
  /** The latest use that was noted, on whatever replica; up to half a minute late. */
  used_at: number | null;
  /** Of the access token that an `oauth_refresh` gave last. */
  access_expires_at: number | null;
};

export type NewVaultEntry = { [Term in keyof VaultTerms]?: VaultTerms[Term] | undefined } & {
  name: string;
  kind: VaultKind;
};

/** What an upstream's configuration says of the entry that it is to be shown. */
export type VaultUse = {
  entry: string;
  server: string;
  /** Its address, or the variable of its child. */
  to: { kind: 'http'; url: string } | { kind: 'child'; variable: string };
  on: OnBehalf | undefined;
};

/** Part of the same change as the entry: the receipt, and what else is known of a connection. */
export type Also = (tx: Transaction, entry: VaultEntry) => Promise<void>;

/** What a server's authorization server gave to the person who signed in there. */
export type NewConnection = {
  name: string;
  /** In whose name runs are that it serves; everyone for the gateway's own. */
  users: readonly string[];
  host: string;
  oauth: VaultOauth;
  secrets: ConnectionSecrets;
  access: { token: Secret; seconds: number };
};

export type ConnectionSecrets = {
  refresh_token: string | null;
  client_secret: string | null;
  /** PEM. */
  client_key: string | null;
  dpop_key: ProofJwk | null;
};

/** Why there is no key, for the operator; never a part of one. */
export type KeyProblem = { kind: 'problem'; problem: string };

/** The key that seals entries, and those that did so before. Asked for at the first use, and again after it failed. */
export interface VaultKeySource {
  current(): Promise<Secret<Uint8Array> | KeyProblem>;
  previous(): readonly Secret<Uint8Array>[];
}

export interface Vault {
  list(): Promise<readonly VaultEntry[]>;
  find(name: string): Promise<VaultEntry | undefined>;
  /** Makes the entry, or another one in the place of that name. */
  set(entry: NewVaultEntry, secret: Secret, by: string): Promise<VaultEntry | Refusal>;
  /** Another secret under the same terms. */
  rotate(name: string, secret: Secret, by: string): Promise<VaultEntry | Refusal>;
  remove(name: string, by: string): Promise<Refusal | undefined>;
  /** Keeps a connection in the place of an earlier one of its name; `also` is part of the same change. */
  connect(made: NewConnection, by: string, also: Also): Promise<VaultEntry | Refusal>;
  disconnect(name: string, also: Also): Promise<VaultEntry | Refusal>;
  /** Synchronous where the entry is open. Undefined for a child of the gateway's own, which needs nothing to say what it offers. */
  credential(
    use: VaultUse,
  ): UpstreamCredential | Refusal | undefined | Promise<UpstreamCredential | Refusal | undefined>;
  /** What keeps the vault from opening, for the operator. */
  problem(): string | undefined;
  /** Called after an entry changed, on whatever replica: children that were given it are not what they should be. */
  onChange(changed: () => void): () => void;
  close(): Promise<void>;
}
