import { hash } from 'node:crypto';
import { isRefusal, type Refusal } from '../../../core/refusal.ts';
import { BoundedMap } from '../bounded-map.ts';
import { type ChangeParts, transact } from '../change.ts';
import type { RunKeeper } from '../runs.ts';
import { loadHolderRun, saveHolderRun } from './store.ts';

/** Who holds an SVID never says when it begins: an hour of silence ends one doing of its job. */
const RUN_IDLE_MS_MAX = 60 * 60_000;
/** How exactly other replicas, and this one after a restart, know when a run was last used. */
const USED_MS_EXACT = 5 * 60_000;
const RUNS_KNOWN_MAX = 10_000;

/** One workload in one job of one registration of an agent. Its SVIDs come and go; the run stays. */
export type Holder = { id: string; agent: string; generation: number; job: string };

export interface HolderRuns {
  /** Synchronous while the holder's run is known here. */
  of(holder: Holder): string | Refusal | Promise<string | Refusal>;
}

type Known = { run: string; expires_at: number; used_at: number; saved_at: number };

export function openHolderRuns(parts: ChangeParts & { runs: RunKeeper }): HolderRuns {
  const current = new BoundedMap<string, Known>(RUNS_KNOWN_MAX);
  const opening = new Map<string, Promise<Known | Refusal>>();
  return {
    of(holder) {
      const key = keyOf(holder);
      const now = parts.time.now();
      const known = current.get(key);
      if (known !== undefined && isOpen(known, now, parts)) {
        known.used_at = now;
        if (now - known.saved_at > USED_MS_EXACT) keepUse(key, known, now, parts);
        return known.run;
      }
      const under_way = opening.get(key) ?? open(key, holder, parts).finally(() => opening.delete(key));
      opening.set(key, under_way);
      return under_way.then((opened) => {
        if (isRefusal(opened)) return opened;
        current.set(key, opened);
        return opened.run;
      });
    },
  };
}

function keyOf({ id, agent, generation, job }: Holder): string {
  return hash('sha256', JSON.stringify([id, agent, generation, job]), 'base64url');
}

function isOpen(known: Known, now: number, { standing }: ChangeParts): boolean {
  return now - known.used_at <= RUN_IDLE_MS_MAX && known.expires_at > now && !standing.hasEnded(known.run);
}

/** One open run for each holder, on all replicas together: its lock makes them agree. */
function open(key: string, { agent, job }: Holder, parts: ChangeParts & { runs: RunKeeper }): Promise<Known | Refusal> {
  return transact<Known>(parts, async (tx) => {
    await tx.lock(`identity.svid.${key}`);
    const now = await tx.now();
    const run =
      (await loadHolderRun(tx, key, { now, used_since: now - RUN_IDLE_MS_MAX })) ??
      (await parts.runs.open(tx, { agent, job, opened_by: `agent:${agent}` }));
    await saveHolderRun(tx, key, run.id, now);
    return { run: run.id, expires_at: run.expires_at, used_at: now, saved_at: now };
  });
}

/** Not awaited by the request: losing it ends a run a little early, after a restart. */
function keepUse(key: string, known: Known, now: number, { db, report }: ChangeParts): void {
  known.saved_at = now;
  saveHolderRun(db, key, known.run, now).catch((error: unknown) =>
    report('the last use of an SVID’s run could not be kept', error),
  );
}
