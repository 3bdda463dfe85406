import { newId } from '../../../core/ids.ts';
import type { JsonValue } from '../../../core/json.ts';
import { LOWEST_LABEL } from '../../../core/label.ts';
import type { Caller, Run, Subject } from '../../../core/principal.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import { WHOLE_SCOPE, widening } from '../../../core/scope.ts';
import { Secret } from '../../../core/secret.ts';
import type { Transaction } from '../../../storage/index.ts';
import { transact } from '../change.ts';
import type { Granted } from '../granted.ts';
import type { IdentityKeys } from '../identity-keys.ts';
import { loadPerson } from '../people/store.ts';
import type { RunKeeper, RunParts } from '../runs.ts';
import { standingRefusal } from '../stops.ts';
import { loadRunEntry } from '../store/runs.ts';
import type { Chain, Chains } from './chain.ts';
import { timeWidening } from './chain.ts';
import type { DelegationEntry, Delegations, Lent } from './contract.ts';
import { type Hop, type HopReader, hopDigest, type Lender, readHop, signHop } from './hop.ts';
import { filledScope, readScope } from './scope.ts';
import { insertHop, listHops, loadHop, saveHopRun } from './store.ts';

const LENT_MS_USUAL = 60 * 60_000;
const LENT_MS_MAX = 24 * 60 * 60_000;
const HOPS_TOLD_MAX = 32;

export type DelegationParts = RunParts &
  HopReader & { keys: IdentityKeys; runs: RunKeeper; chains: Chains; depthMax: () => number };

type Offered = { delegation: DelegationEntry; grant: Secret };

export interface DelegationKeeper extends Delegations {
  /** An agent lends what its run has, to another. */
  offer(caller: Caller, lent: Lent): Promise<Offered | Refusal>;
  /** The run that a grant is for: opened when it is first redeemed, the same one after that. */
  redeem(grant: string, actor: Caller, asked: { job: string } & Pick<Granted, 'purpose'>): Promise<Redeemed | Refusal>;
}

export type Redeemed = { run: Run; chain: Chain };

export function openDelegations(parts: DelegationParts): DelegationKeeper {
  return {
    lend: (lent, person) => lend(lent, person, parts),
    offer: (caller, lent) => offer(caller, lent, parts),
    redeem: (grant, actor, asked) => redeem(grant, actor, asked, parts),
    async list(limit) {
      const stored = await listHops(parts.db, parts.time.now(), limit);
      return stored.flatMap((row) => {
        const hop = readHop(row.signed, parts);
        return isRefusal(hop) ? [] : [entryOf(hop, row.run)];
      });
    },
    chain: (id) => hopsTo(id, parts),
  };
}

function entryOf(hop: Hop, run: string | null): DelegationEntry {
  const { id, parent, actor, subject, scope, depth, issued_at, expires_at } = hop;
  const lender = hop.lender.kind === 'agent' ? hop.lender.id : null;
  return { id, parent: parent?.id ?? null, lender, actor, run, subject, scope, depth, issued_at, expires_at };
}

/** For people to look at: nothing is decided by it, so that what has expired is told as well. */
async function hopsTo(id: string, parts: DelegationParts): Promise<DelegationEntry[]> {
  const hops: DelegationEntry[] = [];
  for (let next: string | null = id; next !== null && hops.length < HOPS_TOLD_MAX; ) {
    const row = await loadHop(parts.db, next);
    const hop = row && readHop(row.signed, parts);
    if (row === undefined || hop === undefined || isRefusal(hop)) break;
    hops.unshift(entryOf(hop, row.run));
    next = row.parent;
  }
  return hops;
}

/** What a lender has to lend. */
type Purse = {
  lender: Lender;
  parent: Hop['parent'];
  subject: string | null;
  scope: Hop['scope'];
  depth: number;
  until: number;
};

function lend(lent: Lent, person: Subject, parts: DelegationParts): Promise<Offered | Refusal> {
  return transact<Offered>(parts, async (tx) => {
    const until = (await tx.now()) + LENT_MS_MAX;
    const purse: Purse = {
      lender: { kind: 'user' },
      parent: null,
      subject: person.id,
      scope: WHOLE_SCOPE,
      depth: 0,
      until,
    };
    return grant(tx, lent, purse, `person:${person.id}`, parts);
  });
}

async function offer(caller: Caller, lent: Lent, parts: DelegationParts): Promise<Offered | Refusal> {
  const run = await parts.runs.load(caller);
  if (isRefusal(run)) return run;
  if (lent.to === caller.agent.id) {
    return refuse('delegation_actor_wrong', `agent ${lent.to} has by itself what it would lend to itself`);
  }
  const { id, generation } = { id: caller.agent.id, generation: caller.generation };
  const lender: Lender = { kind: 'agent', id, generation, run: run.id };
  return transact<Offered>(parts, async (tx) => {
    const last = run.chain.at(-1);
    const stored = last?.grant == null ? undefined : await loadHop(tx, last.grant);
    const parent = stored === undefined ? null : { id: stored.id, digest: hopDigest(stored.signed) };
    const until = Math.min(run.expires_at, ...run.chain.map(({ expires_at }) => expires_at));
    const depth = run.scopes.length;
    const scope = run.scopes.at(-1) ?? WHOLE_SCOPE;
    const purse: Purse = { lender, parent, subject: run.subject?.id ?? null, scope, depth, until };
    return grant(tx, lent, purse, `agent:${id}`, parts);
  });
}

