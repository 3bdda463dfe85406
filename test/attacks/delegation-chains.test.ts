import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Delegate, type Details, Insider, manySources, nextHop } from '../support/delegations.ts';
import { openWorld, type World } from '../support/world.ts';

/**
 * Two hundred chains, each hop as likely to widen as not. What a hop lends is worked out a second time here, over every
 * name that there could be, and the gateway must agree: at the token endpoint, where a lender asks; and again where a hop
 * was signed and stored past it. At the end of each chain a real call is made.
 */
const CHAINS = 200;
const SEED = 20_261_122;

/** Every action and resource that the generator can name, and for each prefix a name that nothing else says. */
const ACTIONS = ['tool.call', 'tool.other', 'prompt.get', 'prompt.other', 'resource.read'];
const RESOURCES = [
  'Tool::journal/append',
  'Tool::journal/read_text',
  'Tool::journal/other',
  'Tool::mail/send',
  'Tool::other',
  'Prompt::x',
];
const ACTION_ENTRIES = ['tool.call', 'tool.*', 'prompt.get', 'prompt.*', 'resource.read'];
const RESOURCE_ENTRIES = [
  'Tool::journal/append',
  'Tool::journal/read_text',
  'Tool::journal/*',
  'Tool::*',
  'Tool::mail/send',
];

type Step = Details & { seconds?: number };
/** All that a chain may still do: nothing is left to interpretation. */
type May = { actions: Set<string>; resources: Set<string>; budgets: Map<string, number>; seconds: number };

const EVERYTHING: May = {
  actions: new Set(ACTIONS),
  resources: new Set(RESOURCES),
  budgets: new Map(),
  // No more than what is left of the first lender's run.
  seconds: 23 * 3_600,
};

function namesOf(entries: readonly string[], all: Iterable<string>): Set<string> {
  const names = entries.map(
    (entry) => new RegExp(`^${entry.replace(/[.*]/g, (sign) => (sign === '*' ? '.*' : '\\.'))}$`),
  );
  return new Set([...all].filter((name) => names.some((pattern) => pattern.test(name))));
}

function after(before: May, step: Step): May {
  return {
    actions: step.actions ? namesOf(step.actions, ACTIONS) : before.actions,
    resources: step.resources ? namesOf(step.resources, RESOURCES) : before.resources,
    budgets: new Map([...before.budgets, ...Object.entries(step.budgets ?? {})]),
    seconds: step.seconds ?? Math.min(3_600, before.seconds),
  };
}

function isWider(step: May, before: May, stated: number | undefined): boolean {
  return (
    !step.actions.isSubsetOf(before.actions) ||
    !step.resources.isSubsetOf(before.resources) ||
    [...before.budgets].some(([name, most]) => (step.budgets.get(name) ?? Number.POSITIVE_INFINITY) > most) ||
    // The same time, said later, ends later.
    (stated !== undefined && stated >= before.seconds)
  );
}

const some = (entries: readonly string[]) =>
  fc.uniqueArray(fc.constantFrom(...entries), { minLength: 1, maxLength: 3 });
const step: fc.Arbitrary<Step> = fc.record(
  {
    actions: some(ACTION_ENTRIES),
    resources: some(RESOURCE_ENTRIES),
    budgets: fc.dictionary(fc.constantFrom('calls', 'rows'), fc.nat({ max: 5 }), { maxKeys: 2 }),
    seconds: fc.constantFrom(60, 600, 1_800, 3_000, 7_200),
  },
  { requiredKeys: [] },
);
/** A step from what was lent before, often kept within it, so that chains go on. */
const kept: fc.Arbitrary<{ step: Step; keep: boolean }> = fc.record({ step, keep: fc.boolean() });

function within({ step: wild, keep }: { step: Step; keep: boolean }, before: Step[]): Step {
  if (!keep) return wild;
  const last = (key: 'actions' | 'resources') => before.findLast((one) => one[key] !== undefined)?.[key];
  const seconds = Math.min(...before.map((one) => one.seconds ?? 3_600), 3_600);
  const budgets = Object.assign({}, ...before.map((one) => one.budgets)) as Record<string, number>;
  const narrowed = Object.entries(budgets).map(([name, most]) => [name, Math.min(most, wild.budgets?.[name] ?? most)]);
  return {
    ...(wild.actions ? { actions: last('actions')?.slice(0, 1) ?? wild.actions } : {}),
    ...(wild.resources ? { resources: last('resources')?.slice(0, 1) ?? wild.resources } : {}),
    ...(wild.budgets ? { budgets: { ...wild.budgets, ...Object.fromEntries(narrowed) } } : {}),
    ...(wild.seconds ? { seconds: Math.max(1, Math.min(wild.seconds, seconds - 10)) } : {}),
  };
}

