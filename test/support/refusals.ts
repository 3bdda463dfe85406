import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { digestOf } from '../../src/controls/policy/source.ts';
import type { AgentClient } from './agent-client.ts';
import { Delegate } from './delegations.ts';
import { ModernAgent } from './mcp-agent.ts';
import { type Called, openWorld, type World } from './world.ts';

/**
 * Refusals of every kind that can come after identity, made through the front door: policies that fail in each way that
 * they can, and everything that no policy can lift. By a seed, so that a failure comes again.
 */
const PROGRAM = fileURLToPath(new URL('../fixtures/mcp/changing.ts', import.meta.url));

const text = { type: 'string' };
const TOOLS = [
  tool('search', {
    path: text,
    limit: { type: 'integer' },
    share: { type: 'number' },
    tags: { type: 'array', items: text },
    rows: { type: 'array', items: { type: 'object' } },
    where: { type: 'object', properties: { host: text, port: { type: 'integer' } } },
    deep: { type: 'boolean' },
  }),
  tool('send', { to: { type: 'array', items: text }, body: text }),
  tool('bulk', { rows: { type: 'array', items: { type: 'object' } }, kind: text }, { additionalProperties: true }),
  tool('hidden', { path: text }),
  tool('sum', { limit: { type: 'integer' } }),
  tool('halted', { path: text }),
  tool('moved', { path: text }),
];

function tool(name: string, properties: object, more: object = {}) {
  return { name, description: name, inputSchema: { type: 'object', properties, ...more } };
}

/**
 * @param broken with a rule on an argument that policy cannot read. It loads only while its server has not been asked what it
 *   offers, and afterwards nothing more is taken over until it is corrected.
 * @param word differs between the sets, so that a story told by another set than decided shows.
 */
export function policiesOf(word: string, { broken = false } = {}): string {
  const policy = (id: string, effect: string, head: string, clauses: string, more = '') =>
    `@id("${id}-${word}") @reason("Of the trial.") ${more}\n${effect} (${head})${clauses};\n`;
  const call = 'action == Action::"tool.call"';
  return [
    policy('lists', 'permit', 'principal, action == Action::"server.discover", resource', ''),
    policy(
      'search-below',
      'permit',
      `principal == Agent::"ann", ${call}, resource == Tool::"work/search"`,
      ` when { context.run.job == "support" && context.args has path && context.args.path like "/${word}/*" } unless { context.args has deep && context.args.deep }`,
      '@public("Search below the folder.")',
    ),
    policy(
      'search-little',
      'permit',
      `principal is Agent, ${call}, resource == Tool::"work/search"`,
      ' when { context.args has limit && context.args.limit <= 10 && context.args has share && context.args.share.lessThan(decimal("0.5")) && context.args has tags && ["a", "b"].containsAny(context.args.tags) }',
    ),
    policy(
      'search-host',
      'permit',
      `principal == Agent::"ben", ${call}, resource in Server::"work"`,
      ' when { context.args has where && context.args.where has host && context.args.where.host == "internal" && principal.owner == "platform" }',
    ),
    policy(
      'send-inside',
      'permit',
      `principal is Agent, ${call}, resource == Tool::"work/send"`,
      ` when { context.args has to && context.args.to like "*@${word}.example" }`,
    ),
    policy(
      'bulk-kind',
      'permit',
      `principal is Agent, ${call}, resource == Tool::"work/bulk"`,
      ' when { context.args has kind }',
    ),
    policy('sums', 'permit', `principal is Agent, ${call}, resource == Tool::"work/sum"`, ''),
    policy(
      'no-secrets',
      'forbid',
      'principal, action, resource',
      ' when { context has args && context.args has path && context.args.path like "*secret*" }',
    ),
    policy(
      'no-overflow',
      'forbid',
      `principal, ${call}, resource == Tool::"work/sum"`,
      ' when { context.args has limit && context.args.limit * 9007199254740991 > 0 }',
    ),
    ...(broken
      ? [
          policy(
            'no-rows',
            'forbid',
            `principal, ${call}, resource == Tool::"work/bulk"`,
            ' when { context.args has rows }',
          ),
        ]
      : []),
    policy(
      'no-extra',
      'forbid',
      `principal, ${call}, resource == Tool::"work/bulk"`,
      ' when { context.args has extra }',
    ),
    policy('never-dan', 'forbid', `principal == Agent::"dan", ${call}, resource in Server::"work"`, ''),
    policy(
      'ask-first',
      'forbid',
      `principal, ${call}, resource == Tool::"work/sum"`,
      ' when { context.args has limit && context.args.limit == 0 }',
      '@approve("team-ops")',
    ),
    policy(
      'no-chains',
      'forbid',
      `principal, ${call}, resource == Tool::"work/hidden"`,
      ' when { context.chain.depth > 1 }',
    ),
    policy(
      'reads',
      'permit',
      'principal is Agent, action == Action::"prompt.get", resource == Prompt::"work/brief"',
      ' when { context.args has topic && context.args.topic == "news" }',
    ),
    policy('watched', 'forbid', 'principal, action, resource', '', '@shadow'),
  ].join('\n');
}

