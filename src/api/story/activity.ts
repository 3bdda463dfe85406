import type { OutcomeReceipt } from '../../core/receipt.ts';
import type { AgentActivity } from '../contract/index.ts';
import type { LedgerPort } from '../ports.ts';
import { type First, isFirst } from './summary.ts';

const WINDOW = 500;
/** Beyond this the answer says from when on it counts, instead of making whoever looks wait. */
const SCANNED_MAX = 20_000;
const HOUR_MS = 3_600_000;
const HOURS = 24;

type Hour = AgentActivity['hours'][number];
type Counted = 'permitted' | 'refused' | 'held' | 'failed';

const FAILED: ReadonlySet<OutcomeReceipt['outcome']> = new Set(['failed', 'withheld', 'cut', 'unknown']);

/** Counts from the log itself, newest first: an outcome comes before its intent. No payload is opened. */
export async function activityOf(ledger: LedgerPort, agent: string, now: number): Promise<AgentActivity> {
  const from = (Math.floor(now / HOUR_MS) - HOURS + 1) * HOUR_MS;
  const hours = Array.from({ length: HOURS }, (_, at) => emptyHour(from + at * HOUR_MS));
  const failures = new Set<string>();
  let before = Number.POSITIVE_INFINITY;
  let scanned = 0;
  let oldest = now;
  let last_at: number | null = null;
  let isOver = false;
  while (!isOver && scanned < SCANNED_MAX) {
    const { receipts } = await ledger.latest(before, WINDOW);
    isOver = receipts.length === 0;
    for (const { index, receipt } of receipts) {
      before = index ?? before;
      isOver ||= receipt.time < from;
      if (isOver) break;
      scanned += 1;
      oldest = Math.min(oldest, receipt.time);
      if (receipt.kind === 'outcome' && FAILED.has(receipt.outcome)) failures.add(receipt.intent);
      if (!isFirst(receipt) || receipt.agent?.id !== agent) continue;
      last_at ??= receipt.time;
      const hour = hours[Math.floor((receipt.time - from) / HOUR_MS)];
      if (hour === undefined) continue;
      hour[counted(receipt)] += 1;
      if (failures.has(receipt.id)) hour.failed += 1;
    }
  }
  const since = isOver ? from : oldest;
  return { ...sumOf(hours), since, whole: isOver, scanned, hours, last_at };
}

/** By what policy said: what it refused while the gateway observed is not among the permitted. */
function counted({ kind, observing }: First): Exclude<Counted, 'failed'> {
  if (kind === 'refusal' || observing?.would === 'deny') return 'refused';
  return kind === 'hold' ? 'held' : 'permitted';
}

function emptyHour(from: number): Hour {
  return { from, permitted: 0, refused: 0, held: 0, failed: 0 };
}

function sumOf(hours: readonly Hour[]): Record<Counted, number> {
  const sum = (what: Counted) => hours.reduce((all, hour) => all + hour[what], 0);
  return { permitted: sum('permitted'), refused: sum('refused'), held: sum('held'), failed: sum('failed') };
}
