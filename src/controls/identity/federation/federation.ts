import { hash } from 'node:crypto';
import type { Clock } from '../../../core/clock.ts';
import type { Documents } from '../../../core/document.ts';
import type { Presented } from '../../../core/exchange.ts';
import type { Caller, ProofClaim } from '../../../core/principal.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import type { Transaction } from '../../../storage/index.ts';
import { audienceCovers } from '../access-token.ts';
import { BoundedMap } from '../bounded-map.ts';
import { type ChangeParts, transact } from '../change.ts';
import type { RunEntry } from '../contract.ts';
import { digestOf } from '../digest.ts';
import { decodeSegment, splitJws } from '../jws.ts';
import type { ProofReader } from '../proof.ts';
import type { RunKeeper } from '../runs.ts';
import type { AgentStanding } from '../standing.ts';
import { standingRefusal } from '../stops.ts';
import { insertAssertion } from '../store/claims.ts';
import type { TrustedIssuer, Workload } from './contract.ts';
import { FOREIGN_TOKEN_CHARS_MAX, type ForeignToken, readForeign, type TrustParts } from './foreign-token.ts';
import { openIssuerKeys } from './keys.ts';
import { loadForeignRun, saveForeignRun } from './store.ts';

/** A workload says nothing of where one doing of its job ends: an hour of silence does. */
export const FOREIGN_RUN_IDLE_MS_MAX = 60 * 60_000;
/** How exactly other replicas know when a run was last used. */
const USED_MS_EXACT = 5 * 60_000;
const TOKENS_CACHED_MAX = 10_000;
const RUNS_KNOWN_MAX = 10_000;

export type FederationParts = ChangeParts & {
  clock: Clock;
  documents: Documents;
  issuer: string;
  proofs: ProofReader;
  runs: RunKeeper;
  trusted: readonly TrustedIssuer[];
};

export interface Federation {
  /** Whether any issuer is trusted. */
  readonly trusts: boolean;
  /** Whether a token says that it is of an issuer that is trusted. Nothing is verified. */
  issued(token: string): boolean;
  /** `check identity` of a request that carries another issuer's access token, bound to a key. */
  authenticate(token: string, scheme: string, presented: Presented): Refusal | Promise<Caller | Refusal>;
  /** A workload's assertion at the token endpoint (RFC 7523, section 3); counts it as used. */
  exchange(assertion: string): Promise<Workload | Refusal>;
}

type KnownRun = { id: string; expires_at: number; used_at: number };
type Inner = FederationParts & {
  trust: ReadonlyMap<string, TrustParts>;
  /** By their hash, once verified: a signature does not change. */
  tokens: BoundedMap<string, ForeignToken>;
  known: BoundedMap<string, KnownRun>;
};

export function openFederation(parts: FederationParts): Federation {
  const now = (): number => parts.time.now();
  const trust = parts.trusted.map((trusted): [string, TrustParts] => {
    return [trusted.issuer, { issuer: parts.issuer, now, trusted, keys: openIssuerKeys(trusted, parts) }];
  });
  const inner: Inner = {
    ...parts,
    trust: new Map(trust),
    tokens: new BoundedMap(TOKENS_CACHED_MAX),
    known: new BoundedMap(RUNS_KNOWN_MAX),
  };
  return {
    trusts: trust.length > 0,
    issued: (token) => trustIn(token, inner) !== undefined,
    authenticate: (token, scheme, presented) =>
      scheme === 'dpop'
        ? authenticate(token, presented, inner)
        : refuse('token_needs_proof', 'a token of another issuer counts only with a proof of its key'),
    exchange: (assertion) => exchange(assertion, inner),
  };
}

function trustIn(token: string, { trust }: Inner): TrustParts | undefined {
  if (trust.size === 0) return undefined;
  const jws = splitJws(token, FOREIGN_TOKEN_CHARS_MAX);
  const iss = jws === undefined ? undefined : decodeSegment(jws.payload)?.iss;
  return typeof iss === 'string' ? trust.get(iss) : undefined;
}

async function authenticate(token: string, presented: Presented, parts: Inner): Promise<Caller | Refusal> {
  const { proofs } = presented;
  if (proofs.length === 0) return refuse('proof_missing', 'no DPoP header beside a DPoP token');
  // RFC 9449, section 4.3, item 1.
  if (proofs.length > 1) return refuse('proof_repeated', 'more than one DPoP header');
  const ath = hash('sha256', token, 'base64url');
  const read = await readToken(token, ath, parts);
  if (isRefusal(read)) return read;
  const path = presented.path.split('?', 1)[0]!;
  if (!audienceCovers(read, path)) {
    return refuse('token_wrong_resource', `the token is for ${read.audience_path}, not for ${path}`);
  }
  const jkt = read.jkt!;
  const proof = await parts.proofs.read(proofs[0]!, { method: presented.method, path, ath, jkt });
  if (isRefusal(proof)) return proof;
  const agent = grantedTo(read, parts);
  if (isRefusal(agent)) return agent;
  const caller = callerOf(read, agent, { jkt, token: ath, proof });
  // Who is stopped opens nothing.
  const stopped = standingRefusal(parts.standing, caller);
  if (stopped !== undefined) return stopped;
  const run = await runOf(read, agent, jkt, parts);
  if (isRefusal(run)) return run;
  return standingRefusal(parts.standing, { ...caller, run }) ?? { ...caller, run };
}

