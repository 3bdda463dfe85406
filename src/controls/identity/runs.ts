import type { Random } from '../../core/clock.ts';
import { newId } from '../../core/ids.ts';
import { joinLabels, type Label, LOWEST_LABEL } from '../../core/label.ts';
import type { Person } from '../../core/person.ts';
import type { Caller, Run, Subject } from '../../core/principal.ts';
import { isRefusal, type Refusal, refuse } from '../../core/refusal.ts';
import { Secret } from '../../core/secret.ts';
import type { Transaction } from '../../storage/index.ts';
import { BoundedMap } from './bounded-map.ts';
import { type ChangeParts, change } from './change.ts';
import type { AskedRun, RunEntry, Runs } from './contract.ts';
import type { Chains } from './delegation/chain.ts';
import { digestOf, hashSecret } from './digest.ts';
import { grantedOf } from './granted.ts';
import { loadCarriedLabel, saveLabel } from './store/agents.ts';
import { endRun, insertRun, listRuns, loadRunEntry } from './store/runs.ts';
import { insertToken } from './store/tokens.ts';

/** A run is one doing of one job. One that takes longer than a day is opened again, and its agent asked who it is. */
export const RUN_MS_MAX = 24 * 60 * 60_000;
const RUNS_CACHED_MAX = 10_000;

export type RunParts = ChangeParts & { random: Random; chains: Chains };

export type NewRun = {
  agent: string;
  job: string;
  opened_by: string;
  /** As they were granted; whoever opens a run has seen to that. */
  purpose?: string | null;
  subject?: Subject | null;
  expires_at?: number;
  /** What it begins with beside what its agent carries for this subject. */
  labels?: Label;
  delegation?: string;
};

export interface RunKeeper extends Runs {
  load(caller: Caller): Run | Refusal | Promise<Run | Refusal>;
  /** Opens a run in the caller's transaction, with its receipt. It begins with what its agent's runs have read before. */
  open(tx: Transaction, run: NewRun): Promise<RunEntry>;
  /** Forget what was read: something changed. */
  forget(): void;
}

export function openRuns(parts: RunParts): RunKeeper {
  const { db } = parts;
  const known = new BoundedMap<string, Run>(RUNS_CACHED_MAX);
  /** Counts `forget`, so that a reading which began before a change is not kept after it. */
  let readings = 0;

  const read = async (caller: Caller): Promise<Run | Refusal> => {
    const reading = readings;
    const run = await readRun(caller.run, parts);
    if (isRefusal(run)) return run;
    if (reading === readings) known.set(run.id, run);
    return check(run, caller, parts);
  };
  return {
    load(caller) {
      const run = known.get(caller.run);
      return run === undefined ? read(caller) : check(run, caller, parts);
    },
    open: (tx, run) => open(tx, run, parts),
    start: (asked, by, own) => start(asked, by, own, parts),
    forget() {
      readings += 1;
      known.clear();
    },
    find: (id) => loadRunEntry(db, id),
    list: (limit) => listRuns(db, limit),
    end: (id, by) => end(id, by, parts),
    async raise(tx, id, label) {
      const run = await loadRunEntry(tx, id);
      if (run === undefined) throw new Error(`there is no run ${id}`);
      const subject = run.subject?.id ?? null;
      const carried = (await loadCarriedLabel(tx, run.agent, subject)) ?? LOWEST_LABEL;
      await saveLabel(tx, { id, agent: run.agent, subject }, joinLabels(joinLabels(carried, run.labels), label));
      known.delete(id);
    },
  };
}

async function readRun(id: string, { db, chains }: RunParts): Promise<Run | Refusal> {
  const entry = await loadRunEntry(db, id);
  if (entry === undefined) return refuse('run_unknown', `run ${id} is not in the database`);
  const { ended_at, delegation, ...run } = entry;
  if (ended_at !== null) return refuse('run_ended', `run ${id} ended`);
  if (delegation === null) return { ...run, chain: [], scopes: [] };
  const chain = await chains.of(delegation);
  return isRefusal(chain) ? chain : { ...run, chain: chain.links, scopes: chain.scopes };
}

