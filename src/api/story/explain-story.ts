import type { Story as LedgerStory, LoggedReceipt } from '../../controls/audit/index.ts';
import {
  type DecisionStory,
  type Explainer,
  isReplayable,
  type Missing,
  type Recorded,
  type RecordedDecision,
  type RecordedDecisions,
} from '../../controls/policy/index.ts';
import type { Label } from '../../core/label.ts';
import type { OutcomeReceipt } from '../../core/receipt.ts';
import type { Exchange, Explanation, Remedy } from '../contract/index.ts';
import { elsewhere, type Known } from './elsewhere.ts';
import { explanationOf, NO_BUDGETS } from './explanation.ts';
import { asked } from './sentence.ts';
import { type First, isFirst, resourceNames, summarise } from './summary.ts';

export type ExplainParts = { recorded: RecordedDecisions; explainer: Explainer; set: string };

/** Codes of refusals that a change of policy lifts; all others are somebody else's to lift. */
const POLICYS: ReadonlySet<string> = new Set([
  'policy_denied',
  'policy_error',
  'argument_unmapped',
  'approval_unavailable',
  'upstream_request_denied',
]);

/** Why it came out so: policy's part decided again by the set that decided it; else which stage ended it, and what helps. */
export async function explainStory(from: LedgerStory, parts: ExplainParts): Promise<Explanation | null> {
  const begin = from.receipts.find(({ receipt }) => isFirst(receipt));
  if (begin === undefined || !isFirst(begin.receipt)) return null;
  const end = from.receipts.find(({ receipt }) => receipt.kind === 'outcome')?.receipt;
  const told = around(begin, begin.receipt, end?.kind === 'outcome' ? end : undefined, parts.set);
  const recorded = await recordedOf(begin, parts.recorded);
  if (recorded === undefined) return told;
  if (!isReplayable(recorded)) return { ...told, missing: [MISSING[recorded.because]] };
  const story = await parts.explainer.explainRecorded(recorded);
  if (story === undefined) return { ...told, missing: ['The policy set that decided it is not stored here.'] };
  const isPolicys =
    told.remedy.kind === 'none' || POLICYS.has(begin.receipt.kind === 'intent' ? '' : begin.receipt.code);
  return explanationOf(story, {
    set: recorded.set,
    active: told.active,
    stage: told.stage,
    labels: told.labels,
    obligations: obligationsOf(story),
    missing: differs(recorded, story),
    beside: isPolicys ? undefined : told.remedy,
  });
}

const MISSING: Record<Missing, string> = {
  erased: 'What was asked was erased, so policy cannot be asked again.',
  agent: 'The agent’s registration of then is not in this database, so policy cannot be asked again.',
  run: 'The run is not in this database, so policy cannot be asked again.',
  delegation: 'The delegation is not as the receipt has it, so policy cannot be asked again.',
  definition: 'The tool’s definition of then is not in this database, so policy cannot be asked again.',
  form: 'What was asked is not in a form that this version reads, so policy cannot be asked again.',
};

/** The payload was opened for the story, under its own receipt. */
function recordedOf({ receipt, payload }: LoggedReceipt, recorded: RecordedDecisions): Promise<Recorded | undefined> {
  const content = payload.kind === 'open' ? { names: payload.names, value: payload.value } : ('erased' as const);
  return Promise.resolve(recorded.from(receipt, content));
}

/** What is known without policy. */
function around(begin: LoggedReceipt, first: First, outcome: OutcomeReceipt | undefined, active: string): Explanation {
  const exchange = summarise(begin, first, outcome);
  const set = first.policy?.set ?? null;
  const code = first.kind === 'intent' ? (outcome?.stop_cause ?? null) : first.code;
  const checks = outcome === undefined ? first.checks : outcome.checks;
  return {
    sentence: asked(exchange),
    stage: checks?.find(({ verdict }) => verdict !== 'pass')?.stage ?? null,
    set,
    active: set === active,
    accesses: [],
    obligations: [],
    labels: { before: labelWords(first.labels?.before), after: outcome ? labelWords(outcome.labels.after) : null },
    budgets: NO_BUDGETS,
    remedy: code === null || POLICYS.has(code) ? { kind: 'none' } : helps(code, begin, exchange),
    missing: [],
  };
}

function helps(code: string, begin: LoggedReceipt, { agent, job, run, upstream, action }: Exchange): Remedy {
  const [resource] = resourceNames(begin);
  const lent = resource?.replace(/^(\w+)::"(.*)"$/s, '$1::$2');
  const known: Known = { agent: agent || undefined, job: job || undefined, run, server: upstream, resource: lent };
  return elsewhere(code, { ...known, action: action || undefined });
}

function labelWords(label: Label | undefined): string {
  return label === undefined
    ? 'not known: it ended before its run was read'
    : `${label.confidentiality}, ${label.integrity}`;
}

function obligationsOf({ accesses }: DecisionStory): Explanation['obligations'] {
  return accesses.flatMap(({ decision }) =>
    decision.obligations.map(({ name, value, policy }) => ({ name, value, policy, did: DID[name] ?? 'applied' })),
  );
}

const DID: Readonly<Record<string, string>> = {
  approve: 'asked for a person’s approval; nobody can be asked in this version, so it was refused',
};

/** Decided again, a decision comes out as it did; where it does not, the one that counts stands in the receipt. */
function differs(recorded: RecordedDecision, { accesses }: DecisionStory): string[] {
  const effects = accesses.map(({ decision }) => decision.effect);
  const now = effects.includes('deny') ? 'deny' : effects.includes('hold') ? 'hold' : 'permit';
  const ids = new Set(accesses.flatMap(({ decision }) => decision.policies));
  const isSame = now === recorded.effect && recorded.policies.every((id) => ids.has(id));
  return isSame
    ? []
    : [`Decided again, it comes out otherwise (${now}, by ${[...ids].join(', ')}): what counts is the receipt.`];
}
