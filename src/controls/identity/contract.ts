import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock, Random } from '../../core/clock.ts';
import type { Documents } from '../../core/document.ts';
import type { Destination, Presented } from '../../core/exchange.ts';
import type { JsonObject, JsonValue } from '../../core/json.ts';
import type { Label } from '../../core/label.ts';
import type { Person, Role } from '../../core/person.ts';
import type { AgentFacts, Caller, ProofClaim, Run } from '../../core/principal.ts';
import type { ControlEvent } from '../../core/receipt.ts';
import type { Refusal, RefusalCode } from '../../core/refusal.ts';
import type { Secret } from '../../core/secret.ts';
import type { Database, StateWatch, Transaction } from '../../storage/index.ts';
import type { Consents } from './authorization/contract.ts';
import type { AuthorizationSettings } from './authorization/settings.ts';
import type { Connections } from './connections/contract.ts';
import type { Delegations } from './delegation/contract.ts';
import type { TrustedIssuer } from './federation/contract.ts';
import type { IdentityKeys } from './identity-keys.ts';
import type { FirstUse, Manifests } from './manifests/contract.ts';
import type { CompanySignIn } from './people/company-sign-in.ts';
import type { PeopleSettings } from './people/contract.ts';
import type { Passkeys } from './people/passkeys.ts';
import type { SignalSettings, Signals } from './signals/contract.ts';
import type { SigningKeys } from './signing-keys.ts';
import type { AuthorityShelf } from './spiffe/authorities.ts';
import type { Spiffe, SpiffeSettings } from './spiffe/contract.ts';
import type { UpstreamTokens } from './upstream-tokens/contract.ts';
import type { Vault, VaultKeySource } from './vault/contract.ts';

/** What a control receipt says of a change. `before` and `after` are digests; names go into `payload`, which is sealed. */
export type ControlChange = {
  event: ControlEvent;
  /** `person:<id>`, `local` (the control socket), `agent:<id>`, `gateway`. */
  by: string;
  subject: string | null;
  before: string | null;
  after: string | null;
  payload?: JsonValue;
};

/** Writes the receipt of a change in the transaction that makes it: neither exists without the other. */
export type RecordControl = (tx: Transaction, change: ControlChange) => Promise<string>;

export type IdentityParts = {
  db: Database;
  clock: Clock;
  random: Random;
  state: StateWatch;
  /** The agents' public address, from configuration. Issuer, `htu` and audiences come from it, never from a header. */
  issuer: string;
  /** The console's public address: people answer there what clients ask here. */
  console_url: () => string;
  /** Web origins whose pages may ask for tokens. */
  origins: () => ReadonlySet<string>;
  authorization: () => AuthorizationSettings;
  keys: IdentityKeys;
  /** Other issuers whose word on workloads counts; none without it. */
  issuers?: readonly TrustedIssuer[];
  /** How people may sign in; without it by password, at the issuer's address. */
  people?: PeopleSettings;
  /** What servers that nobody has seen before are met with; `approve` where nothing is said. */
  first_use?: (() => FirstUse) | undefined;
  record: RecordControl;
  /** Reads what stands elsewhere: client metadata, keys, discovery. `asFetch` gives it the shape that libraries ask for. */
  documents: Documents;
  /** What the vault is sealed with, and the private addresses at which it may renew tokens. */
  vault: { keys: VaultKeySource; addresses: readonly string[] };
  /** The trust domain's settings and keys, where the gateway has one. */
  spiffe?: { settings: SpiffeSettings; shelf: AuthorityShelf } | undefined;
  /** Where proofs' signatures are verified; on threads unless the simulator, whose seeds must replay, says `inline`. */
  signatures?: 'on threads' | 'inline';
  /** Most hops from a user or a first agent to the one that acts; three without it. */
  delegationDepthMax?: () => number;
  /** Whether a server's tokens are got by what the company's provider says of people. */
  wantsIdTokens?: () => boolean;
  /** Counts refusals at the token endpoint into flood receipts. */
  refused: (code: RefusalCode, address: string) => void;
  /** Told of failures that nobody else handles: a stop that is not durable yet, a sweep that failed. */
  report: (problem: string, error: unknown) => void;
  /** Security events from and for others (OpenID Shared Signals); none without it. */
  signals?: SignalSettings | undefined;
};

