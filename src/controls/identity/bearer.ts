import type { Clock, Random } from '../../core/clock.ts';
import { newId } from '../../core/ids.ts';
import type { Caller } from '../../core/principal.ts';
import { isRefusal, type Refusal, refuse } from '../../core/refusal.ts';
import { Secret } from '../../core/secret.ts';
import { BoundedMap } from './bounded-map.ts';
import { type ChangeParts, change, transact } from './change.ts';
import type { TokenEntry, Tokens } from './contract.ts';
import { digestOf, hashSecret } from './digest.ts';
import { RateLimit } from './rate-limits.ts';
import type { RunKeeper } from './runs.ts';
import { standingRefusal } from './stops.ts';
import {
  findToken,
  insertToken,
  listTokens,
  loadTokenRun,
  revokeToken,
  type StoredToken,
  saveTokenRun,
} from './store/tokens.ts';

/** 256 random bits in base64url, with a prefix that secret scanners and people recognise. */
const SECRET = /^sp_[A-Za-z0-9_-]{43}$/;
/** A client that only sends a header never says when it begins: an hour of silence ends one doing of its job. */
const RUN_IDLE_MS_MAX = 60 * 60_000;
/** How exactly other replicas, and this one after a restart, know when a token was last used. */
const USED_MS_EXACT = 5 * 60_000;
const TOKEN_MS_MAX = 366 * 24 * 60 * 60_000;
const RUNS_KNOWN_MAX = 10_000;

/**
 * Tokens that this replica does not know are looked up, to say why, and since another may just have issued them. Strangers
 * can make up as many as they like, so no more than this for all of them together.
 */
const LOOKUPS = { burst: 50, per_second: 20 };

export type BearerParts = ChangeParts & { clock: Clock; random: Random; runs: RunKeeper };

export interface BearerReader {
  /** Synchronous while the token's run is known here. */
  read(secret: string): Caller | Refusal | Promise<Caller | Refusal>;
}

type TokenRun = { run: string; expires_at: number; used_at: number; saved_at: number };

export function openBearers(parts: BearerParts): Tokens & BearerReader {
  const current = new BoundedMap<string, TokenRun>(RUNS_KNOWN_MAX);
  const lookups = new RateLimit(LOOKUPS, () => parts.clock.monotonic());
  const opening = new Map<string, Promise<TokenRun | Refusal>>();

  const callerOf = (token: StoredToken, run: string): Caller | Refusal => {
    const agent = parts.standing.agents.get(token.agent);
    if (agent === undefined) return refuse('agent_unknown', `agent ${token.agent} is not registered`);
    if (agent.generation !== token.generation) {
      return refuse('token_revoked', `agent ${token.agent} was registered anew since token ${token.id} was issued`);
    }
    const caller: Caller = {
      principal: { type: 'Agent', id: token.agent },
      agent: agent.entry,
      generation: agent.generation,
      credential: { kind: 'bearer', thumbprint: token.id },
      token: token.id,
      run,
      subject: token.subject,
      chain: [],
      proof: undefined,
    };
    return standingRefusal(parts.standing, caller) ?? caller;
  };
  const open = (token: StoredToken): Promise<TokenRun | Refusal> => {
    const under_way = opening.get(token.id) ?? openTokenRun(token, parts).finally(() => opening.delete(token.id));
    opening.set(token.id, under_way);
    return under_way;
  };
  const read: BearerReader['read'] = (secret) => {
    if (!SECRET.test(secret)) return refuse('credential_malformed', 'a bearer token is sp_ and 43 characters');
    const digest = hashSecret(secret);
    const token = parts.standing.tokens.get(digest);
    const now = parts.time.now();
    if (token === undefined && !lookups.take('')) return refuse('token_unknown', 'no live bearer token has this hash');
    if (token === undefined) return unknown(digest, () => read(secret), parts);
    if (token.expires_at <= now) return refuse('token_expired', `token ${token.id} has expired`);
    if (token.only_run !== null) return callerOf(token, token.only_run);
    const known = current.get(token.id);
    if (known !== undefined && isOpen(known, now, parts)) {
      known.used_at = now;
      if (now - known.saved_at > USED_MS_EXACT) keepUse(token.id, known, now, parts);
      return callerOf(token, known.run);
    }
    // Who is stopped opens nothing.
    const refusal = callerOf(token, known?.run ?? '');
    if (isRefusal(refusal) && refusal.code !== 'run_ended') return refusal;
    return open(token).then((run) => {
      if (isRefusal(run)) return run;
      current.set(token.id, run);
      return callerOf(token, run.run);
    });
  };
  return {
    read,
    issue: (token, by) => issue(token, by, parts),
    revoke: (id, by) => revoke(id, by, parts),
    list: () => listTokens(parts.db),
  };
}

