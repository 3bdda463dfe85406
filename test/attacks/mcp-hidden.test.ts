import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startHttpFixture } from '../fixtures/mcp/http.ts';
import { type Json, type Message, ModernAgent, SessionAgent } from '../support/mcp-agent.ts';
import { modern } from '../support/mcp-message.ts';
import { openWorld, type World } from '../support/world.ts';

const POLICIES = `
@id("one-tool")
@reason("Triage may call one tool, and nothing else.")
permit (principal == Agent::"triage", action == Action::"tool.call", resource == Tool::"fixture/test_simple_text");
`;

/** An agent that looks for what it may not see: whatever it tries, hidden and nonexistent answer alike. */
describe('what is hidden cannot be told from what does not exist', () => {
  let fixture: Awaited<ReturnType<typeof startHttpFixture>>;
  let world: World;
  before(async () => {
    fixture = await startHttpFixture();
    const upstreams = `  fixture: { url: "${fixture.url}", tools: { test_sampling: { arguments: { prompt: path } } } }\n`;
    world = await openWorld({ policies: POLICIES, upstreams });
  });
  after(async () => {
    await world.stop();
    await fixture.close();
  });

  const PAIRS: [string, string, Json, Json, Json?][] = [
    ['a tool', 'tools/call', { name: 'test_image_content' }, { name: 'test_none' }],
    [
      'with arguments that do not fit',
      'tools/call',
      tool('json_schema_2020_12_tool', { name: 5 }),
      tool('x', { name: 5 }),
    ],
    [
      'with a path that leaves its folder',
      'tools/call',
      tool('test_sampling', { prompt: '../a' }),
      tool('x', { prompt: '../a' }),
    ],
    ['without a mirrored header', 'tools/call', tool('test_x_mcp_header', { region: 'a' }), tool('x', { region: 'a' })],
    [
      'with state that was never given',
      'tools/call',
      { ...tool('test_image_content', {}), requestState: 'x' },
      { ...tool('test_none', {}), requestState: 'x' },
    ],
    [
      'with answers that are none',
      'tools/call',
      { ...tool('test_image_content', {}), inputResponses: null },
      { ...tool('test_none', {}), inputResponses: null },
    ],
    ['a prompt', 'prompts/get', { name: 'test_simple_prompt' }, { name: 'none' }],
    ['a resource', 'resources/read', { uri: 'test://static-text' }, { uri: 'test://none' }],
  ];

  for (const [what, method, hidden, missing] of PAIRS) {
    test(`${what}, in both revisions`, async () => {
      for (const agent of [new ModernAgent(world, world.triage, '/mcp/fixture'), await session(world)]) {
        const [one, other] = [await agent.send(method, hidden), await agent.send(method, missing)];
        assert.equal(one.status, other.status);
        assert.deepEqual(withoutReceipt(await one.last()), withoutReceipt(await other.last()));
        assert.deepEqual(namesOf(one.headers), namesOf(other.headers));
      }
    });
  }

  test('lists and completions do not name it either', async () => {
    const agent = new ModernAgent(world, world.triage, '/mcp/fixture');
    for (const method of ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list']) {
      const text = JSON.stringify(await agent.ask(method));
      assert.doesNotMatch(text, /test_image_content|test_simple_prompt|static-text|template/, method);
    }
    const ref = { type: 'ref/prompt', name: 'test_simple_prompt' };
    const completed = await agent.ask('completion/complete', { ref, argument: { name: 'a', value: 'p' } });
    assert.ok(completed.error, JSON.stringify(completed));
  });

  test('a change of what is hidden is told to nobody', async () => {
    const agent = new ModernAgent(world, world.triage, '/mcp/fixture');
    const stream = await agent.send('subscriptions/listen', { notifications: { toolsListChanged: true } });
    assert.equal((await stream.next())?.method, 'notifications/subscriptions/acknowledged');
    const { message, headers } = modern('tools/call', { name: 'test_trigger_tool_change', arguments: {} });
    const changed = await fetch(fixture.url, { method: 'POST', headers, body: JSON.stringify(message) });
    assert.equal(changed.status, 200);
    const next = stream.next();
    assert.equal(await Promise.race([next, sleep(2_000).then(() => 'nothing')]), 'nothing');
    stream.leave();
    await next;
  });

  test('what may be used is still told what is wrong with its use', async () => {
    const agent = new ModernAgent(world, world.triage, '/mcp/fixture');
    const answer = await agent.ask('tools/call', { name: 'test_simple_text', arguments: { a: '\0' } });
    assert.match(JSON.stringify(answer), /holds NUL/);
  });
});

function tool(name: string, args: Json): Json {
  return { name, arguments: args };
}

async function session(world: World): Promise<SessionAgent> {
  const agent = new SessionAgent(world, world.triage, '/mcp/fixture');
  await agent.begin();
  return agent;
}

function withoutReceipt({ error, result }: Message): unknown {
  return JSON.parse(JSON.stringify({ error, result }).replace(/rcp_\w+/g, 'rcp'));
}

function namesOf(headers: Headers): string[] {
  return [...headers.keys()];
}