export interface Identity {
  /** Shared Signals over HTTP: events that others push, and those that they fetch. */
  readonly signals: Signals;
  /** `check identity`: who presents this? Cheap checks come first; a promise only where something must be read or written. */
  authenticate(presented: Presented): Caller | Refusal | Promise<Caller | Refusal>;
  /** `load run`: the run that the credential names, if it is open. */
  loadRun(caller: Caller): Run | Refusal | Promise<Run | Refusal>;
  /**
   * Claims proofs in the intent's transaction; `false` where a proof was used before, on whatever replica and before
   * whatever restart. The caller refuses that item alone.
   */
  claimProofs(tx: Transaction, claims: readonly ProofClaim[]): Promise<boolean[]>;
  /** The database's clock, which expiries are held against; no step of this machine's clock moves it. */
  now(): number;
  readonly stops: StopList;
  readonly agents: Agents;
  readonly tokens: Tokens;
  readonly runs: Runs;
  readonly delegations: Delegations;
  readonly upstreamTokens: UpstreamTokens;
  readonly people: People;
  readonly vault: Vault;
  readonly connections: Connections;
  /** The gateway's metadata as a client of other authorization servers, at its own path alone. */
  clientDocument(path: string): JsonObject | undefined;
  readonly manifests: Manifests;
  readonly authorizationServer: AuthorizationServer;
  /** What clients ask of people, and what people let them do. */
  readonly consents: Consents;
  /** The SPIFFE trust domain, where one is configured. */
  readonly signingKeys: SigningKeys;
  readonly spiffe: Spiffe | undefined;
  /** Headers of the answer to a refused request to `path`; none where a new credential would not help. */
  challenges(refusal: Refusal, path: string): Challenges;
  /** RFC 9728 document for a protected path (`/mcp`, `/mcp/<server>`); undefined for any other. */
  protectedResource(path: string): ProtectedResource | undefined;
  close(): Promise<void>;
}

export const STOP_KINDS = ['agent', 'user', 'run', 'delegation', 'key', 'token', 'upstream', 'tool', 'all'] as const;
export type StopKind = (typeof STOP_KINDS)[number];

export type Stop = {
  stop: string;
  kind: StopKind;
  /** What is stopped: an agent's id, a user's, a run's, a grant's, a key's thumbprint, a token's id, an upstream's. Null for `all`. */
  id: string | null;
  reason: string;
  by: string;
  since: number;
  /** False while only this replica knows of it, because the database could not be reached. It is tried again. */
  durable: boolean;
};

export interface StopList {
  /** Why this caller, this upstream, or what a run holds between its requests (a child process), may not go on: a stop, a removed agent, a revoked token, an ended run. */
  find(subject: Caller | Destination | { held_by: Run }): Refusal | undefined;
  /** Holds on this replica when the call returns, before anything is awaited; resolves when it is durable or the first try failed. */
  set(stop: { kind: StopKind; id: string | null; reason: string; by: string }): Promise<Stop | Refusal>;
  lift(stop: string, by: string): Promise<Refusal | undefined>;
  list(): readonly Stop[];
  /** Called after anything that `find` looks at has changed, on whatever replica: what is live is looked at again. */
  onChange(changed: () => void): () => void;
}

export type AgentEntry = AgentFacts & {
  /** What its runs may be for. */
  purposes: readonly string[];
  /** Names of people in whose name it may act without asking them each time. */
  users: readonly string[];
  /** RFC 7638 thumbprint of the registered key. */
  key: string;
  added_at: number;
};

export interface Agents {
  /** Without a public key one is made, and its private half is in the answer and nowhere else. */
  add(
    agent: {
      id: string;
      owner: string;
      jobs: readonly string[];
      purposes?: readonly string[];
      users?: readonly string[];
      version?: string;
      public_key?: JsonObject;
    },
    by: string,
  ): Promise<{ agent: AgentEntry; private_key: Secret<JsonObject> | undefined } | Refusal>;
  /** Ends its runs and revokes its bearer tokens. A later agent of the same id inherits none of its credentials. */
  remove(id: string, by: string): Promise<Refusal | undefined>;
  /**
   * Gives it another key, made here without a public one as in `add`. Access tokens and delegations that were got with the
   * old key end, and what is in flight is cut; its runs stay open, to go on with by the new key, and so do bearer tokens.
   */
  rotate(
    id: string,
    public_key: JsonObject | undefined,
    by: string,
  ): Promise<{ agent: AgentEntry; private_key: Secret<JsonObject> | undefined } | Refusal>;
  list(): readonly AgentEntry[];
  get(id: string): AgentEntry | undefined;
}

export type TokenEntry = {
  id: string;
  agent: string;
  job: string;
  issued_at: number;
  expires_at: number;
  revoked_at: number | null;
};