async function grant(
  tx: Transaction,
  lent: Lent,
  purse: Purse,
  by: string,
  parts: DelegationParts,
): Promise<Offered | Refusal> {
  // Everything that crosses a boundary is read once more where it is signed.
  const scope = readScope(lent.scope as unknown as JsonValue);
  if (typeof scope === 'string') return refuse('input_invalid', scope, { public: scope });
  const actor = parts.standing.agents.get(lent.to);
  if (actor === undefined) return refuse('agent_unknown', `there is no agent ${lent.to} to lend to`);
  const issued_at = await tx.now();
  const asked_until = lent.seconds === undefined ? undefined : issued_at + lent.seconds * 1000;
  const hop: Hop = {
    id: newId('dlg', parts.random),
    parent: purse.parent,
    lender: purse.lender,
    subject: purse.subject,
    actor: actor.id,
    generation: actor.generation,
    depth: purse.depth + 1,
    scope: filledScope(scope, purse.scope),
    issued_at,
    expires_at: asked_until ?? Math.min(issued_at + LENT_MS_USUAL, purse.until),
  };
  const refusal = excess(hop, purse, parts.depthMax());
  if (refusal !== undefined) return refusal;
  const signed = signHop(hop, parts.issuer, parts.keys.signing.reveal());
  const { id, expires_at } = hop;
  const parent = hop.parent?.id ?? null;
  await insertHop(tx, { id, parent, actor: actor.id, run: null, signed, issued_at, expires_at });
  const payload = { to: actor.id, scope: hop.scope as unknown as JsonValue, depth: hop.depth };
  const digests = { before: purse.parent?.digest ?? null, after: hopDigest(signed) };
  await parts.record(tx, { event: 'delegation.grant', by, subject: id, ...digests, payload });
  return { delegation: entryOf(hop, null), grant: new Secret(signed) };
}

/** Refused here, so that the lender hears of it; and again at each use, so that nobody needs to trust this place. */
function excess(hop: Hop, purse: Purse, depth_max: number): Refusal | undefined {
  if (hop.depth > depth_max) return refuse('delegation_too_deep', `hop ${hop.depth} of at most ${depth_max}`);
  const wide = widening(hop.scope, purse.scope) ?? timeWidening(hop.expires_at, purse.until);
  if (wide === undefined) return undefined;
  return refuse('delegation_widens', `a hop to ${hop.actor} would lend more: ${wide}`, {
    public: `A delegation lends no more than its lender has. This is more: ${wide}.`,
  });
}

async function redeem(
  text: string,
  actor: Caller,
  asked: { job: string } & Pick<Granted, 'purpose'>,
  parts: DelegationParts,
): Promise<Redeemed | Refusal> {
  const hop = readHop(text, parts);
  if (isRefusal(hop)) return hop;
  if (hop.actor !== actor.agent.id || hop.generation !== actor.generation) {
    return refuse(
      'delegation_actor_wrong',
      `delegation ${hop.id} is for ${hop.actor}, and ${actor.agent.id} brought it`,
    );
  }
  const verified = await parts.chains.of(hop.id);
  if (isRefusal(verified)) return verified;
  const { subject, links } = verified;
  const stopped = standingRefusal(parts.standing, { ...actor, subject, chain: links });
  if (stopped !== undefined) return stopped;
  const opened = await transact<string>(parts, async (tx) => {
    await tx.lock(`identity.delegation.${hop.id}`);
    const stored = await loadHop(tx, hop.id);
    if (stored === undefined) return refuse('delegation_unknown', `there is no delegation ${hop.id}`);
    if (stored.signed !== text) return refuse('delegation_forged', `delegation ${hop.id} was granted in another form`);
    return stored.run ?? (await openRun(tx, hop, verified.expires_at, asked, parts));
  });
  if (isRefusal(opened)) return opened;
  const chain = await parts.chains.of(hop.id);
  if (isRefusal(chain)) return chain;
  const run = await loadRunEntry(parts.db, opened);
  if (run === undefined || run.ended_at !== null || run.expires_at <= parts.time.now()) {
    return refuse('run_ended', `run ${opened} of delegation ${hop.id} has ended`);
  }
  if (run.job !== asked.job)
    return refuse('delegation_actor_wrong', `delegation ${hop.id} was redeemed for ${run.job}`);
  const { ended_at: _ended, delegation: _delegation, ...entry } = run;
  return { run: { ...entry, chain: chain.links, scopes: chain.scopes }, chain };
}

/** It begins with what its agent and its lender have read. */
async function openRun(
  tx: Transaction,
  hop: Hop,
  expires_at: number,
  { job, purpose }: { job: string } & Pick<Granted, 'purpose'>,
  parts: DelegationParts,
): Promise<string | Refusal> {
  const lenders = hop.lender.kind === 'agent' ? await loadRunEntry(tx, hop.lender.run) : undefined;
  const person = hop.subject === null ? undefined : await loadPerson(tx, hop.subject);
  if (hop.subject !== null && person === undefined) {
    return refuse('user_not_granted', `user ${hop.subject} of delegation ${hop.id} is gone`);
  }
  const run = await parts.runs.open(tx, {
    agent: hop.actor,
    job,
    purpose,
    subject: person === undefined ? null : { id: person.id, name: person.name },
    opened_by: hop.lender.kind === 'agent' ? `agent:${hop.lender.id}` : `person:${hop.subject}`,
    expires_at,
    labels: lenders?.labels ?? LOWEST_LABEL,
    delegation: hop.id,
  });
  if (!(await saveHopRun(tx, hop.id, run.id))) throw new Error(`delegation ${hop.id} was redeemed beside its lock`);
  return run.id;
}
