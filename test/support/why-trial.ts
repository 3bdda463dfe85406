import type { PolicyEdit, Story } from '../../src/api/contract/index.ts';
import { createReplay, type PolicyFile, type RecordedDecision, setOfFiles } from '../../src/controls/policy/index.ts';
import type { PolicySet } from '../../src/controls/policy/policy-set.ts';
import { digestOf } from '../../src/controls/policy/source.ts';
import { isRefusal } from '../../src/core/refusal.ts';
import { replayWorld } from './recorded.ts';
import { openRefusals, policiesOf, type RefusalWorld, type RefusedCall } from './refusals.ts';

/** How `why` did on refusals of every kind. */
export type WhyFigures = {
  refusals: number;
  kinds: number;
  codes: number;
  /** Refused by policy; all others by what no policy can lift. */
  by_policy: number;
  /** Named: the policies that determined it and the clause of each; else the stage, and what would help. */
  named: number;
  /** The change was applied to the stored files, compiled, and the recorded request made again: permitted. */
  permitted: number;
  /** Requests beside the named principal, action and resource that were decided under both sets. */
  others: number;
  /** Of them, those that came out otherwise. */
  changed: number;
  /** What went wrong, for a person. */
  failures: string[];
};

const FILE = 'test.cedar';

/** @param count refusals; half of them are decided by a set that is not in force any more when `why` is asked. */
export async function whyTrial(
  count: number,
  { seed = 7, progress = () => undefined }: { seed?: number; progress?: (text: string) => void } = {},
): Promise<WhyFigures> {
  const refusals = await openRefusals(seed);
  try {
    const calls: RefusedCall[] = [];
    for (let at = 0; at < count; at += 1) {
      if (at === Math.ceil(count / 2)) await refusals.change(policiesOf('two'));
      calls.push(await refusals.refuse(at));
      if (at % 100 === 99) progress(`${at + 1} of ${count} refused`);
    }
    return await judge(refusals, calls, progress);
  } finally {
    await refusals.stop();
  }
}

async function judge(
  { world, policies }: RefusalWorld,
  calls: readonly RefusedCall[],
  progress: (text: string) => void,
): Promise<WhyFigures> {
  const recorded = await allRecorded(world, calls);
  const files = new Map(policies.map((text) => [digestOf([{ name: FILE, text }]), [{ name: FILE, text }]]));
  const kinds = new Set(calls.map(({ kind }) => kind)).size;
  const codes = new Set<string>();
  const figures = { refusals: calls.length, kinds, by_policy: 0, named: 0, permitted: 0, others: 0, changed: 0 };
  const failures: string[] = [];
  const known = new Map<string, PolicySet>();
  for (const [at, refused] of calls.entries()) {
    const story = await storyOf(world, refused.receipt);
    codes.add(story.exchange.code ?? '');
    const fail = (what: string) => failures.push(`${refused.kind} (${refused.receipt}): ${what}`);
    const problem = problemOf(story);
    if (problem === undefined) figures.named += 1;
    else fail(problem);
    const own = recorded.get(refused.receipt);
    if (!isPolicys(story) || own === undefined) continue;
    figures.by_policy += 1;
    const before = setOf(files.get(own.set) ?? [], known);
    const after = applied(story, files.get(own.set) ?? []);
    if (typeof after === 'string') {
      fail(after);
      continue;
    }
    if (createReplay(after).decide(own).effect === 'permit') figures.permitted += 1;
    else fail(`still ${createReplay(after).decide(own).effect} after ${story.explanation?.remedy.kind}`);
    const beside = changedBeside(own, [...recorded.values()], { before, after });
    figures.others += beside.others;
    figures.changed += beside.changed.length;
    for (const other of beside.changed) fail(`changes ${other}`);
    after.release();
    if (at % 100 === 99) progress(`${at + 1} of ${calls.length} explained, changed and made again`);
  }
  return { ...figures, codes: codes.size, failures };
}

/** Once every refusal is in the log. */
async function allRecorded(
  world: RefusalWorld['world'],
  calls: readonly RefusedCall[],
): Promise<Map<string, RecordedDecision>> {
  const receipts = new Set(calls.map(({ receipt }) => receipt));
  const last = calls.at(-1)?.receipt ?? '';
  for (let tries = 0; ; tries += 1) {
    const story = await world.local.call('exchanges.story', { params: { receipt: last } });
    if (story.kind === 'ok' && story.value.exchange.index !== null) break;
    if (tries > 1_000) throw new Error('the last refusal never came into the log');
    await new Promise((done) => setTimeout(done, 20));
  }
  const { decisions } = await replayWorld(world);
  return new Map(decisions.filter(({ receipt }) => receipts.has(receipt)).map((one) => [one.receipt, one]));
}