/** Bearer tokens, for clients that can only send a header. Whoever holds one is the agent: policy sees `bearer`. */
export interface Tokens {
  issue(
    token: { agent: string; job: string; expires_at: number },
    by: string,
  ): Promise<{ token: TokenEntry; secret: Secret } | Refusal>;
  revoke(id: string, by: string): Promise<Refusal | undefined>;
  list(): Promise<readonly TokenEntry[]>;
}

/** A run as it is kept. Its chain and scopes are read, and verified, from the delegation that it began with. */
export type RunEntry = Omit<Run, 'chain' | 'scopes'> & { ended_at: number | null; delegation: string | null };

/** What somebody wants a run for. All of it must have been granted. */
export type AskedRun = { agent: string; job: string; purpose?: string; user?: string; seconds?: number };

export interface Runs {
  /**
   * Opens a run with a bearer token that is good for it alone. `own` is the person who asks, if one does: for themselves
   * they need no one's leave.
   */
  start(asked: AskedRun, by: string, own?: Person): Promise<{ run: RunEntry; secret: Secret } | Refusal>;
  find(id: string): Promise<RunEntry | undefined>;
  /** The newest first. */
  list(limit: number): Promise<readonly RunEntry[]>;
  end(id: string, by: string): Promise<Refusal | undefined>;
  /** Joins a label into the run and into what its agent's next runs begin with. Labels only rise. */
  raise(tx: Transaction, run: string, label: Label): Promise<void>;
}

export interface AuthorizationServer {
  /** Whether `handler` answers this path. */
  serves(path: string): boolean;
  handler(request: IncomingMessage, response: ServerResponse): void;
}

/** `WWW-Authenticate`, and a nonce where proofs carry one. Names are in lower case. */
export type Challenges = Readonly<Record<string, readonly string[]>>;

/** RFC 9728, section 2. */
export type ProtectedResource = {
  resource: string;
  authorization_servers: readonly string[];
  bearer_methods_supported: readonly string[];
  dpop_signing_alg_values_supported: readonly string[];
  dpop_bound_access_tokens_required: boolean;
  scopes_supported: readonly string[];
  resource_name: string;
};

export type PersonEntry = Person & {
  authenticator: boolean;
  passkeys: number;
  /** Whether the company's provider says who it is. */
  company: boolean;
  added_at: number;
};

/** A signed-in person. The id in the cookie is not in it: it exists in the browser, and hashed in the database. */
export type Session = {
  person: Person;
  /** Whether an authenticator is enrolled. */
  authenticator: boolean;
  /** How many are enrolled. */
  passkeys: number;
  /** Whether the company's provider says who it is. */
  company: boolean;
  /** Until when the last code counts as presence. */
  present_until: number | null;
  signed_in_at: number;
  /** The earlier of idle and absolute expiry. */
  expires_at: number;
};

/** `cookie` is the session's id: 256 random bits, in the cookie and nowhere else. */
export type SignedIn = { cookie: Secret; session: Session };

/** People who look after the gateway. `source` is the peer's address: limits count per account and per source. */
export interface People {
  readonly passkeys: Passkeys;
  /** Sign-in through the company's OpenID provider, where one is configured. */
  readonly company: CompanySignIn;
  readonly companyName: string | undefined;
  /** Makes a link that makes one account. The secret belongs in the URL's fragment, which no server sees. */
  setupLink(link: { roles: readonly Role[]; by: string }): Promise<{ secret: Secret; expires_at: number } | Refusal>;
  redeemSetup(account: { secret: string; name: string; password: string; source: string }): Promise<SignedIn | Refusal>;
  signIn(account: { name: string; password: string; source: string }): Promise<SignedIn | Refusal>;
  /** The session of this cookie, and counts as use of it. */
  session(cookie: string): Promise<Session | Refusal>;
  signOut(cookie: string): Promise<void>;
  /** Starts enrolling an authenticator; the first good code given to `present` completes it. */
  enrol(cookie: string): Promise<{ uri: Secret; secret: Secret } | Refusal>;
  /** Shows presence with a code of the authenticator (RFC 6238). A code counts once. */
  present(cookie: string, code: string): Promise<Session | Refusal>;
  list(): Promise<readonly PersonEntry[]>;
  /** Ends the person's sessions: a session never has more than it was opened with. */
  changeRoles(id: string, roles: readonly Role[], by: string): Promise<Refusal | undefined>;
  remove(id: string, by: string): Promise<Refusal | undefined>;
}
