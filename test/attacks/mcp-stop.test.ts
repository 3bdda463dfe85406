import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startHttpFixture } from '../fixtures/mcp/http.ts';
import { ModernAgent, SessionAgent } from '../support/mcp-agent.ts';
import { openWorld, type World } from '../support/world.ts';

const POLICIES = `
@id("all")
@reason("Any agent may use the fixture, and be asked by it.")
permit (principal, action, resource);
`;

const CUT_MS_MAX = 1_000;

/** Whatever an agent has open when it is stopped, ends; and its session is no way back in. */
describe('a stop cuts what an agent has open', () => {
  let fixture: Awaited<ReturnType<typeof startHttpFixture>>;
  let world: World;
  before(async () => {
    fixture = await startHttpFixture();
    world = await openWorld({ policies: POLICIES, upstreams: `  fixture: { url: "${fixture.url}" }\n` });
  });
  after(async () => {
    await world.stop();
    await fixture.close();
  });

  async function stop(agent: string): Promise<void> {
    const set = await world.local.call('stops.set', { body: { kind: 'agent', id: agent, reason: 'a test stops it' } });
    assert.equal(set.kind, 'ok', JSON.stringify(set));
  }

  async function endsSoon(stream: { last(): Promise<unknown> }): Promise<void> {
    const late = new Promise((_, reject) => setTimeout(() => reject(new Error('still open')), CUT_MS_MAX).unref());
    await Promise.race([stream.last(), late]);
  }

  test('its session’s stream, a call that waits for its answer, and the session', async () => {
    const agent = new SessionAgent(world, await world.register('with-session'), '/mcp/fixture');
    await agent.begin({ elicitation: {} });
    const stream = await agent.http('GET', agent.headers({ accept: 'text/event-stream' }));
    const call = await agent.send('tools/call', { name: 'test_elicitation', arguments: { message: 'Who?' } });
    const question = await call.until('elicitation/create');
    assert.ok(question?.id);
    await stop('with-session');
    await Promise.all([endsSoon(stream), endsSoon(call)]);
    assert.equal(await agent.answer(question.id, { action: 'accept', content: { response: 'me' } }), 403);
    assert.equal((await agent.send('ping')).status, 403);
  });

  test('its subscriptions', async () => {
    const agent = new ModernAgent(world, await world.register('without-session'), '/mcp/fixture');
    const stream = await agent.send('subscriptions/listen', { notifications: { toolsListChanged: true } });
    await stream.next();
    const neighbour = new ModernAgent(world, world.triage, '/mcp/fixture');
    const other = await neighbour.send('subscriptions/listen', { notifications: { toolsListChanged: true } });
    await other.next();
    await stop('without-session');
    await endsSoon(stream);
    await neighbour.ask('tools/call', { name: 'test_trigger_tool_change' });
    assert.ok(await other.until('notifications/tools/list_changed'), 'its neighbour loses nothing');
    other.leave();
  });

  test('a tool: its call in flight, and every call from then on, of any agent; the server’s others go on', async () => {
    const agent = new SessionAgent(world, await world.register('uses-a-tool'), '/mcp/fixture');
    await agent.begin({ elicitation: {} });
    const call = await agent.send('tools/call', { name: 'test_elicitation', arguments: { message: 'Who?' } });
    assert.ok((await call.until('elicitation/create'))?.id);
    const body = { kind: 'tool', id: 'fixture/test_elicitation', reason: 'a test stops it' } as const;
    const set = await world.local.call('stops.set', { body });
    assert.equal(set.kind, 'ok', JSON.stringify(set));
    await endsSoon(call);
    for (const one of [agent, new ModernAgent(world, world.triage, '/mcp/fixture')]) {
      const refused = await one.send('tools/call', { name: 'test_elicitation', arguments: { message: 'Who?' } });
      assert.match(JSON.stringify(await refused.last()), /stopped/);
    }
    const other = await agent.send('tools/call', { name: 'test_simple_text', arguments: {} });
    assert.doesNotMatch(JSON.stringify(await other.last()), /stopped/);
  });
});