function isOpen(known: TokenRun, now: number, { standing }: BearerParts): boolean {
  return now - known.used_at <= RUN_IDLE_MS_MAX && known.expires_at > now && !standing.hasEnded(known.run);
}

/** Not among the live ones as this replica knows them. One that another has just issued is read now, not at the next poll. */
async function unknown(
  digest: string,
  again: () => ReturnType<BearerReader['read']>,
  parts: BearerParts,
): Promise<Caller | Refusal> {
  const token = await findToken(parts.db, digest);
  if (token === undefined) return refuse('token_unknown', 'no bearer token has this hash');
  if (token.revoked_at !== null) return refuse('token_revoked', 'the bearer token was revoked');
  if (token.expires_at <= parts.time.now()) return refuse('token_expired', 'the bearer token has expired');
  await parts.standing.refresh();
  return parts.standing.tokens.has(digest) ? again() : refuse('token_revoked', 'the bearer token was just revoked');
}

/** One open run per token, on all replicas together: the token's lock makes them agree. */
function openTokenRun(token: StoredToken, parts: BearerParts): Promise<TokenRun | Refusal> {
  return transact<TokenRun>(parts, async (tx) => {
    await tx.lock(`identity.token.${token.id}`);
    const now = await tx.now();
    const run =
      (await loadTokenRun(tx, token.id, { now, used_since: now - RUN_IDLE_MS_MAX })) ??
      (await parts.runs.open(tx, { agent: token.agent, job: token.job, opened_by: 'gateway' }));
    if (!(await saveTokenRun(tx, token.id, run.id, now))) {
      return refuse('token_revoked', `token ${token.id} was revoked while its run opened`);
    }
    return { run: run.id, expires_at: run.expires_at, used_at: now, saved_at: now };
  });
}

/** Not awaited by the request: losing it ends a run a little early, after a restart. */
function keepUse(id: string, run: TokenRun, now: number, { db, report }: BearerParts): void {
  run.saved_at = now;
  saveTokenRun(db, id, run.run, now).catch((error: unknown) => report('a token’s last use could not be kept', error));
}

async function issue(
  { agent, job, expires_at }: { agent: string; job: string; expires_at: number },
  by: string,
  parts: BearerParts,
): Promise<{ token: TokenEntry; secret: Secret } | Refusal> {
  const secret = `sp_${Buffer.from(parts.random(32)).toString('base64url')}`;
  const id = newId('tok', parts.random);
  const token = await change<TokenEntry>(parts, async (tx, issued_at) => {
    const known = parts.standing.agents.get(agent);
    if (known === undefined) return refuse('not_found', `there is no agent ${agent}`);
    if (!known.jobs.includes(job)) return refuse('job_not_granted', `agent ${agent} is not registered for job ${job}`);
    if (expires_at <= issued_at || expires_at > issued_at + TOKEN_MS_MAX) {
      const problem = 'A bearer token expires in the future, within a year.';
      return refuse('input_invalid', problem, { public: problem });
    }
    const { generation } = known;
    const stored = { id, secret: hashSecret(secret), agent, generation, job, issued_at, expires_at };
    await insertToken(tx, { ...stored, only_run: null });
    const after = digestOf({ id, agent, generation, job, issued_at, expires_at });
    await parts.record(tx, { event: 'token.issue', by, subject: id, before: null, after, payload: { agent, job } });
    return { id, agent, job, issued_at, expires_at, revoked_at: null };
  });
  return isRefusal(token) ? token : { token, secret: new Secret(secret) };
}

function revoke(id: string, by: string, parts: BearerParts): Promise<Refusal | undefined> {
  return change<undefined>(parts, async (tx, now) => {
    if (!(await revokeToken(tx, id, now))) return refuse('not_found', `there is no live token ${id}`);
    await parts.record(tx, { event: 'token.revoke', by, subject: id, before: null, after: null });
    return undefined;
  });
}
