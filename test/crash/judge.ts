import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { verifyLog } from '../../src/controls/audit/verify.ts';
import { openDatabase } from '../../src/storage/index.ts';
import { systemClock } from '../support/clock.ts';
import { linesOf } from '../support/world.ts';

type Effect = { time: number; digest: string; line: string };
type Receipt = {
  id: string;
  kind: string;
  time: number;
  intent?: string;
  outcome?: string;
  request?: { sent: string };
};

/** What an agent saw: the receipt that its answer named, for a call that was answered. */
export type Answered = { line: string; receipt: string };

export type Judged = { effects: number; intents: number; outcomes: number; unknown: number; complaints: string[] };

/**
 * Holds the log against the upstream's own journal, which another process wrote and synced: each effect has one earlier
 * intent, each answer its outcome, nothing is left open after a restart, and the log extends what was seen of it before.
 */
export async function judge(folder: string, url: string, answered: readonly Answered[], seen: string): Promise<Judged> {
  const receipts = await receiptsOf(url);
  const intents = new Map<string, Receipt[]>();
  const outcomes = new Map<string, Receipt[]>();
  for (const receipt of receipts) {
    if (receipt.kind === 'intent') push(intents, receipt.request?.sent ?? '', receipt);
    if (receipt.kind === 'outcome') push(outcomes, receipt.intent ?? '', receipt);
  }
  const complaints: string[] = [];
  const effects = linesOf(join(folder, 'effects.jsonl')).map((line) => JSON.parse(line) as Effect);
  for (const effect of effects) {
    const [intent, ...more] = intents.get(effect.digest) ?? [];
    if (intent === undefined) complaints.push(`${effect.line}: an effect without an intent`);
    else if (more.length > 0) complaints.push(`${effect.line}: ${more.length + 1} intents for one effect`);
    else if (intent.time > effect.time) complaints.push(`${effect.line}: the intent is later than the effect`);
  }
  for (const { line, receipt } of answered) {
    if (!outcomes.has(receipt)) complaints.push(`${line}: answered under ${receipt}, which has no outcome`);
  }
  const all = [...intents.values()].flat();
  for (const { id } of all) {
    const count = outcomes.get(id)?.length ?? 0;
    if (count !== 1) complaints.push(`${id}: ${count} outcomes after the restart`);
  }
  const report = await verifyLog(join(folder, '.sallyport', 'log'), seen === '' ? {} : { seen });
  for (const problem of report.problems)
    complaints.push(`verify: ${problem.code} at ${problem.position}: ${problem.detail}`);
  if (seen !== '' && report.verdict !== 'verified') complaints.push(`verify says ${report.verdict}`);
  const ended = [...outcomes.values()].flat();
  return {
    effects: effects.length,
    intents: all.length,
    outcomes: ended.length,
    unknown: ended.filter(({ outcome }) => outcome === 'unknown').length,
    complaints,
  };
}

export function readCheckpoint(folder: string): string {
  return readFileSync(join(folder, '.sallyport', 'log', 'checkpoint'), 'utf8');
}

async function receiptsOf(url: string): Promise<Receipt[]> {
  const db = await openDatabase({ url, clock: systemClock });
  try {
    const rows = await db.query<{ body: string }>('select body from audit_receipts');
    return rows.map(({ body }) => JSON.parse(body) as Receipt);
  } finally {
    await db.close();
  }
}

function push(map: Map<string, Receipt[]>, key: string, receipt: Receipt): void {
  const list = map.get(key);
  if (list) list.push(receipt);
  else map.set(key, [receipt]);
}