function check(run: Run, caller: Caller, { standing, time }: RunParts): Run | Refusal {
  if (run.agent !== caller.agent.id) return refuse('run_unknown', `run ${run.id} is not of agent ${caller.agent.id}`);
  if (standing.hasEnded(run.id)) return refuse('run_ended', `run ${run.id} has ended`);
  if (run.expires_at <= time.now()) return refuse('run_ended', `run ${run.id} has expired`);
  // A token that says less than its run stands on would hide from stops whom it passed through.
  const isWhole =
    (run.subject?.id ?? null) === caller.subject && run.chain.at(-1)?.grant === caller.chain.at(-1)?.grant;
  if (!isWhole) return refuse('delegation_act_wrong', `the token of run ${run.id} names another subject or delegation`);
  return caller.agent.jobs.includes(run.job)
    ? run
    : refuse('job_not_granted', `agent ${caller.agent.id} is not registered for job ${run.job}`);
}

async function open(tx: Transaction, asked: NewRun, { random, record }: RunParts): Promise<RunEntry> {
  const { agent, job, opened_by, purpose = null, subject = null, delegation = null } = asked;
  const opened_at = await tx.now();
  const carried = (await loadCarriedLabel(tx, agent, subject?.id ?? null)) ?? LOWEST_LABEL;
  const run: RunEntry = {
    id: newId('run', random),
    agent,
    job,
    opened_by,
    purpose,
    subject,
    opened_at,
    expires_at: Math.min(asked.expires_at ?? Number.POSITIVE_INFINITY, opened_at + RUN_MS_MAX),
    labels: joinLabels(carried, asked.labels ?? LOWEST_LABEL),
    ended_at: null,
    delegation,
  };
  await insertRun(tx, run);
  const payload = { agent, job, purpose, subject: subject?.name ?? null, delegation };
  await record(tx, { event: 'run.open', by: opened_by, subject: run.id, before: null, after: digestOf(run), payload });
  return run;
}

type Started = { run: RunEntry; secret: Secret };

/** A run that a person opens for an agent. Its token is a bearer token, for this run alone and no longer than it. */
async function start(
  asked: AskedRun,
  by: string,
  own: Person | undefined,
  parts: RunParts,
): Promise<Started | Refusal> {
  const { agent: id, job, seconds } = asked;
  const agent = parts.standing.agents.get(id);
  if (agent === undefined) return refuse('not_found', `there is no agent ${id}`);
  if (!agent.jobs.includes(job)) return refuse('job_not_granted', `agent ${id} is not registered for job ${job}`);
  const granted = await grantedOf(parts.db, agent, asked, own);
  if (isRefusal(granted)) return granted;
  const secret = `sp_${Buffer.from(parts.random(32)).toString('base64url')}`;
  const started = await change<RunEntry>(parts, async (tx, now) => {
    const until = seconds === undefined ? {} : { expires_at: now + seconds * 1000 };
    const run = await open(tx, { agent: id, job, ...granted, ...until, opened_by: by }, parts);
    const { expires_at } = run;
    const { generation } = agent;
    const token = { id: newId('tok', parts.random), agent: id, generation, job, issued_at: now, expires_at };
    await insertToken(tx, { ...token, secret: hashSecret(secret), only_run: run.id });
    const after = digestOf(token);
    const payload = { agent: id, job, run: run.id };
    await parts.record(tx, { event: 'token.issue', by, subject: token.id, before: null, after, payload });
    return run;
  });
  return isRefusal(started) ? started : { run: started, secret: new Secret(secret) };
}

function end(id: string, by: string, parts: RunParts): Promise<Refusal | undefined> {
  return change<undefined>(parts, async (tx, now) => {
    const ended = await endWithin(tx, id, { by, now }, parts);
    return ended ? undefined : refuse('not_found', `there is no open run ${id}`);
  });
}

/** In a change that is under way. False where there is no such open run. */
export async function endWithin(
  tx: Transaction,
  id: string,
  { by, now }: { by: string; now: number },
  { record }: Pick<RunParts, 'record'>,
): Promise<boolean> {
  if ((await endRun(tx, id, now)) === undefined) return false;
  const { ended_at, ...run } = (await loadRunEntry(tx, id)) as RunEntry;
  const after = digestOf({ ...run, ended_at });
  await record(tx, { event: 'run.end', by, subject: id, before: digestOf({ ...run, ended_at: null }), after });
  return true;
}
