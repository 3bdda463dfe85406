/**
 * Identity: who acts, in which run of which job, with which credential, and whether somebody has stopped it.
 *
 * Every request proves possession of a key (DPoP, RFC 9449) beside a short-lived token that names one run of one job.
 * The gateway's own authorization server issues those tokens; agents hold keys, never shared secrets. A client that can
 * only send a header gets a bearer token, weaker and visible to policy as such. People have accounts of their own: no
 * credential of the data plane works on the control plane, nor the other way round.
 *
 * The attacker has stolen a token, or watched a whole request go by; holds a valid key of another agent; replays to another
 * replica, or to this one after a restart; floods the door with garbage to spend our CPU on signatures; guesses passwords;
 * and was a legitimate agent until a moment ago. So: cheap checks before signatures, a proof counts once and that is in
 * the database, job and run are granted and never asserted, and a stop holds at once, even while the database is away.
 *
 * Rejected: API keys as the normal credential (nobody can say who used one), introspection per request (a round trip, and
 * a single point that everything waits for), sessions as authentication (MCP warns against it), and refresh tokens (a key
 * can always ask again).
 */
export type { ConsentQuestion, Consents, GrantEntry, Verdict } from './authorization/contract.ts';
export type { AuthorizationSettings, SignInRule } from './authorization/settings.ts';
export { type Connection, type Connections, type ConnectSource, GATEWAY } from './connections/contract.ts';
export type {
  AgentEntry,
  Agents,
  AskedRun,
  AuthorizationServer,
  Challenges,
  ControlChange,
  Identity,
  IdentityParts,
  People,
  PersonEntry,
  ProtectedResource,
  RecordControl,
  RunEntry,
  Runs,
  Session,
  SignedIn,
  Stop,
  StopKind,
  StopList,
  TokenEntry,
  Tokens,
} from './contract.ts';
export { STOP_KINDS } from './contract.ts';
export type { DelegationEntry, Delegations, Lent } from './delegation/contract.ts';
export type { TrustedIssuer } from './federation/contract.ts';
export { openIdentity } from './identity.ts';
export type { IdentityKeys, SigningJwk, Succession } from './identity-keys.ts';
export { registeredThumbprint } from './jwk.ts';
export type { Decided, Manifests, PartDetail, PartEntry, PartRef, ToolFacts } from './manifests/contract.ts';
export { identityMigrations } from './migrations.ts';
export type { PasskeyAnswer, PasskeyEntry, PeopleSettings } from './people/contract.ts';
export { openRecords, type Records } from './records.ts';
export type { SignalSettings, SignalSink, SignalSource, Signals, SignalsJwk } from './signals/contract.ts';
export type { AuthorityKeys, AuthorityShelf } from './spiffe/authorities.ts';
export { type Bundle, writeBundle } from './spiffe/bundle.ts';
export type { ServerCredentials, Spiffe, SpiffeSettings, SpiffeStatus } from './spiffe/contract.ts';
export type { Mapped, MappingRule } from './spiffe/mapping.ts';
export { CHAIN_LENGTH_MAX } from './spiffe/verify-svid.ts';
export { jwtBundle, type WorkloadApi } from './spiffe/workload-api.ts';
export {
  readJwtSvidRequest,
  readValidateRequest,
  writeJwtBundles,
  writeJwtSvid,
  writeValidated,
  writeX509Bundles,
  writeX509Svid,
} from './spiffe/workload-messages.ts';
export { type Consent, isOwn, type TokenSource, type UpstreamTokens } from './upstream-tokens/contract.ts';
export { type NewVaultEntry, VAULT_KINDS, type Vault, type VaultEntry, type VaultKeySource } from './vault/contract.ts';
