import type { Story as LedgerStory, LoggedReceipt } from '../../controls/audit/index.ts';
import type { PolicyListing } from '../../controls/policy/index.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import type { OutcomeReceipt } from '../../core/receipt.ts';
import type { Story } from '../contract/index.ts';
import { sentence } from './sentence.ts';
import { type First, isFirst, summarise } from './summary.ts';

type Known = { explanation: Story['explanation']; policies: readonly PolicyListing[]; set: string };

/** The whole story of one exchange; undefined where the receipt does not belong to an exchange. */
export function tell(from: LedgerStory, known: Known): Story | undefined {
  const begin = from.receipts.find(({ receipt }) => isFirst(receipt));
  if (begin === undefined || !isFirst(begin.receipt)) return undefined;
  const end = from.receipts.find(({ receipt }) => receipt.kind === 'outcome');
  const receipt = end?.receipt.kind === 'outcome' ? end.receipt : undefined;
  const exchange = summarise(begin, begin.receipt, receipt);
  const outcome = receipt === undefined ? null : outcomeOf(receipt, sealed(end));
  const told = begin.receipt.kind === 'intent' ? {} : sealed(begin);
  return {
    exchange,
    sentence: sentence(exchange, outcome),
    decision: decisionOf(begin.receipt, told, known, exchange.decision),
    explanation: known.explanation,
    stages: (receipt ?? begin.receipt).checks ?? [],
    outcome,
    asked: begin.receipt.kind === 'intent' ? opened(begin) : (told['asked'] ?? null),
    answered: sealed(end)['answered'] ?? null,
    receipts: from.receipts.map(({ index, receipt }) => ({ index, receipt: { ...receipt } as JsonObject })),
    children: [...from.children],
    continues: begin.receipt.continues ?? null,
    continued_by: [...from.continued_by],
    missing: missing(from.receipts, exchange.state === 'open', begin.receipt, known),
    read_under: from.read_under,
  };
}

function decisionOf(
  first: First,
  told: JsonObject,
  known: Known,
  effect: Story['decision']['effect'],
): Story['decision'] {
  const { policy } = first;
  return {
    effect,
    code: first.kind === 'intent' ? (first.observing?.code ?? null) : first.code,
    reason: text(told['reason']),
    public: text(told['public']),
    policies: (policy?.ids ?? []).map((id) => note(id, sourcesOf(known))),
    errors: policy?.errors ?? [],
    obligations: policy?.obligations ?? [],
    shadow: policy?.shadow ?? [],
    set: policy?.set ?? null,
  };
}

type Noted = Pick<PolicyListing, 'id' | 'reason' | 'file' | 'line'> & { public?: string | null | undefined };

/** As they stood in the set that decided; where that cannot be told, as they stand now. */
function sourcesOf({ explanation, policies }: Known): readonly Noted[] {
  return [...(explanation?.accesses.flatMap((access) => access.policies) ?? []), ...policies];
}

function note(id: string, policies: readonly Noted[]): Story['decision']['policies'][number] {
  if (id === 'default-deny') {
    return {
      id,
      reason: 'No policy permits this. What is not permitted is denied.',
      public: null,
      file: null,
      line: null,
    };
  }
  const found = policies.find((policy) => policy.id === id);
  return {
    id,
    reason: found?.reason ?? null,
    public: found?.public ?? null,
    file: found?.file ?? null,
    line: found?.line ?? null,
  };
}

function outcomeOf(receipt: OutcomeReceipt, payload: JsonObject): Story['outcome'] {
  return {
    kind: receipt.outcome,
    time: receipt.time,
    duration_us: receipt.duration_us,
    received_bytes: receipt.received_bytes,
    released_bytes: receipt.released_bytes,
    frames: receipt.frames,
    cause: text(payload['cause']) ?? receipt.stop_cause,
    listed: receipt.listed?.count ?? null,
  };
}

/** What is not here, and why: an absence that is not named reads as if there were nothing. */
function missing(receipts: readonly LoggedReceipt[], open: boolean, first: First, known: Known): string[] {
  const gaps: string[] = [];
  if (receipts.some(({ payload }) => payload.kind === 'erased'))
    gaps.push('Names and arguments were erased; their digests stay.');
  if (open) gaps.push('The outcome is not in the log yet.');
  if (receipts.some(({ index }) => index === null))
    gaps.push('A receipt has no place in the log yet; its proof follows within a second.');
  if (first.policy !== undefined && first.policy.set !== known.set) {
    const isTold = known.explanation !== null && known.explanation.accesses.length > 0;
    gaps.push(
      isTold
        ? 'Another policy set was in force: policies are shown as they stood in it.'
        : 'Another policy set was in force: reasons shown are those of the policies of the same names now.',
    );
  }
  return gaps;
}

function opened(logged: LoggedReceipt | undefined): JsonValue {
  return logged?.payload.kind === 'open' ? logged.payload.value : null;
}

function sealed(logged: LoggedReceipt | undefined): JsonObject {
  const value = opened(logged);
  return isJsonObject(value) ? value : {};
}

function text(value: JsonValue | undefined): string | null {
  return typeof value === 'string' ? value : null;
}
