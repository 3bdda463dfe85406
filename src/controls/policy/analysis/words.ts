import type { Decision, DecisionRequest } from '../../../core/decision.ts';
import type { EntityRef } from '../../../core/principal.ts';
import { visibleJson } from '../../../core/visible-text.ts';
import type { PolicyEngine } from '../types.ts';
import { ACTIONS, DEFAULT_DENY } from '../vocabulary.ts';
import type { Cell } from './cell.ts';
import type { Difference, Side, Undecided, Witness } from './types.ts';

export type DifferenceKind = Difference['kind'];

/** A difference in one cell, with a request that shows it. */
export type CellDifference = {
  kind: DifferenceKind;
  cell: Cell;
  request: DecisionRequest;
  /** Whether the run's job is part of what makes the difference. */
  byJob: boolean;
};

type Told = {
  kind: DifferenceKind;
  who: string;
  action: string;
  on: string;
  before: Side;
  after: Side;
  witness: Witness;
  byJob: boolean;
};

/** Cells that differ alike are told together: what 40 agents lose on 12 tools is one sentence. */
export function tell(found: readonly CellDifference[], old: PolicyEngine, now: PolicyEngine): Difference[] {
  const told = found.map(({ kind, cell, request, byJob }): Told => {
    const [before, after] = [sideOf(old.decide(request)), sideOf(now.decide(request))];
    const witness = witnessOf(request);
    const [who, on] = [nameOf(cell.principal), nameOf(cell.resource)];
    return { kind, who, action: cell.action, on, before, after, witness, byJob };
  });
  const byWho = gather(told, (one) => `${likeness(one)} ${one.who}`);
  const rows = byWho.map((group) => ({ first: group[0] as Told, on: group.map(({ on }) => on) }));
  const groups = gather(rows, ({ first, on }) => JSON.stringify([likeness(first), on]));
  return groups.map((group) => {
    const { first, on } = group[0] as (typeof rows)[0];
    return difference(first, [...new Set(group.map((row) => row.first.who))], [...new Set(on)]);
  });
}

/** What makes two differences one: the same kind, by the same policies, shown by the same values. */
function likeness({ kind, action, before, after, witness, byJob }: Told): string {
  const { job, purpose, subject, credential, args } = witness;
  return JSON.stringify([kind, action, before, after, byJob ? job : '', purpose, subject, credential, args]);
}

function gather<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return [...groups.values()];
}

function difference(
  { kind, action, before, after, witness, byJob }: Told,
  principals: readonly string[],
  resources: readonly string[],
): Difference {
  const one = principals.length === 1;
  const verb =
    kind === 'gain' ? (one ? 'gains' : 'gain') : kind === 'loss' ? (one ? 'loses' : 'lose') : one ? 'finds' : 'find';
  const rest = kind === 'change' ? ' under other conditions' : '';
  const head = `${listed(principals)} ${verb} ${action} on ${listed(resources)}${rest}${example(witness, byJob)}`;
  const sentence = `${head}: ${after.why}; before, ${before.why}.`;
  return { kind, sentence, principals, action, resources, before, after, witness };
}

const TOLD_MAX = 4;

export function listed(names: readonly string[]): string {
  if (names.length === 1) return names[0] ?? '';
  if (names.length <= TOLD_MAX) return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
  return `${names.slice(0, TOLD_MAX - 1).join(', ')} and ${names.length - TOLD_MAX + 1} more`;
}

const EXAMPLE_CHARACTERS_MAX = 160;

/** Of the witness, what is not plain. */
function example({ job, purpose, subject, through, credential, args }: Witness, byJob: boolean): string {
  const said = [
    ...(Object.keys(args).length === 0 ? [] : [`with ${shortened(visibleJson(args))}`]),
    ...(byJob ? [`in the job ${job}`] : []),
    ...(purpose === null ? [] : [`for the purpose ${purpose}`]),
    ...(subject === null ? [] : [`in the name of ${subject}`]),
    ...(through.length === 0 ? [] : [`delegated through ${listed(through)}`]),
    ...(credential === 'dpop' || credential === 'child' ? [] : [`with a credential of the kind ${credential}`]),
  ];
  return said.length === 0 ? '' : `, for instance ${said.join(', ')}`;
}

function shortened(text: string): string {
  return text.length > EXAMPLE_CHARACTERS_MAX ? `${text.slice(0, EXAMPLE_CHARACTERS_MAX)}…` : text;
}

function sideOf(decision: Decision): Side {
  return { effect: decision.effect, policies: decision.policies, why: whyOf(decision) };
}

function whyOf({ effect, code, policies, obligations }: Decision): string {
  if (policies[0] === DEFAULT_DENY) return 'no policy permits it';
  const names = listed(policies);
  const many = policies.length > 1;
  if (effect === 'permit') return `${names} ${many ? 'permit' : 'permits'} it`;
  if (effect === 'hold') {
    const asked = obligations.filter(({ name }) => name === 'approve').map(({ value }) => value);
    return `${names} ${many ? 'hold' : 'holds'} it for ${listed([...new Set(asked)])}`;
  }
  if (code === 'argument_unmapped') return `${names} cannot read an argument, which denies it`;
  if (code === 'policy_error') return `${names} ${many ? 'fail' : 'fails'}, which denies it`;
  return `${names} ${many ? 'forbid' : 'forbids'} it`;
}

export function nameOf({ type, id }: EntityRef): string {
  return type === 'Agent' || type === 'Tool' ? id : `${type}::${id}`;
}

function witnessOf({ principal, agent, run, credential, access }: DecisionRequest): Witness {
  const { action, resource, args } = access;
  return {
    principal: `${principal.type}::${principal.id}`,
    agent: agent.id,
    job: run.job,
    purpose: run.purpose,
    subject: run.subject?.name ?? null,
    through: run.chain.map(({ actor }) => actor),
    credential: credential.kind,
    action,
    resource: `${resource.type}::${resource.id}`,
    args,
    command: principal.type === 'Agent' ? commandOf({ agent, run, access }) : '',
  };
}

/** Where a tool is called, its name needs no type. */
function commandOf({ agent, run, access }: Pick<DecisionRequest, 'agent' | 'run' | 'access'>): string {
  const { action, resource, args } = access;
  const on = ACTIONS[action]?.resources[0] === resource.type ? resource.id : `${resource.type}::${resource.id}`;
  const words = [
    ...(agent.jobs.length > 1 ? ['--job', run.job] : []),
    ...(run.purpose === null ? [] : ['--purpose', run.purpose]),
    ...(run.subject === null ? [] : ['--for', run.subject.name]),
    ...(ACTIONS[action]?.args === 'declared' ? ['--args', JSON.stringify(args)] : []),
  ];
  return ['sallyport can', ...[agent.id, action, on, ...words].map(quoted)].join(' ');
}

function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** What was not settled, for the same reason, together. */
export function undecidedTold(cells: readonly { cell: Cell; because: string }[]): Undecided[] {
  const groups = gather(cells, ({ cell, because }) => `${cell.action} ${because}`);
  return groups.map((group) => {
    const { cell, because } = group[0] as (typeof cells)[0];
    const principals = [...new Set(group.map((one) => nameOf(one.cell.principal)))];
    const resources = [...new Set(group.map((one) => nameOf(one.cell.resource)))];
    return { about: `${cell.action} on ${listed(resources)} by ${listed(principals)}`, because };
  });
}
