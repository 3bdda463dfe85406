import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startHttpFixture } from '../fixtures/mcp/http.ts';
import { codeOf, listOf, type Message, ModernAgent, metaOf, SessionAgent, textOf } from '../support/mcp-agent.ts';
import { openWorld, type World } from '../support/world.ts';

const POLICIES = `
@id("all")
@reason("Any agent may use both fixtures, and be asked by them.")
permit (principal, action, resource);
`;

type Fixture = Awaited<ReturnType<typeof startHttpFixture>>;

describe('agents and servers of different revisions', () => {
  let older: Fixture;
  let newer: Fixture;
  let world: World;
  before(async () => {
    older = await startHttpFixture({ era: '2025-11-25' });
    newer = await startHttpFixture({ era: '2026-07-28' });
    const upstreams = `  older: { url: "${older.url}" }\n  newer: { url: "${newer.url}" }\n`;
    world = await openWorld({ policies: POLICIES, upstreams });
  });
  after(async () => {
    await world.stop();
    await Promise.all([older.close(), newer.close()]);
  });

  const modern = (path: string, capabilities = {}) => {
    const agent = new ModernAgent(world, world.triage, path);
    agent.capabilities = capabilities;
    return agent;
  };
  async function session(path: string, capabilities = {}): Promise<SessionAgent> {
    const agent = new SessionAgent(world, world.triage, path);
    await agent.begin(capabilities);
    return agent;
  }
  const all = async (answer: { next(): Promise<Message | undefined> }): Promise<Message[]> => {
    const seen: Message[] = [];
    for (let message = await answer.next(); message !== undefined; message = await answer.next()) seen.push(message);
    return seen;
  };

  test('a stateless agent uses a server of 2025 as if it were one of its own', async () => {
    const agent = modern('/mcp/older');
    const found = await agent.ask('server/discover');
    assert.deepEqual(found.result?.['supportedVersions'], ['2026-07-28']);
    assert.ok(listOf(await agent.ask('tools/list'), 'tools').length > 5);
    const called = await agent.ask('tools/call', { name: 'test_simple_text' });
    assert.equal(called.result?.['resultType'], 'complete');
    assert.ok(metaOf(called)['io.modelcontextprotocol/serverInfo']);
    const read = await agent.ask('resources/read', { uri: 'test://static-text' });
    assert.deepEqual([read.result?.['cacheScope'], typeof read.result?.['ttlMs']], ['private', 'number']);
    const prompt = await agent.ask('prompts/get', { name: 'test_simple_prompt' });
    assert.equal(prompt.result?.['resultType'], 'complete');
    const argument = { name: 'arg1', value: 'p' };
    const ref = { type: 'ref/prompt', name: 'test_prompt_with_arguments' };
    assert.ok((await agent.ask('completion/complete', { ref, argument })).result);
  });

  test('its progress passes, and its log lines where they were asked for', async () => {
    const meta = { progressToken: 'p', 'io.modelcontextprotocol/logLevel': 'info' };
    const progress = await all(
      await modern('/mcp/older').send('tools/call', { name: 'test_tool_with_progress' }, { meta }),
    );
    assert.equal(progress.filter(({ params }) => params?.['progressToken'] === 'p').length, 3);
    const logs = await all(await modern('/mcp/older').send('tools/call', { name: 'test_tool_with_logging' }, { meta }));
    assert.equal(logs.filter(({ method }) => method === 'notifications/message').length, 3);
    const quiet = await all(await modern('/mcp/older').send('tools/call', { name: 'test_tool_with_logging' }));
    assert.equal(quiet.length, 1);
  });

  test('a server of 2025 cannot ask a stateless agent in the middle of a call', async () => {
    const agent = modern('/mcp/older', { sampling: {}, elicitation: {} });
    const answer = await agent.send('tools/call', { name: 'test_sampling', arguments: { prompt: 'x' } });
    const seen = await all(answer);
    assert.equal(seen.length, 1);
    assert.ok(seen[0]?.error ?? seen[0]?.result?.['isError'], JSON.stringify(seen));
  });

  test('what cannot be watched is left out of the acknowledgement', async () => {
    const notifications = { toolsListChanged: true, resourceSubscriptions: ['test://watched-resource'] };
    const stream = await modern('/mcp/older').send('subscriptions/listen', { notifications });
    assert.deepEqual((await stream.next())?.params?.['notifications'], { toolsListChanged: true });
    stream.leave();
  });

  test('an agent with a session uses a stateless server as if it had one', async () => {
    const agent = await session('/mcp/newer', { elicitation: {} });
    const called = await agent.ask('tools/call', { name: 'test_simple_text' });
    assert.match(textOf(called), /simple text/);
    assert.equal(called.result?.['resultType'], undefined);
    const read = await agent.ask('resources/read', { uri: 'test://static-text' });
    assert.deepEqual([read.result?.['cacheScope'], read.result?.['ttlMs']], [undefined, undefined]);
    const mirrored = { name: 'test_x_mcp_header', arguments: { region: 'größer' } };
    assert.match(textOf(await agent.ask('tools/call', mirrored)), /region=größer/);
    const progress = await all(
      await agent.send('tools/call', { name: 'test_tool_with_progress', _meta: { progressToken: 7 } }),
    );
    assert.equal(progress.filter(({ params }) => params?.['progressToken'] === 7).length, 3);
  });

  test('its log level is kept for the session and told with each request', async () => {
    const agent = await session('/mcp/newer');
    assert.deepEqual((await agent.ask('logging/setLevel', { level: 'debug' })).result, {});
    const seen = await all(await agent.send('tools/call', { name: 'test_logging_tool' }));
    assert.ok(seen.some(({ method }) => method === 'notifications/message'));
  });

  test('a stateless server that asks for input is refused, and says why', async () => {
    const agent = await session('/mcp/newer', { elicitation: {}, sampling: {} });
    const answer = await agent.ask('tools/call', { name: 'test_input_required_result_elicitation' });
    assert.equal(codeOf(answer), 'upstream_request_denied', JSON.stringify(answer));
    assert.doesNotMatch(JSON.stringify(answer), /input_required|What is your name/);
  });

  test('subscriptions of 2025 need a server of 2025', async () => {
    const agent = await session('/mcp/newer');
    const answer = await agent.ask('resources/subscribe', { uri: 'test://watched-resource' });
    assert.equal(answer.error?.code, -32601);
    const fitting = await session('/mcp/older');
    assert.ok((await fitting.ask('resources/subscribe', { uri: 'test://watched-resource' })).result);
  });

  test('at /mcp each server is spoken to in what it knows', async () => {
    for (const agent of [modern('/mcp'), await session('/mcp')]) {
      for (const server of ['older', 'newer']) {
        const first = await agent.ask('tools/call', { name: `${server}__test_simple_text` });
        assert.ok(textOf(first) !== '' && codeOf(first) === undefined, `${server}: ${JSON.stringify(first)}`);
      }
    }
  });
});
