import type {
  ExplainedAccess as AccessFound,
  DecisionStory,
  NoChange,
  ExplainedPolicy as PolicyFound,
  SmallestChange,
} from '../../controls/policy/index.ts';
import type { DecisionRequest } from '../../core/decision.ts';
import type { EntityRef } from '../../core/principal.ts';
import type { ExplainedAccess, ExplainedPolicy, Explanation, Remedy } from '../contract/index.ts';

/** Nothing counts yet, and a screen that showed a budget without one would be a lie. */
export const NO_BUDGETS = 'No budgets are set: this version counts none.';

/** @param beside what would help where no policy could: undefined where policy decides it. */
export function explanationOf(
  { accesses, change }: DecisionStory,
  around: Pick<Explanation, 'set' | 'active' | 'stage' | 'labels' | 'obligations' | 'missing'> & {
    beside: Remedy | undefined;
  },
): Explanation {
  const { beside, ...rest } = around;
  const [first] = accesses;
  return {
    ...rest,
    sentence: first === undefined ? '' : askedWords(first.request, accesses.length - 1),
    accesses: accesses.map(accessOf),
    budgets: NO_BUDGETS,
    remedy: beside ?? remedyOf(change, first?.request),
  };
}

/** Who, for whom, asked for what. */
function askedWords({ principal, run, access }: DecisionRequest, more: number): string {
  const { subject, purpose, chain } = run;
  const words = [
    `${principal.type === 'Agent' ? principal.id : `the server ${principal.id}`}, in a run of job ${run.job},`,
    purpose === null ? '' : `for the purpose ${purpose},`,
    subject === null ? '' : `on behalf of ${subject.name},`,
    chain.length > 1 ? `through ${chain.map(({ actor }) => actor).join(', ')},` : '',
    `asked for ${access.action} on ${entityText(access.resource)}${more === 0 ? '' : ` and ${more} more`}.`,
  ];
  return words.filter((word) => word !== '').join(' ');
}

export function entityText({ type, id }: EntityRef): string {
  return `${type}::${JSON.stringify(id)}`;
}

function accessOf({ request, decision, policies }: AccessFound): ExplainedAccess {
  const { effect, code, summary, notes, hints } = decision;
  return {
    action: request.access.action,
    resource: entityText(request.access.resource),
    effect,
    code: code ?? null,
    summary,
    policies: policies.map(policyOf),
    hints: [...notes.flatMap((note) => note.public ?? []), ...hints],
  };
}

function policyOf({ clause, error, public: told, ...policy }: PolicyFound): ExplainedPolicy {
  const { id, effect, file, line, reason, text, outcome, determining, shadow } = policy;
  return {
    id,
    effect,
    file,
    line,
    reason,
    public: told ?? null,
    text,
    outcome,
    determining,
    shadow,
    error: error ?? null,
    clause: clause === undefined ? null : { text: clause.text, values: clause.values.map((value) => ({ ...value })) },
  };
}

function remedyOf(change: SmallestChange | NoChange | undefined, request: DecisionRequest | undefined): Remedy {
  if (change === undefined || request === undefined) return { kind: 'none' };
  if (change.kind === 'impossible') {
    const sentence = `No small change of policy permits this: ${change.why}. Look at the policies above.`;
    return { kind: 'elsewhere', sentence, command: 'sallyport policy list' };
  }
  const { edits, named, others } = change;
  return {
    kind: 'policy',
    sentence: changeWords(change),
    text: edits.map(({ file, after }) => `// ${file}\n${after.trim()}\n`).join('\n'),
    edits: edits.map(({ policy, file, before, after }) => ({ policy, file, before: before?.text ?? null, after })),
    principal: entityText(request.principal),
    accesses: named.map(({ action, resource }) => ({ action: action.id, resource: entityText(resource) })),
    beware: [...change.beware],
    limits: limitWords(change),
    tried: { others, changed: 0 },
  };
}

function changeWords({ edits }: SmallestChange): string {
  const added = edits.filter(({ before }) => before === undefined).map(({ policy }) => `adding the permit ${policy}`);
  const changed = edits.filter(({ before }) => before !== undefined).map(({ policy }) => `exempting it from ${policy}`);
  return `It would be permitted by ${[...changed, ...added].join(' and ')}.`;
}

function limitWords({ edits, others }: SmallestChange): string {
  const added = edits.some(({ before }) => before === undefined);
  const changed = edits.some(({ before }) => before !== undefined);
  const reasons = [
    added ? 'the head of what is new names exactly this principal, action and resource' : '',
    changed
      ? 'each exemption stands first in its policy, asks for exactly these three, and leaves all else as it was'
      : '',
  ].filter((reason) => reason !== '');
  const text = reasons.join('; ');
  return `No other call is decided otherwise: ${text}. Compiled, replayed, and held against ${others} other requests.`;
}
