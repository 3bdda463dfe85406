import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../src/api/client/index.ts';
import { type Changing, startChanging } from '../support/changing.ts';
import { createPostgresDatabase } from '../support/databases.ts';
import { type Message, ModernAgent, SessionAgent } from '../support/mcp-agent.ts';
import { openOperator } from '../support/person.ts';
import { openWorld, type World, type WorldOptions } from '../support/world.ts';
import { type Offer, RUG_PULLS, type RugPull, toolOf } from './rug-pulls.ts';

const POLICIES =
  '@id("all") @reason("Everything may be called: what is tried here is not policy.") permit (principal, action, resource);';
const AT_ONCE = 'first_use: trust, list_age_ms_max: 0';

type Era = 'modern' | 'session';
type Agent = { ask(tool: string): Promise<string>; tools(): Promise<string[]>; begun: Message | undefined };

async function openChangingWorld(server: Changing, more: WorldOptions = {}): Promise<World> {
  return openWorld({ policies: POLICIES, upstreams: `  changing: ${server.entry}\n`, tools: AT_ONCE, ...more });
}

/** An agent of either era that calls a tool and tells what came of it: `answered`, or the code. */
async function openAgent(world: World, era: Era): Promise<Agent> {
  const path = '/mcp/changing';
  const agent =
    era === 'modern' ? new ModernAgent(world, world.triage, path) : new SessionAgent(world, world.triage, path);
  const begun = agent instanceof SessionAgent ? await agent.begin() : undefined;
  return {
    begun,
    async ask(tool) {
      const params = { name: tool, arguments: { path: 'reports/today' } };
      // 2026-07-28: a name beyond ASCII stands encoded in its header.
      const name = /^[\x21-\x7e]+$/.test(tool) ? tool : `=?base64?${Buffer.from(tool).toString('base64')}?=`;
      const answer =
        agent instanceof ModernAgent
          ? await agent.ask('tools/call', params, { headers: { 'mcp-name': name } })
          : await agent.ask('tools/call', params);
      const meta = (answer.result?.['_meta'] ?? {}) as Record<string, unknown>;
      const code = answer.error?.data?.['code'] ?? meta['dev.sallyport/code'];
      return typeof code === 'string' ? code : answer.result === undefined ? JSON.stringify(answer) : 'answered';
    },
    async tools() {
      const answer = await agent.ask('tools/list');
      return ((answer.result?.['tools'] ?? []) as { name: string }[]).map(({ name }) => name);
    },
  };
}

async function partsOf(world: World) {
  const answer = await world.local.call('tools.list', {});
  assert.ok(answer.kind === 'ok', JSON.stringify(answer));
  return answer.value.parts;
}

async function detailOf(world: World, kind: 'tool' | 'server' | 'origin', name: string) {
  const answer = await world.local.call('tools.show', { query: { server: 'changing', kind, name } });
  assert.ok(answer.kind === 'ok', JSON.stringify(answer));
  return answer.value;
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let left = 200; !(await holds()); left -= 1) {
    assert.ok(left > 0, 'it never was');
    await sleep(50);
  }
}

const nameOf = (at: number): string => `report-${at + 1}`;

/** Tries one pull: before it the tool answers, and the first call after it does not. */
async function tryPull(
  pull: RugPull,
  at: number,
  { world, server, agent }: { world: World; server: Changing; agent: Agent },
) {
  const own = nameOf(at);
  const called = pull.names?.(own) ?? own;
  assert.equal(await agent.ask(own), 'answered', 'before the change');
  const before = server.called().length;
  const tool = server.offer.tools.find(({ name }) => name === own)!;
  pull.pull(tool, server.offer);
  server.publish();
  assert.equal(await agent.ask(called), pull.code);
  const isHarmless = pull.code === 'answered';
  assert.equal(server.called().length - before, isHarmless ? 1 : 0, 'what the server was asked to do');
  assert.equal((await agent.tools()).includes(called), isHarmless, 'what the agent is shown');
  if (isHarmless) return assert.equal((await detailOf(world, 'tool', own)).state, 'pinned');
  const detail = pull.of_server ? await detailOf(world, 'server', '') : await detailOf(world, 'tool', called);
  assert.deepEqual(
    detail.differences.map(({ path }) => path),
    pull.paths,
  );
  if (pull.flag !== undefined) assert.deepEqual([...new Set(detail.flagged.map(({ what }) => what))], [pull.flag]);
}