async function readToken(token: string, ath: string, parts: Inner): Promise<ForeignToken | Refusal> {
  const known = parts.tokens.get(ath);
  if (known !== undefined) {
    if (known.expires_at > parts.time.now()) return known;
    parts.tokens.delete(ath);
    return refuse('token_expired', `a token of ${known.issuer} has expired`);
  }
  const read = await readForeign(token, 'access token', trustIn(token, parts)!);
  if (!isRefusal(read)) parts.tokens.set(ath, read);
  return read;
}

/** What the rules grant must be registered, too: a rule gives no job that its agent has not. */
function grantedTo({ agent: id, job }: Workload, { standing }: Inner): AgentStanding | Refusal {
  const agent = standing.agents.get(id);
  if (agent === undefined) return refuse('agent_unknown', `agent ${id} is not registered`);
  return agent.jobs.includes(job)
    ? agent
    : refuse('job_not_granted', `agent ${id} is not registered for job ${job}, which a rule names`);
}

function callerOf(
  { agent: id }: Workload,
  { entry, generation }: AgentStanding,
  { jkt, token, proof }: { jkt: string; token: string; proof: ProofClaim },
): Caller {
  return {
    principal: { type: 'Agent', id },
    agent: entry,
    generation,
    credential: { kind: 'dpop', thumbprint: jkt },
    token,
    run: '',
    subject: null,
    chain: [],
    proof,
  };
}

/** One open run for each workload and key, on all replicas together. */
async function runOf(token: ForeignToken, agent: AgentStanding, jkt: string, parts: Inner): Promise<string | Refusal> {
  const { issuer, subject, job } = token;
  const workload = digestOf({ issuer, subject, agent: agent.id, generation: agent.generation, job, jkt });
  const now = parts.time.now();
  const known = parts.known.get(workload);
  if (known !== undefined && isOpen(known, now, parts)) {
    if (now - known.used_at > USED_MS_EXACT) keepUse(workload, known, now, parts);
    return known.id;
  }
  const opened = await transact<KnownRun>(parts, async (tx) => {
    await tx.lock(`identity.workload.${workload}`);
    const used_at = await tx.now();
    const open = await loadForeignRun(tx, workload, { now: used_at, used_since: used_at - FOREIGN_RUN_IDLE_MS_MAX });
    const run = open ?? (await openFor(token, tx, parts));
    await saveForeignRun(tx, workload, run.id, used_at);
    return { id: run.id, expires_at: run.expires_at, used_at };
  });
  if (isRefusal(opened)) return opened;
  parts.known.set(workload, opened);
  return opened.id;
}

/** Opens a run for a workload, and says in the log who vouched for it. */
export async function openFor(
  { issuer, subject, agent, job }: Workload,
  tx: Transaction,
  { runs, record }: Pick<FederationParts, 'runs' | 'record'>,
): Promise<RunEntry> {
  const by = `agent:${agent}`;
  const run = await runs.open(tx, { agent, job, opened_by: by });
  const payload = { issuer, subject, agent, job };
  const after = digestOf(payload);
  await record(tx, { event: 'workload.accept', by, subject: run.id, before: null, after, payload });
  return run;
}

function isOpen(known: KnownRun, now: number, { standing }: Inner): boolean {
  return now - known.used_at <= FOREIGN_RUN_IDLE_MS_MAX && known.expires_at > now && !standing.hasEnded(known.id);
}

/** Not awaited by the request: losing it ends a run a little early, after a restart. */
function keepUse(workload: string, run: KnownRun, now: number, { db, report }: Inner): void {
  run.used_at = now;
  saveForeignRun(db, workload, run.id, now).catch((error: unknown) =>
    report('a run’s last use could not be kept', error),
  );
}

async function exchange(assertion: string, parts: Inner): Promise<Workload | Refusal> {
  const trust = trustIn(assertion, parts);
  if (trust === undefined) return refuse('issuer_unknown', 'the assertion is of no issuer that is trusted here');
  const read = await readForeign(assertion, 'assertion', trust);
  if (isRefusal(read)) return read;
  const agent = grantedTo(read, parts);
  if (isRefusal(agent)) return agent;
  if (!trust.trusted.once) return read;
  const claim = digestOf({ issuer: read.issuer, jti: read.jti! });
  return (await insertAssertion(parts.db, { claim, expires_at: read.expires_at }))
    ? read
    : refuse('assertion_replayed', `the assertion of ${read.subject} was used before (RFC 7523, section 3)`);
}
