import type { LoggedReceipt, Reader } from '../../controls/audit/index.ts';
import type { OutcomeReceipt } from '../../core/receipt.ts';
import type { Exchange, ExchangePage, Filters } from '../contract/index.ts';
import type { LedgerPort } from '../ports.ts';
import { isFirst, matches, summarise } from './summary.ts';

const WINDOW = 500;
/** A narrow filter over a long log ends a page here; the cursor goes on. */
const SCANNED_MAX = 5_000;

type Ask = { filters: Filters; cursor: string | undefined; limit: number; reader: string };

/**
 * Exchanges, newest first, read backwards from the log itself: there is no second table that could disagree with it. An
 * outcome stands after its intent, so it has been seen already, or lies on an earlier page and is looked up.
 */
export async function exchangePage(ledger: LedgerPort, { filters, cursor, limit, reader }: Ask): Promise<ExchangePage> {
  const outcomes = new Map<string, OutcomeReceipt>();
  const exchanges: Exchange[] = [];
  let as: Reader = reader;
  let before = cursor === undefined ? Number.POSITIVE_INFINITY : Number(cursor);
  let scanned = 0;
  const { size } = ledger.status();
  while (exchanges.length < limit && scanned < SCANNED_MAX) {
    const { receipts, read_under } = await ledger.latest(before, WINDOW, { reader: as });
    if (read_under !== null) as = { under: read_under };
    if (receipts.length === 0) return { exchanges, cursor: null, scanned, size };
    for (const logged of receipts) {
      if (exchanges.length === limit) break;
      before = logged.index ?? before;
      scanned += 1;
      const exchange = await lineOf(ledger, logged, outcomes, cursor !== undefined);
      if (exchange !== undefined && matches(exchange, filters)) exchanges.push(exchange);
    }
  }
  return { exchanges, cursor: before === 0 ? null : String(before), scanned, size };
}

async function lineOf(
  ledger: LedgerPort,
  logged: LoggedReceipt,
  outcomes: Map<string, OutcomeReceipt>,
  lookUp: boolean,
): Promise<Exchange | undefined> {
  const { receipt } = logged;
  if (receipt.kind === 'outcome') outcomes.set(receipt.intent, receipt);
  if (!isFirst(receipt)) return undefined;
  const seen = outcomes.get(receipt.id);
  outcomes.delete(receipt.id);
  const outcome =
    seen ?? (lookUp && receipt.kind === 'intent' ? await outcomeElsewhere(ledger, receipt.id) : undefined);
  return summarise(logged, receipt, outcome);
}

async function outcomeElsewhere(ledger: LedgerPort, intent: string): Promise<OutcomeReceipt | undefined> {
  const story = await ledger.story(intent);
  const found = story?.receipts.find(({ receipt }) => receipt.kind === 'outcome')?.receipt;
  return found?.kind === 'outcome' ? found : undefined;
}