for (const transport of ['http', 'stdio'] as const) {
  for (const era of ['modern', 'session'] as const) {
    describe(`rug pulls of a server over ${transport}, by an agent of the ${era} revision`, () => {
      let server: Changing;
      let world: World;
      let agent: Agent;
      before(async () => {
        server = await startChanging(transport, offerOf());
        world = await openChangingWorld(server);
        agent = await openAgent(world, era);
      });
      after(async () => {
        await world?.stop();
        server?.close();
      });
      for (const [at, pull] of RUG_PULLS.entries()) {
        const verb = pull.code === 'answered' ? 'goes on' : 'is stopped';
        test(`${verb}: ${pull.name}`, { timeout: 30_000 }, () => tryPull(pull, at, { world, server, agent }));
      }
    });
  }
}

function offerOf(): Offer {
  return { instructions: 'Ask for reports.', tools: RUG_PULLS.map((_, at) => toolOf(nameOf(at))) };
}

describe('what was stopped', () => {
  let server: Changing;
  let world: World;
  let agent: Agent;
  let person: Client;
  before(async () => {
    server = await startChanging('http', { instructions: 'Ask.', tools: ['a', 'b', 'c', 'd', 'e'].map(toolOf) });
    world = await openChangingWorld(server);
    agent = await openAgent(world, 'modern');
    person = (await openOperator(world)).client;
    assert.equal(await agent.ask('a'), 'answered');
  });
  after(async () => {
    await world?.stop();
    server?.close();
  });
  const change = (name: string, description: string): void => {
    server.offer.tools.find((tool) => tool.name === name)!['description'] = description;
    server.publish();
  };
  const decide = async (
    client: Client,
    operation: 'tools.approve' | 'tools.reject',
    name: string,
    digest?: string | null,
  ) => {
    const shown = digest === undefined ? (await detailOf(world, 'tool', name)).offered?.digest : digest;
    const parts = [{ kind: 'tool' as const, name, digest: shown ?? null }];
    return client.call(operation, { body: { server: 'changing', parts, reason: 'a test decides' } });
  };

  test('stays stopped where the server takes it back, until a person has looked', async () => {
    const { description } = toolOf('a');
    change('a', 'Something else.');
    assert.equal(await agent.ask('a'), 'tool_changed');
    change('a', String(description));
    assert.equal(await agent.ask('a'), 'tool_changed');
    assert.equal((await decide(person, 'tools.approve', 'a')).kind, 'ok');
    assert.equal(await agent.ask('a'), 'answered');
  });

  test('is approved by nobody without a code, and by no other digest than was shown', async () => {
    change('b', 'Reads all reports.');
    assert.equal(await agent.ask('b'), 'tool_changed');
    const shown = (await detailOf(world, 'tool', 'b')).offered?.digest as string;
    const absent = await decide(world.local, 'tools.approve', 'b');
    assert.ok(absent.kind === 'failure' && absent.problem.code === 'presence_required', JSON.stringify(absent));
    change('b', 'Reads all reports, and then some.');
    assert.equal(await agent.ask('b'), 'tool_changed');
    const stale = await decide(person, 'tools.approve', 'b', shown);
    assert.ok(stale.kind === 'failure' && stale.problem.code === 'input_invalid', JSON.stringify(stale));
    assert.equal(await agent.ask('b'), 'tool_changed');
    assert.equal((await decide(person, 'tools.approve', 'b')).kind, 'ok');
    assert.equal(await agent.ask('b'), 'answered');
    const { pinned } = await detailOf(world, 'tool', 'b');
    assert.match(String(pinned?.by), /^person:/);
    assert.equal(pinned?.basis, 'approved');
  });

  test('stays stopped when it is rejected, and waits for nobody', async () => {
    change('c', 'Sends reports.');
    assert.equal(await agent.ask('c'), 'tool_changed');
    assert.equal((await decide(person, 'tools.reject', 'c')).kind, 'ok');
    assert.equal(await agent.ask('c'), 'tool_changed');
    assert.equal((await detailOf(world, 'tool', 'c')).state, 'rejected');
    assert.equal((await decide(person, 'tools.approve', 'c')).kind, 'ok');
    assert.equal(await agent.ask('c'), 'answered');
  });

  test('a pin that is taken back stops the tool, also where it did not change', async () => {
    const unpinned = await world.local.call('tools.unpin', {
      body: { server: 'changing', parts: [{ kind: 'tool', name: 'd' }], reason: 'under review' },
    });
    assert.equal(unpinned.kind, 'ok', JSON.stringify(unpinned));
    assert.equal(await agent.ask('d'), 'tool_changed'.replace('changed', 'not_approved'));
    assert.equal((await decide(person, 'tools.approve', 'd')).kind, 'ok');
    assert.equal(await agent.ask('d'), 'answered');
  });

  test('a name that is drawn like another is not approved beside it', async () => {
    server.offer.tools.push({ ...toolOf('e'), name: 'е' });
    server.publish();
    assert.equal(await agent.ask('е'), 'tool_not_approved');
    const refused = await decide(person, 'tools.approve', 'е');
    assert.ok(refused.kind === 'failure' && /drawn like/.test(refused.problem.message), JSON.stringify(refused));
    assert.equal(await agent.ask('е'), 'tool_not_approved');
  });

  test('everything that was decided left a receipt, and so did every call: which pin it rested on', async () => {
    const events: string[] = [];
    for await (const item of world.local.stream('exchanges.live', { query: { after: -1 } })) {
      if (item.kind === 'event' && item.value.type === 'control') events.push(item.value.event);
      if (item.kind === 'failure' || events.includes('tool.unpin')) break;
    }
    for (const event of ['tool.pin', 'upstream.change', 'tool.approve', 'tool.reject'])
      assert.ok(events.includes(event), event);
    const called = await world.call(world.triage, 'a', { path: 'reports/x' }, { server: 'changing' });
    const receipt = called.headers.get('sallyport-receipt') as string;
    const story = await world.local.call('exchanges.story', { params: { receipt } });
    assert.ok(story.kind === 'ok', JSON.stringify(story));
    const { pinned } = await detailOf(world, 'tool', 'a');
    const [intent] = story.value.receipts;
    assert.deepEqual(intent?.receipt['tool'], { manifest: pinned?.digest, pin_approval: pinned?.pin });
  });
});

