import type { Clock } from '../../../core/clock.ts';
import { isRefusal, type Refusal } from '../../../core/refusal.ts';
import type { Database } from '../../../storage/index.ts';
import type { RunSimulation } from '../replay/contract.ts';
import { activeSet, setByDigest } from '../replay/sets.ts';
import type { ShadowDifferences, ShadowState, Shadows } from './contract.ts';

export type DifferenceParts = {
  db: Database;
  clock: Clock;
  shadows: Pick<Shadows, 'current'>;
  run: RunSimulation;
  /** The receipt of a reading of arguments. */
  record(by: string, subject: string, payload: { set: string; agent: string | null }): Promise<unknown>;
};

/** Whoever looks again within this time sees what was counted before. */
const FRESH_MS = 10_000;

/** What the receipts of the set beside say, counted anew from the log: it is the same whichever replica is asked. */
export function openShadowDifferences(parts: DifferenceParts) {
  let last: { key: string; at: number; counted: Promise<ShadowDifferences | Refusal> } | undefined;
  return async (by: string): Promise<ShadowDifferences | undefined | Refusal> => {
    const shadow = parts.shadows.current();
    if (shadow === undefined) return undefined;
    await parts.record(by, `log:since:${shadow.since}`, { set: shadow.set, agent: null });
    const key = JSON.stringify(shadow);
    const now = parts.clock.monotonic();
    if (last?.key !== key || now - last.at > FRESH_MS) {
      const counted = count(parts, shadow);
      last = { key, at: now, counted };
      counted.catch(() => {
        last = undefined;
      });
    }
    return last.counted;
  };
}

async function count({ db, run }: DifferenceParts, shadow: ShadowState): Promise<ShadowDifferences | Refusal> {
  const candidate = await setByDigest(db, shadow.set);
  const active = await activeSet(db);
  if (isRefusal(candidate)) return candidate;
  if (isRefusal(active)) return active;
  const { files } = candidate.text;
  const job = { candidate: files, active: active.text.files, since: shadow.since, agent: null, beside: true };
  return { shadow, result: await run(job, () => undefined).done };
}
