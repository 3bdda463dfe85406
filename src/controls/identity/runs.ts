import type { Random } from '../../core/clock.ts';
import { newId } from '../../core/ids.ts';
import { joinLabels, LOWEST_LABEL } from '../../core/label.ts';
import type { Caller, Run } from '../../core/principal.ts';
import { type Refusal, refuse } from '../../core/refusal.ts';
import type { Transaction } from '../../storage/index.ts';
import { BoundedMap } from './bounded-map.ts';
import { type ChangeParts, change } from './change.ts';
import type { RunEntry, Runs } from './contract.ts';
import { digestOf } from './digest.ts';
import { loadAgentLabel, saveLabel } from './store/agents.ts';
import { endRun, insertRun, listRuns, loadRunEntry } from './store/runs.ts';

/** A run is one doing of one job. One that takes longer than a day is opened again, and its agent asked who it is. */
export const RUN_MS_MAX = 24 * 60 * 60_000;
const RUNS_CACHED_MAX = 10_000;

export type RunParts = ChangeParts & { random: Random };

export interface RunKeeper extends Runs {
  load(caller: Caller): Run | Refusal | Promise<Run | Refusal>;
  /** Opens a run in the caller's transaction, with its receipt. It begins with what its agent's runs have read before. */
  open(tx: Transaction, run: { agent: string; job: string; opened_by: string }): Promise<Run>;
  /** Forget what was read: something changed. */
  forget(): void;
}

export function openRuns(parts: RunParts): RunKeeper {
  const { db, standing, time, random, record } = parts;
  const known = new BoundedMap<string, Run>(RUNS_CACHED_MAX);
  /** Counts `forget`, so that a reading which began before a change is not kept after it. */
  let readings = 0;

  const read = async (caller: Caller): Promise<Run | Refusal> => {
    const reading = readings;
    const entry = await loadRunEntry(db, caller.run);
    if (entry === undefined) return refuse('run_unknown', `run ${caller.run} is not in the database`);
    const { ended_at, ...run } = entry;
    if (ended_at !== null) return refuse('run_ended', `run ${run.id} ended`);
    if (reading === readings) known.set(run.id, run);
    return check(run, caller);
  };
  const check = (run: Run, caller: Caller): Run | Refusal => {
    if (run.agent !== caller.agent.id) return refuse('run_unknown', `run ${run.id} is not of agent ${caller.agent.id}`);
    if (standing.hasEnded(run.id)) return refuse('run_ended', `run ${run.id} has ended`);
    if (run.expires_at <= time.now()) return refuse('run_ended', `run ${run.id} has expired`);
    return caller.agent.jobs.includes(run.job)
      ? run
      : refuse('job_not_granted', `agent ${caller.agent.id} is not registered for job ${run.job}`);
  };
  return {
    load(caller) {
      const run = known.get(caller.run);
      return run === undefined ? read(caller) : check(run, caller);
    },
    async open(tx, { agent, job, opened_by }) {
      const opened_at = await tx.now();
      const labels = (await loadAgentLabel(tx, agent)) ?? LOWEST_LABEL;
      const id = newId('run', random);
      const run: Run = { id, agent, job, opened_by, opened_at, expires_at: opened_at + RUN_MS_MAX, labels };
      await insertRun(tx, run);
      const payload = { agent, job };
      await record(tx, { event: 'run.open', by: opened_by, subject: id, before: null, after: digestOf(run), payload });
      return run;
    },
    forget() {
      readings += 1;
      known.clear();
    },
    find: (id) => loadRunEntry(db, id),
    list: (limit) => listRuns(db, limit),
    end: (id, by) => end(id, by, parts),
    async raise(tx, run, label) {
      const entry = await loadRunEntry(tx, run);
      if (entry === undefined) throw new Error(`there is no run ${run}`);
      const carried = (await loadAgentLabel(tx, entry.agent)) ?? LOWEST_LABEL;
      const raised = joinLabels(joinLabels(carried, entry.labels), label);
      await saveLabel(tx, entry.agent, run, raised);
      known.delete(run);
    },
  };
}

function end(id: string, by: string, parts: RunParts): Promise<Refusal | undefined> {
  return change<undefined>(parts, async (tx, now) => {
    const agent = await endRun(tx, id, now);
    if (agent === undefined) return refuse('not_found', `there is no open run ${id}`);
    const entry = (await loadRunEntry(tx, id)) as RunEntry;
    const { ended_at, ...run } = entry;
    await parts.record(tx, {
      event: 'run.end',
      by,
      subject: id,
      before: digestOf(run),
      after: digestOf({ ...run, ended_at }),
    });
    return undefined;
  });
}