async function storyOf(world: RefusalWorld['world'], receipt: string): Promise<Story> {
  const answer = await world.local.call('exchanges.story', { params: { receipt } });
  if (answer.kind !== 'ok') throw new Error(JSON.stringify(answer));
  return answer.value;
}

const POLICYS: ReadonlySet<string> = new Set([
  'policy_denied',
  'policy_error',
  'argument_unmapped',
  'approval_unavailable',
]);

function isPolicys({ exchange }: Story): boolean {
  return POLICYS.has(exchange.code ?? '');
}

/** What is not told; undefined where all is. */
function problemOf(story: Story): string | undefined {
  const { explanation, exchange, decision } = story;
  if (explanation === null) return 'no explanation';
  if (explanation.missing.length > 0) return explanation.missing.join(' ');
  if (explanation.stage === null) return 'the stage is not named';
  if (!isPolicys(story)) {
    return explanation.remedy.kind === 'elsewhere' && explanation.remedy.sentence !== ''
      ? undefined
      : `what would help is not told (${exchange.code})`;
  }
  const determining = explanation.accesses.flatMap(({ policies }) => policies.filter((one) => one.determining));
  if (determining.length === 0) return 'no policy is named';
  const bare = determining.find(({ clause }) => clause === null || clause.text === '');
  if (bare !== undefined) return `no clause of ${bare.id}`;
  const sourceless = determining.find(({ text, id }) => !text.includes(`@id("${id}")`));
  if (sourceless !== undefined) return `no source of ${sourceless.id}`;
  const unnamed = decision.policies.find(
    ({ id }) => id !== 'default-deny' && !determining.some((one) => one.id === id),
  );
  return unnamed === undefined ? undefined : `${unnamed.id} determined it and is not told`;
}

function setOf(files: readonly PolicyFile[], known: Map<string, PolicySet>): PolicySet {
  const digest = digestOf(files);
  const found = known.get(digest) ?? compiled(files);
  if (typeof found === 'string') throw new Error(found);
  known.set(digest, found);
  return found;
}

function compiled(files: readonly PolicyFile[]): PolicySet | string {
  const set = setOfFiles(files);
  return isRefusal(set) ? set.reason : set;
}

/** The edits as a person would make them: by text, in the files as they were stored. */
function applied({ explanation }: Story, files: readonly PolicyFile[]): PolicySet | string {
  const remedy = explanation?.remedy;
  if (remedy?.kind !== 'policy') return `no change of policy is offered: ${JSON.stringify(remedy)}`;
  return compiled(remedy.edits.reduce(edited, files));
}

export function edited(files: readonly PolicyFile[], { file, before, after }: PolicyEdit): PolicyFile[] {
  const text = files.find(({ name }) => name === file)?.text ?? '';
  const next = before === null ? `${text}\n${after}\n` : text.replace(before, () => after);
  return [...files.filter(({ name }) => name !== file), { name: file, text: next }];
}

const MUTATED = 12;

/** Every other recorded request, and this one with another principal, action or resource. */
function changedBeside(
  own: RecordedDecision,
  all: readonly RecordedDecision[],
  sets: { before: PolicySet; after: PolicySet },
): { others: number; changed: string[] } {
  const others = [...all, ...mutated(own)].filter((other) => !isSame(own, other));
  const [before, after] = [createReplay(sets.before), createReplay(sets.after)];
  const judged = (replay: typeof before, one: RecordedDecision): string => {
    const { effect, code, policies, errors } = replay.decide(one);
    return JSON.stringify([effect, code, policies, errors]);
  };
  const changed = others.filter((other) => judged(before, other) !== judged(after, other));
  return {
    others: others.length,
    changed: changed.map(({ request }) => JSON.stringify([request.principal, request.access])),
  };
}

function isSame(a: RecordedDecision, b: RecordedDecision): boolean {
  const name = ({ request: { principal, access } }: RecordedDecision) =>
    JSON.stringify([principal.type, principal.id, access.action, access.resource.type, access.resource.id]);
  return name(a) === name(b);
}

/** Neighbours: the same request but for one of the three. */
function mutated(own: RecordedDecision): RecordedDecision[] {
  const { request } = own;
  const { access, principal, agent } = request;
  const ids = ['ann', 'ben', 'cat', 'dan', 'auditor', `${principal.id}x`];
  const agents = ids.map((id) => ({ ...request, principal: { ...principal, id }, agent: { ...agent, id } }));
  const names = ['work/search', 'work/send', 'work/sum', 'work/hidden', 'journal/append', `${access.resource.id}x`];
  const resources = names.map((id) => ({ ...request, access: { ...access, resource: { ...access.resource, id } } }));
  return [...agents, ...resources].slice(0, MUTATED).map((other) => ({
    ...own,
    request: other,
    accesses: own.accesses.map((one) => ({ ...one, resource: other.access.resource })),
    registered: own.registered && { ...own.registered, resource: other.access.resource },
  }));
}
