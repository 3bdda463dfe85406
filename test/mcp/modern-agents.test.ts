import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startHttpFixture } from '../fixtures/mcp/http.ts';
import { codeOf, type Json, listOf, type Message, ModernAgent, metaOf, textOf } from '../support/mcp-agent.ts';
import { openWorld, type World } from '../support/world.ts';

const POLICIES = `
@id("all-of-the-fixture")
@reason("Triage may use the fixture, but for what is hidden from it.")
permit (principal == Agent::"triage", action, resource in Server::"fixture")
unless { resource == Tool::"fixture/test_audio_content" || resource == Resource::"fixture/test://static-binary" };

@id("questions-of-the-fixture")
@reason("The fixture may ask for input, but not for completions.")
permit (principal, action in [Action::"elicitation.create", Action::"roots.list"], resource);
`;

describe('agents of 2026-07-28', () => {
  let fixture: Awaited<ReturnType<typeof startHttpFixture>>;
  let world: World;
  let agent: ModernAgent;
  before(async () => {
    fixture = await startHttpFixture();
    world = await openWorld({ policies: POLICIES, upstreams: `  fixture: { url: "${fixture.url}" }\n` });
    agent = new ModernAgent(world, world.triage, '/mcp/fixture');
  });
  after(async () => {
    await world.stop();
    await fixture.close();
  });

  test('a result says which receipt it has, who answered, and that it is complete', async () => {
    const answer = await agent.send('tools/call', { name: 'test_simple_text', arguments: {} });
    const { result } = await answer.last();
    const meta = metaOf({ ...(result ? { result } : {}) });
    assert.equal(answer.status, 200);
    assert.equal(result?.['resultType'], 'complete');
    assert.equal(meta['dev.sallyport/receipt'], answer.headers.get('sallyport-receipt'));
    assert.equal((meta['io.modelcontextprotocol/serverInfo'] as Json)['name'], 'sallyport-fixture');
  });

  test('lists show what may be used, privately and in the same order each time', async () => {
    const [one, two] = [await agent.ask('tools/list'), await agent.ask('tools/list')];
    const names = namesOf(one);
    assert.ok(names.includes('test_simple_text') && !names.includes('test_audio_content'));
    assert.deepEqual(names, namesOf(two));
    assert.equal(one.result?.['cacheScope'], 'private');
    assert.equal(typeof one.result?.['ttlMs'], 'number');
    const resources = listOf<{ uri: string }>(await agent.ask('resources/list'), 'resources');
    assert.ok(resources.some(({ uri }) => uri === 'test://static-text'));
    assert.ok(!resources.some(({ uri }) => uri === 'test://static-binary'));
    assert.equal((await agent.ask('tools/list', { cursor: 'x' })).error?.code, -32602);
  });

  test('at /mcp every name says whose it is, in lists, calls and contents', async () => {
    const all = new ModernAgent(world, world.triage, '/mcp');
    const names = namesOf(await all.ask('tools/list'));
    assert.ok(names.includes('fixture__test_simple_text'));
    assert.ok(
      names.every((name) => name.startsWith('fixture__')),
      'the journal permits nothing here',
    );
    assert.match(textOf(await all.ask('tools/call', { name: 'fixture__test_simple_text' })), /simple text/);
    assert.equal(codeOf(await all.ask('tools/call', { name: 'test_simple_text' })), 'not_found');
    const uri = 'sallyport://fixture/test://static-text';
    const read = await all.ask('resources/read', { uri });
    assert.equal(listOf(read, 'contents')[0]?.['uri'], uri);
    const embedded = await all.ask('tools/call', { name: 'fixture__test_embedded_resource' });
    const block = listOf<{ resource?: Json }>(embedded, 'content').find(({ resource }) => resource);
    assert.match(String(block?.resource?.['uri']), /^sallyport:\/\/fixture\//);
    assert.equal((await all.ask('server/discover')).result?.['resultType'], 'complete');
  });

  test('progress comes before the answer, under the token that the agent chose', async () => {
    const meta = { progressToken: 'mine' };
    const answer = await agent.send('tools/call', { name: 'test_tool_with_progress' }, { meta });
    const frames: Message[] = [];
    for (let message = await answer.next(); message !== undefined; message = await answer.next()) frames.push(message);
    const progress = frames.filter(({ method }) => method === 'notifications/progress');
    assert.deepEqual(
      progress.map(({ params }) => [params?.['progressToken'], params?.['progress']]),
      [
        ['mine', 0],
        ['mine', 50],
        ['mine', 100],
      ],
    );
    assert.notEqual(textOf(frames.at(-1) as Message), 'mine', 'the server gets a token of the gateway’s');
    assert.equal(answer.headers.get('x-accel-buffering'), 'no');
  });

  test('log lines come only to who asks for them', async () => {
    const name = 'test_logging_tool';
    const quiet = await agent.send('tools/call', { name });
    assert.equal((await quiet.until('notifications/message'))?.method, undefined);
    const meta = { 'io.modelcontextprotocol/logLevel': 'info' };
    const told = await agent.send('tools/call', { name }, { meta });
    assert.equal((await told.until('notifications/message'))?.params?.['level'], 'info');
    const severe = await agent.send('tools/call', { name }, { meta: { 'io.modelcontextprotocol/logLevel': 'error' } });
    assert.equal(await severe.until('notifications/message'), undefined);
  });

  test('a question of a server’s is answered by a retry, which takes the first exchange up', async () => {
    const asking = new ModernAgent(world, world.triage, '/mcp/fixture');
    asking.capabilities = { elicitation: {} };
    const params = { name: 'test_input_required_result_request_state', arguments: {} };
    const first = await asking.ask('tools/call', params);
    assert.equal(first.result?.['resultType'], 'input_required');
    const inputResponses = { confirm: { action: 'accept', content: { ok: true } }, unasked: { action: 'accept' } };
    const retry = { ...params, inputResponses, requestState: first.result?.['requestState'] };
    const second = await asking.ask('tools/call', retry);
    assert.match(textOf(second), /state-ok/);
    const story = await world.local.call('exchanges.story', { params: { receipt: receiptOf(second) } });
    assert.equal(story.kind, 'ok');
    assert.equal(story.value.receipts[0]?.receipt['continues'], receiptOf(first));
  });

  test('a question that policy does not permit reaches nobody', async () => {
    const asking = new ModernAgent(world, world.triage, '/mcp/fixture');
    asking.capabilities = { sampling: {} };
    const answer = await asking.ask('tools/call', { name: 'test_input_required_result_sampling' });
    assert.equal(codeOf(answer), 'upstream_request_denied');
    assert.doesNotMatch(JSON.stringify(answer), /capital of France/);
  });

  test('a question that the agent’s client cannot answer is told as the revision says', async () => {
    const answer = await agent.send('tools/call', { name: 'test_missing_capability' });
    const { error } = await answer.last();
    assert.equal(answer.status, 400);
    assert.equal(error?.code, -32021);
    assert.deepEqual(error?.data?.['requiredCapabilities'], { sampling: {} });
  });

  test('closing the stream cancels the call, and the outcome says so', async () => {
    const meta = { progressToken: 1 };
    const answer = await agent.send('tools/call', { name: 'test_tool_with_progress' }, { meta });
    await answer.until('notifications/progress');
    answer.leave();
    await sleep(300);
    const receipt = answer.headers.get('sallyport-receipt') ?? '';
    const story = await world.local.call('exchanges.story', { params: { receipt } });
    assert.equal(story.kind, 'ok', JSON.stringify(story));
    assert.equal(story.value.outcome?.kind, 'cancelled');
  });

  test('a subscription acknowledges what it can, and tells of changes', async () => {
    const notifications = { toolsListChanged: true, resourceSubscriptions: ['test://watched-resource'] };
    const stream = await agent.send('subscriptions/listen', { notifications });
    const acknowledged = await stream.next();
    assert.equal(acknowledged?.method, 'notifications/subscriptions/acknowledged');
    assert.deepEqual(acknowledged?.params?.['notifications'], notifications);
    await agent.ask('tools/call', { name: 'test_trigger_resource_update' });
    const updated = await stream.until('notifications/resources/updated');
    assert.equal(updated?.params?.['uri'], 'test://watched-resource');
    await agent.ask('tools/call', { name: 'test_trigger_tool_change' });
    const changed = await stream.until('notifications/tools/list_changed');
    assert.ok(metaOf(changed)['io.modelcontextprotocol/subscriptionId']);
    stream.leave();
  });

  test('a resource that may not be read cannot be watched', async () => {
    const notifications = { resourceSubscriptions: ['test://static-binary'] };
    const answer = await agent.ask('subscriptions/listen', { notifications });
    assert.equal(codeOf(answer), 'not_found');
  });

  test('arguments that do not fit the schema are told to the model, and sent nowhere', async () => {
    const answer = await agent.ask('tools/call', { name: 'json_schema_2020_12_tool', arguments: { name: 5 } });
    assert.equal(codeOf(answer), 'arguments_invalid');
    assert.equal(answer.result?.['isError'], true);
  });

  const BAD: [string, () => Promise<{ status: number; message: Message }>, number, number][] = [
    ['an unknown method', () => told('no/such'), 404, -32601],
    ['a method of the older revision', () => told('ping'), 404, -32601],
    ['a prototype’s name as a method', () => told('constructor'), 404, -32601],
    [
      'another version in the header',
      () => told('tools/list', {}, { 'mcp-protocol-version': '2025-11-25' }),
      400,
      -32020,
    ],
    ['no method header', () => told('tools/list', {}, { 'mcp-method': '' }), 400, -32020],
    ['another name in the header', () => told('tools/call', { name: 'a' }, { 'mcp-name': 'b' }), 400, -32020],
    ['a body that is no JSON', () => told('x', {}, { 'content-type': 'text/plain' }), 400, -32600],
    ['a compressed body', () => told('tools/list', {}, { 'content-encoding': 'gzip' }), 400, -32600],
    ['an Accept that takes neither form', () => told('tools/list', {}, { accept: 'text/html' }), 400, -32600],
    ['a name that is no text', () => told('tools/call', { name: 5 }, { 'mcp-name': '5' }), 400, -32020],
    ['an address that is none', () => told('resources/read', { uri: 'x' }), 200, -32602],
    ['an unknown prompt', () => told('prompts/get', { name: 'nope' }), 200, -32602],
  ];
  async function told(method: string, params: Json = {}, headers: Json = {}) {
    const answer = await agent.send(method, params, { headers });
    return { status: answer.status, message: await answer.last() };
  }
  for (const [what, attempt, status, code] of BAD) {
    test(`${what} is answered in the protocol's own form`, async () => {
      const { status: got, message } = await attempt();
      assert.deepEqual([got, message.error?.code], [status, code], JSON.stringify(message));
      assert.match(String(message.error?.data?.['receipt']), /^rcp_/);
    });
  }

  test('an unsupported version is told which are supported', async () => {
    const version = { 'io.modelcontextprotocol/protocolVersion': '2031-01-01' };
    const answer = await agent.send(
      'tools/list',
      {},
      { meta: version, headers: { 'mcp-protocol-version': '2031-01-01' } },
    );
    const { error } = await answer.last();
    assert.deepEqual([answer.status, error?.code, error?.data?.['supported']], [400, -32022, ['2026-07-28']]);
  });

  test('there are no sessions, streams of GET, or unknown servers', async () => {
    for (const method of ['GET', 'DELETE']) {
      const answer = await agent.http(method, { 'mcp-protocol-version': '2026-07-28', accept: 'text/event-stream' });
      assert.equal(answer.status, 405);
      answer.leave();
    }
    const elsewhere = new ModernAgent(world, world.triage, '/mcp/elsewhere');
    assert.equal((await elsewhere.send('tools/list')).status, 404);
    assert.equal((await new ModernAgent(world, world.triage, '/mcp/').send('tools/list')).status, 404);
  });
});

function namesOf(message: Message): string[] {
  return listOf<{ name: string }>(message, 'tools').map(({ name }) => name);
}

function receiptOf(message: Message): string {
  return String(metaOf(message)['dev.sallyport/receipt']);
}