/** `wire`: all that the agent got; `told`: the sentence in it. */
export type RefusedCall = { kind: string; receipt: string; code: string; wire: string; told: string };

/** A sequence that is the same for the same seed (xorshift32). */
export function chances(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

type Making = { world: World; chance(below: number): number; agents: Record<string, AgentClient> };
type Kind = { name: string; make(from: Making): Promise<Called | { body: Called['body'] }> };

const call = (name: string, agent: string, toolName: string, args: (chance: Making['chance']) => object): Kind => ({
  name,
  make: ({ world, chance, agents }) =>
    world.call(agents[agent] as AgentClient, toolName, args(chance), { server: 'work' }),
});

const word = (chance: Making['chance']): string => `w${chance(1_000)}`;
const odd = (chance: Making['chance']): string =>
  ['plain', 'two words', 'quo"te', 'back\\slash', 'per%cent', 'ünï', '日本', '', 'new\nline', "it's", '*', '//x', '};'][
    chance(13)
  ] as string;

/** What policy refuses, in each way in which it can. */
const BY_POLICY: readonly Kind[] = [
  call('an argument outside', 'ann', 'search', (c) => ({ path: `/other/${word(c)}${odd(c)}` })),
  call('an argument that is absent', 'ann', 'search', () => ({})),
  call('an exception that held', 'ann', 'search', (c) => ({ path: `/one/${word(c)}`, deep: true })),
  call('another job', 'auditing', 'search', (c) => ({ path: `/one/${word(c)}` })),
  call('numbers and sets', 'cat', 'search', (c) => ({
    limit: 11 + c(1_000),
    share: [0.5, 0.75, 1.25, -0.0001, 12_345.6789][c(5)],
    tags: [[], ['c'], ['a'], ['c', odd(c)], ['b', 'a']][c(5)],
  })),
  call('a nested value', 'ben', 'search', (c) => ({ where: { host: `h${odd(c)}`, port: c(9_999) } })),
  call('nothing for this agent', 'cat', 'hidden', (c) => ({ path: word(c) })),
  call('nothing for this tool', 'ann', 'hidden', (c) => ({ path: odd(c) })),
  call('a prohibition on an argument', 'ann', 'search', (c) => ({ path: `/one/${word(c)}/secret${odd(c)}` })),
  call('a prohibition and no permit', 'cat', 'hidden', (c) => ({ path: `secret ${word(c)}` })),
  call('a prohibition of everything', 'dan', 'search', (c) => ({ path: `/one/${word(c)}` })),
  call('a prohibition that fails', 'ann', 'sum', (c) => ({ limit: 2_000 + c(10_000) })),
  call('a person is to be asked', 'ann', 'sum', () => ({ limit: 0 })),
  call('an argument that policy cannot read', 'ann', 'bulk', (c) => ({
    kind: word(c),
    rows: [{ a: c(9) }],
    extra: c(9),
  })),
  call('a number that policy cannot read', 'cat', 'search', (c) => ({
    limit: 1,
    share: 0.00001 + c(9) / 1e7,
    tags: ['a'],
  })),
  call('elements, some refused', 'ann', 'send', (c) => ({
    to: [`a@one.example`, `${word(c)}@other.example`, `b@one.example`, `x${odd(c)}@other.example`].slice(0, 2 + c(3)),
  })),
  call('elements, all refused', 'ben', 'send', (c) => ({ to: [`${word(c)}@x`, `${odd(c)}@y`] })),
  {
    name: 'a prompt',
    make: async ({ world, chance, agents }) => {
      const agent = new ModernAgent(world, agents['ann'] as AgentClient, '/mcp/work');
      return {
        body: (await agent.ask('prompts/get', { name: 'brief', arguments: { topic: odd(chance) } })) as Called['body'],
      };
    },
  },
  {
    name: 'a resource',
    make: async ({ world, chance, agents }) => {
      const agent = new ModernAgent(world, agents['ben'] as AgentClient, '/mcp/work');
      return { body: (await agent.ask('resources/read', { uri: `note://${word(chance)}` })) as Called['body'] };
    },
  },
];

/** What no policy can lift. */
const ELSEWHERE: readonly Kind[] = [
  call('arguments that do not fit', 'ann', 'search', (c) => ({ path: c(100) })),
  call('arguments that nobody declared', 'ann', 'sum', (c) => ({ limit: `l${c(9)}` })),
  {
    name: 'more than was lent',
    make: ({ world, chance, agents }) =>
      world.call(agents['lent'] as AgentClient, 'search', { path: `/one/${word(chance)}` }, { server: 'work' }),
  },
  {
    name: 'nothing of this name',
    make: ({ world, chance, agents }) =>
      world.call(agents['ann'] as AgentClient, `no-${word(chance)}`, {}, { server: 'work' }),
  },
  call('a tool that changed since it was approved', 'ann', 'moved', (c) => ({ path: word(c) })),
  call('a tool that is stopped', 'ann', 'halted', (c) => ({ path: word(c) })),
  {
    name: 'a method that is not known',
    make: async ({ world, agents }) => {
      const agent = new ModernAgent(world, agents['ann'] as AgentClient, '/mcp/work');
      return { body: (await agent.ask('tools/burn', {})) as Called['body'] };
    },
  },
  {
    name: 'a header that says something else',
    make: ({ world, agents }) =>
      world.call(agents['ann'] as AgentClient, 'search', {}, { server: 'work', headers: { 'mcp-name': 'other' } }),
  },
];

export const KINDS = [...BY_POLICY, ...ELSEWHERE].map(({ name }) => name);

export type RefusalWorld = {
  world: World;
  agents: Record<string, AgentClient>;
  /** Texts that were in force, oldest first. */
  policies: string[];
  /** Makes one refusal; kinds take turns, and one in five is not policy's. */
  refuse(at: number): Promise<RefusedCall>;
  /** Puts other policies in force, and waits until they are. */
  change(text: string): Promise<void>;
  stop(): Promise<void>;
};

/** A gateway with agents, a server and policies that leave something to refuse. */
export async function openRefusals(seed: number, { broken = false } = {}): Promise<RefusalWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-refusals-'));
  const offer = join(folder, 'offer.json');
  const offered = { notifies: true, tools: TOOLS, prompts: [{ name: 'brief', arguments: [{ name: 'topic' }] }] };
  writeFileSync(offer, JSON.stringify(offered));
  const command = ['node', PROGRAM, 'stdio', '--offer', offer, '--called', join(folder, 'called')];
  const text = policiesOf('one', { broken });
  const world = await openWorld({
    policies: text,
    upstreams: `  work: { command: ${JSON.stringify(command)}, shared: true, tools: { send: { each: [to] } } }\n`,
  });
  const agents = await openAgents(world);
  await new ModernAgent(world, agents['ann'] as AgentClient, '/mcp/work').ask('tools/list', {});
  const moved = TOOLS.map((one) => (one.name === 'moved' ? { ...one, description: 'something else now' } : one));
  writeFileSync(offer, JSON.stringify({ ...offered, tools: moved }));
  await until(async () => {
    const known = await world.local.call('tools.list', {});
    return known.kind === 'ok' && known.value.parts.some(({ name, state }) => name === 'moved' && state === 'changed');
  });
  const chance = chances(seed);
  const policies = [text];
  return {
    world,
    agents,
    policies,
    async refuse(at) {
      const kinds = at % 5 === 4 ? ELSEWHERE : BY_POLICY;
      const turn = at % 5 === 4 ? Math.floor(at / 5) : at - Math.floor(at / 5);
      const kind = kinds[turn % kinds.length] as Kind;
      const called = await kind.make({ world, chance, agents });
      return { kind: kind.name, ...told(called.body, kind.name) };
    },
    async change(next) {
      writeFileSync(join(world.folder, 'policies', 'test.cedar'), next);
      policies.push(next);
      await inForce(world, next);
    },
    async stop() {
      await world.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function openAgents(world: World): Promise<Record<string, AgentClient>> {
  const names = ['ann', 'ben', 'cat', 'dan', 'lender'];
  const agents: Record<string, AgentClient> = {};
  for (const name of names) agents[name] = await world.register(name);
  agents['auditing'] = await world.register('auditor', ['audit']);
  const [lender, lent] = [new Delegate(agents['lender'] as AgentClient), new Delegate(await world.register('lent'))];
  const granted = await lender.lend('lent', { actions: ['tool.call'], resources: ['Tool::work/sum'] });
  agents['lent'] = lent.acting((await lent.redeem(granted.token as string)).token as string);
  await world.local.call('stops.set', { body: { kind: 'tool', id: 'work/halted', reason: 'the trial' } });
  return agents;
}

async function inForce(world: World, text: string): Promise<void> {
  const digest = digestOf([{ name: 'test.cedar', text }]);
  let state: unknown;
  await until(
    async () => {
      const now = await world.local.call('policy', {});
      state = now.kind === 'ok' ? [now.value.active, now.value.problems, now.value.proposals.length] : now;
      return now.kind === 'ok' && now.value.active.set === digest;
    },
    () => `the policies were not taken over: ${JSON.stringify(state)}`,
  );
}

async function until(what: () => Promise<boolean>, otherwise = () => 'it never happened'): Promise<void> {
  for (let tries = 0; !(await what()); tries += 1) {
    if (tries > 1_000) throw new Error(otherwise());
    await sleep(10);
  }
}

function told(body: Called['body'], kind: string): Omit<RefusedCall, 'kind'> {
  const meta = { ...body.result?._meta, ...body.error?.data };
  const receipt = meta['dev.sallyport/receipt'] ?? meta['receipt'];
  const code = meta['dev.sallyport/code'] ?? meta['code'];
  if (typeof receipt !== 'string') throw new Error(`${kind} was not refused after identity: ${JSON.stringify(body)}`);
  const told = body.result?.content?.[0]?.text ?? body.error?.message ?? '';
  return { receipt, code: String(code), wire: JSON.stringify(body), told };
}
