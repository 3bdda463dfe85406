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
export type {
  AgentEntry,
  Agents,
  AuthorizationServer,
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
export { openIdentity } from './identity.ts';
export type { IdentityKeys, SigningJwk } from './identity-keys.ts';
export { registeredThumbprint } from './jwk.ts';
export { identityMigrations } from './store/migrations.ts';
