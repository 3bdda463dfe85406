import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startHttpFixture } from '../fixtures/mcp/http.ts';
import { codeOf, type Message, ModernAgent, metaOf, SessionAgent, textOf } from '../support/mcp-agent.ts';
import { openWorld, type World } from '../support/world.ts';

const POLICIES = `
@id("all-of-the-fixture")
@reason("Both agents may use the fixture.")
permit (principal is Agent, action, resource in Server::"fixture");

@id("completions-for-the-fixture")
@reason("The fixture may ask for completions, and for nothing else.")
permit (principal == Tool::"fixture", action == Action::"sampling.create", resource == Agent::"triage");
`;

const INITIALIZE = { protocolVersion: '2024-11-05', capabilities: {}, clientInfo: { name: 'old', version: '1' } };

describe('agents of 2025-11-25', () => {
  let fixture: Awaited<ReturnType<typeof startHttpFixture>>;
  let world: World;
  let agent: SessionAgent;
  const open = async (path = '/mcp/fixture', capabilities = {}) => {
    const opened = new SessionAgent(world, world.triage, path);
    await opened.begin(capabilities);
    return opened;
  };
  before(async () => {
    fixture = await startHttpFixture();
    world = await openWorld({ policies: POLICIES, upstreams: `  fixture: { url: "${fixture.url}" }\n` });
    agent = await open('/mcp/fixture', { sampling: {}, elicitation: {} });
  });
  after(async () => {
    await world.stop();
    await fixture.close();
  });

  test('initialize negotiates, names the server, and begins a session', async () => {
    const fresh = new SessionAgent(world, world.triage, '/mcp/fixture');
    const told = await fresh.begin();
    assert.equal(told.result?.['protocolVersion'], '2025-11-25');
    assert.deepEqual(told.result?.['serverInfo'], { name: 'sallyport-fixture', version: '1.0.0' });
    assert.match(fresh.session, /^ses_/);
    const older = new SessionAgent(world, world.triage, '/mcp/fixture');
    older.version = '2024-11-05';
    const offered = await (await older.send('initialize', INITIALIZE)).last();
    assert.equal(offered.result?.['protocolVersion'], '2025-11-25');
    const old = new SessionAgent(world, world.triage, '/mcp');
    old.version = '2025-06-18';
    assert.equal((await old.begin()).result?.['protocolVersion'], '2025-06-18');
  });

  test('a ping is answered by nothing at all, and leaves a receipt', async () => {
    const answer = await agent.send('ping');
    assert.deepEqual((await answer.last()).result, {});
    assert.match(answer.headers.get('sallyport-receipt') ?? '', /^rcp_/);
  });

  test('results have none of the words of the newer revision', async () => {
    const { result } = await agent.ask('tools/call', { name: 'test_simple_text' });
    assert.equal(result?.['resultType'], undefined);
    assert.match(String(metaOf({ result: result ?? {} })['dev.sallyport/receipt']), /^rcp_/);
  });

  test('a server’s question comes on the stream of the call, and its answer goes back once', async () => {
    const call = await agent.send('tools/call', { name: 'test_sampling', arguments: { prompt: 'Say hello' } });
    const question = await call.until('sampling/createMessage');
    const answer = { role: 'assistant', content: { type: 'text', text: 'hello' }, model: 'm' };
    const stranger = await open();
    assert.equal(await stranger.answer(question?.id, answer), 400, 'only who was asked may answer');
    assert.equal(await agent.answer('ses_none', answer), 400);
    assert.equal(await agent.answer(question?.id, answer), 202);
    assert.equal(await agent.answer(question?.id, answer), 400, 'and only once');
    assert.match(textOf(await call.last()), /hello/);
  });

  test('a question that policy does not permit reaches nobody', async () => {
    const call = await agent.send('tools/call', { name: 'test_elicitation', arguments: { message: 'Your password?' } });
    const seen: Message[] = [];
    for (let message = await call.next(); message !== undefined; message = await call.next()) seen.push(message);
    assert.ok(seen.every(({ method }) => method !== 'elicitation/create'));
    assert.doesNotMatch(JSON.stringify(seen), /password/);
  });

  test('a question that the client did not offer to answer is not put to it', async () => {
    const mute = await open();
    const call = await mute.send('tools/call', { name: 'test_sampling', arguments: { prompt: 'Say hello' } });
    assert.equal((await call.until('sampling/createMessage'))?.method, undefined);
  });

  test('a stream that broke off is taken up where it ended', async () => {
    const call = await agent.send('tools/call', { name: 'test_tool_with_progress', _meta: { progressToken: 't' } });
    await call.until('notifications/progress');
    const last = call.seen.at(-1)?.id ?? '';
    call.leave();
    const rest = await agent.http('GET', agent.headers({ 'last-event-id': last, accept: 'text/event-stream' }));
    const seen: Message[] = [];
    for (let message = await rest.next(); message !== undefined; message = await rest.next()) seen.push(message);
    const progress = seen.filter(({ method }) => method === 'notifications/progress');
    assert.deepEqual(
      progress.map(({ params }) => params?.['progress']),
      [50, 100],
    );
    assert.ok(seen.at(-1)?.result, 'the answer comes on the new connection');
  });

  test('a server that asks to be polled has its agent poll too', async () => {
    const call = await agent.send('tools/call', { name: 'test_reconnection' });
    assert.equal(await call.next(), undefined);
    const last = call.seen.at(-1)?.id ?? '';
    const rest = await agent.http('GET', agent.headers({ 'last-event-id': last, accept: 'text/event-stream' }));
    assert.match(textOf(await rest.last()), /came back/);
  });

  test('the session’s own stream tells of changes and of watched resources, until the session ends', async () => {
    const watcher = await open();
    const stream = await watcher.http('GET', watcher.headers({ accept: 'text/event-stream' }));
    await watcher.ask('resources/subscribe', { uri: 'test://watched-resource' });
    await watcher.ask('tools/call', { name: 'test_trigger_resource_update' });
    const updated = await stream.until('notifications/resources/updated');
    assert.equal(updated?.params?.['uri'], 'test://watched-resource');
    assert.equal((await watcher.http('DELETE', watcher.headers())).status, 200);
    assert.equal(await stream.next(), undefined);
    assert.equal((await watcher.send('ping')).status, 404);
  });

  test('a cancelled request is cancelled', async () => {
    const id = 4711;
    // It goes on for as long as the agent says nothing.
    const params = { name: 'test_sampling', arguments: { prompt: 'Say hello' } };
    const call = await agent.send('tools/call', params, {}, id);
    assert.ok(await call.until('sampling/createMessage'));
    assert.equal(await agent.notify('notifications/cancelled', { requestId: id }), 202);
    const last = await call.last();
    assert.equal(last.result, undefined, JSON.stringify(last));
  });

  test('log lines follow the level of the session', async () => {
    const reader = await open();
    assert.deepEqual((await reader.ask('logging/setLevel', { level: 'error' })).result, {});
    const call = await reader.send('tools/call', { name: 'test_tool_with_logging' });
    assert.equal(await call.until('notifications/message'), undefined);
    assert.equal((await reader.ask('logging/setLevel', { level: 'loud' })).error?.code, -32602);
  });

  test('a session is nothing to another agent, another run, another door, or nobody', async () => {
    const own = await open();
    const other = new SessionAgent(world, await world.register('other'), '/mcp/fixture');
    other.session = own.session;
    const renewed = new SessionAgent(world, await world.register('triage'), '/mcp/fixture');
    renewed.session = own.session;
    const elsewhere = new SessionAgent(world, world.triage, '/mcp');
    elsewhere.session = own.session;
    for (const thief of [other, renewed, elsewhere]) {
      const answer = await thief.send('tools/call', { name: 'test_simple_text' });
      assert.equal(answer.status, 404);
      assert.equal(codeOf(await answer.last()), 'session_unknown');
      assert.equal((await thief.http('DELETE', thief.headers())).status, 404);
      assert.equal((await thief.http('GET', thief.headers({ accept: 'text/event-stream' }))).status, 404);
      assert.equal(await thief.notify('notifications/cancelled', { requestId: 1 }), 404);
    }
    assert.equal((await own.send('ping')).status, 200);
  });

  test('what is malformed is refused, each in its own way', async () => {
    const naked = new SessionAgent(world, world.triage, '/mcp/fixture');
    assert.equal((await naked.send('tools/list')).status, 400);
    assert.equal((await naked.http('GET', { accept: 'text/event-stream' })).status, 405);
    const batch = JSON.stringify([{ jsonrpc: '2.0', id: 1, method: 'ping' }]);
    assert.equal((await agent.http('POST', agent.headers(), batch)).status, 400);
    assert.equal((await agent.http('POST', agent.headers({ 'mcp-protocol-version': '2024-11-05' }), '{}')).status, 400);
    assert.equal((await agent.ask('server/discover')).error?.code, -32601);
    assert.equal((await agent.ask('resources/read', { uri: 'sallyport' })).error?.code, -32602);
    assert.equal((await agent.http('PUT', agent.headers(), '{}')).status, 404);
    const gone = agent.headers({ accept: 'text/event-stream', 'last-event-id': 'none-1' });
    assert.equal((await agent.http('GET', gone)).status, 404);
  });

  test('both revisions are spoken at one address', async () => {
    const modern = new ModernAgent(world, world.triage, '/mcp/fixture');
    const both = await Promise.all([
      modern.ask('tools/call', { name: 'test_simple_text' }),
      agent.ask('tools/call', { name: 'test_simple_text' }),
    ]);
    assert.equal(textOf(both[0]), textOf(both[1]));
  });
});