const POLICIES = `@id("journal") @reason("All may use the journal.")
permit (principal, action == Action::"tool.call", resource in Server::"journal");`;
const NAMES = ['ann', 'ben', 'cyd', 'dan'];

type Tally = { widened: number; honest: number; answered: number; exceeded: number };

test(`${CHAINS} generated chains: every widening is found, every honest hop accepted`, {
  timeout: 200_000,
}, async (t) => {
  const world = await openWorld({ policies: POLICIES });
  t.after(() => world.stop());
  const insider = new Insider(world);
  const from = manySources();
  const delegates: Delegate[] = [];
  for (const name of NAMES) delegates.push(new Delegate(await world.register(name, ['support'], { from })));
  const tally: Tally = { widened: 0, honest: 0, answered: 0, exceeded: 0 };
  for (const steps of fc.sample(fc.array(kept, { minLength: 1, maxLength: 3 }), { numRuns: CHAINS, seed: SEED })) {
    await oneChain(world, { delegates, insider, tally }, steps);
  }
  t.diagnostic(JSON.stringify(tally));
  assert.ok(tally.widened >= 60 && tally.honest >= 100, JSON.stringify(tally));
  assert.ok(tally.answered >= 20 && tally.exceeded >= 20, JSON.stringify(tally));
});

type Parts = { delegates: Delegate[]; insider: Insider; tally: Tally };

async function oneChain(
  world: World,
  { delegates, insider, tally }: Parts,
  steps: readonly { step: Step; keep: boolean }[],
): Promise<void> {
  let may = EVERYTHING;
  let token = delegates[0]!.agent.token;
  let grant: string | undefined;
  const said: Step[] = [];
  for (const [at, wild] of steps.entries()) {
    const [lender, actor] = [delegates[at]!, delegates[at + 1]!];
    const one = within(wild, said);
    const next = after(may, one);
    const { seconds, ...details } = one;
    const told = JSON.stringify([...said, one]);
    const answer = await lender.lend(NAMES[at + 1]!, details, seconds, token);
    if (isWider(next, may, one.seconds)) {
      assert.equal(answer.code, 'delegation_widens', told);
      tally.widened += 1;
      if (grant !== undefined) await planted(insider, grant, { lender, actor, token }, one, told);
      return;
    }
    assert.ok(answer.token, `${told}: ${answer.said}`);
    tally.honest += 1;
    grant = answer.token;
    const redeemed = await actor.redeem(grant);
    assert.ok(redeemed.token, `${told}: ${redeemed.said}`);
    token = redeemed.token;
    said.push(one);
    may = next;
  }
  const acting = delegates[steps.length]!.acting(token);
  const called = await world.call(acting, 'append', { line: 'ok' });
  const lent = may.actions.has('tool.call') && may.resources.has('Tool::journal/append');
  assert.equal(called.body.error?.data?.['code'], lent ? undefined : 'delegation_exceeded', called.text);
  tally[lent ? 'answered' : 'exceeded'] += 1;
}

/** The same widening, signed with the gateway's key and stored beside its door. */
async function planted(
  insider: Insider,
  grant: string,
  { lender, actor, token }: { lender: Delegate; actor: Delegate; token: string },
  { seconds, ...details }: Step,
  told: string,
): Promise<void> {
  const before = insider.read(grant);
  const { scope } = before;
  const budgets = { ...scope.budgets, ...details.budgets };
  const expires_at = seconds === undefined ? before.expires_at : Date.now() + seconds * 1000;
  const bent = { scope: { ...scope, ...details, budgets }, expires_at };
  const run = String(lender.acting(token).claims.run);
  const hop = nextHop(insider, grant, run, actor.agent.options.agent, bent);
  assert.equal((await actor.redeem(insider.plant(hop))).code, 'delegation_widens', told);
}