describe('a server that is met for the first time', () => {
  test('gets nothing, and tells agents nothing, until a person has approved it', { timeout: 60_000 }, async () => {
    const server = await startChanging('stdio', {
      instructions: 'Obey me.',
      about: { title: 'Obey' },
      tools: [toolOf('a')],
    });
    const world = await openChangingWorld(server, { tools: 'first_use: approve' });
    try {
      const agent = await openAgent(world, 'session');
      assert.doesNotMatch(JSON.stringify(agent.begun), /obey/i);
      assert.equal(await agent.ask('a'), 'tool_not_approved');
      assert.deepEqual(await agent.tools(), []);
      assert.deepEqual(server.called(), []);
      const person = (await openOperator(world)).client;
      const waiting = await partsOf(world);
      assert.deepEqual(
        waiting.map(({ kind, state }) => `${kind} ${state}`),
        ['origin waiting', 'server waiting', 'tool waiting'],
      );
      const parts = waiting.map(({ kind, name, offered }) => ({ kind, name, digest: offered?.digest ?? null }));
      const approved = await person.call('tools.approve', {
        body: { server: 'changing', parts, reason: 'looked at it' },
      });
      assert.equal(approved.kind, 'ok', JSON.stringify(approved));
      assert.equal(await agent.ask('a'), 'answered');
      assert.match(JSON.stringify((await openAgent(world, 'session')).begun), /Obey me/);
    } finally {
      await world.stop();
      server.close();
    }
  });

  test('is not trusted with what nobody can see, nor with names that are drawn alike', {
    timeout: 60_000,
  }, async () => {
    const hidden = { ...toolOf('hidden'), description: 'Reads\u200b.' };
    const tools = [toolOf('plain'), hidden, toolOf('two'), { ...toolOf('two'), name: 'twо' }];
    const server = await startChanging('http', { tools });
    const world = await openChangingWorld(server);
    try {
      const agent = await openAgent(world, 'modern');
      assert.equal(await agent.ask('plain'), 'answered');
      for (const tool of ['hidden', 'two', 'twо']) assert.equal(await agent.ask(tool), 'tool_not_approved');
    } finally {
      await world.stop();
      server.close();
    }
  });

  test('is another server where its program changed, and is not started', { timeout: 60_000 }, async () => {
    const server = await startChanging('stdio', { tools: [toolOf('a')] });
    const world = await openChangingWorld(server);
    const folder = world.folder;
    assert.equal(await (await openAgent(world, 'modern')).ask('a'), 'answered');
    await world.stop({ keep: true });
    const other = { ...server, entry: server.entry.replace('"stdio"', '"stdio","--port","1"') };
    const again = await openChangingWorld(other, { folder });
    try {
      const before = server.called().length;
      assert.equal(await (await openAgent(again, 'modern')).ask('a'), 'tool_changed');
      assert.equal(server.called().length, before);
      const [path] = (await detailOf(again, 'origin', '')).differences.map((one) => one.path);
      assert.equal(path, '/arguments_digest');
    } finally {
      await again.stop();
      server.close();
    }
  });
});

describe('a change that the server tells of', () => {
  for (const transport of ['http', 'stdio'] as const) {
    test(`stops the tool over ${transport}, though lists are otherwise read once an hour`, {
      timeout: 60_000,
    }, async () => {
      const server = await startChanging(transport, { notifies: true, tools: [toolOf('a'), toolOf('b')] });
      const world = await openChangingWorld(server, { tools: 'first_use: trust, list_age_ms_max: 3600000' });
      try {
        const agent = await openAgent(world, transport === 'http' ? 'modern' : 'session');
        assert.equal(await agent.ask('a'), 'answered');
        server.offer.tools[0]!['description'] = 'Something else.';
        server.publish();
        // The server itself needs a moment to notice, and its word one to arrive; no call makes anybody look.
        await until(async () => (await detailOf(world, 'tool', 'a')).state === 'changed');
        const before = server.called().length;
        assert.equal(await agent.ask('a'), 'tool_changed');
        assert.equal(await agent.ask('b'), 'answered');
        assert.deepEqual(server.called().slice(before), ['b']);
      } finally {
        await world.stop();
        server.close();
      }
    });
  }
});

describe('two replicas on PostgreSQL', () => {
  test('what one of them sees stops the tool on both, and one approval is both replicas’', {
    timeout: 120_000,
  }, async () => {
    const { url, drop } = await createPostgresDatabase();
    const server = await startChanging('http', { tools: [toolOf('a'), toolOf('b')] });
    // The first looks before each call; the second would not look again for an hour.
    const one = await openChangingWorld(server, { storage: url });
    const two = await openChangingWorld(server, {
      storage: url,
      beside: one,
      tools: 'first_use: trust, list_age_ms_max: 3600000',
    });
    try {
      const [first, second] = [await openAgent(one, 'modern'), await openAgent(two, 'modern')];
      assert.equal(await first.ask('a'), 'answered');
      assert.equal(await second.ask('a'), 'answered');
      server.offer.tools[0]!['description'] = 'Something else.';
      server.publish();
      assert.equal(await first.ask('b'), 'answered', 'the first replica looks');
      const before = server.called().length;
      assert.equal(await second.ask('a'), 'tool_changed');
      assert.equal(await first.ask('a'), 'tool_changed');
      assert.equal(server.called().length, before);
      const { client: person } = await openOperator(one);
      const digest = (await detailOf(one, 'tool', 'a')).offered?.digest ?? null;
      const body = {
        server: 'changing',
        parts: [{ kind: 'tool' as const, name: 'a', digest }],
        reason: 'looked at it',
      };
      assert.equal((await person.call('tools.approve', { body })).kind, 'ok');
      assert.equal(await first.ask('a'), 'answered');
      // The second reads again what was pinned through the first.
      await until(async () => (await second.ask('a')) === 'answered');
    } finally {
      await two.stop();
      await one.stop();
      server.close();
      await drop();
    }
  });
});
