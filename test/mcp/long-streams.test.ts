import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startHttpFixture } from '../fixtures/mcp/http.ts';
import { ModernAgent, metaOf, SessionAgent } from '../support/mcp-agent.ts';
import { openWorld, type World } from '../support/world.ts';

const POLICIES = `
@id("all")
@reason("Triage may use the fixture.")
permit (principal, action, resource);
`;

/** No exchange lasts longer than two seconds here. */
const SHORT = 'limits: { exchange_ms_max: 2000 }\n';

describe('streams on which agents only listen', () => {
  let fixture: Awaited<ReturnType<typeof startHttpFixture>>;
  let world: World;
  before(async () => {
    fixture = await startHttpFixture();
    const upstreams = `  fixture: { url: "${fixture.url}" }\n`;
    world = await openWorld({ policies: POLICIES, upstreams, extra: SHORT });
  });
  after(() => fixture.close());

  /** It follows the last frame, since nothing was written. */
  async function outcomeOf(receipt: string): Promise<string> {
    for (;;) {
      const story = await world.local.call('exchanges.story', { params: { receipt } });
      assert.equal(story.kind, 'ok', JSON.stringify(story));
      if (story.value.outcome !== null) return story.value.outcome.kind;
      await sleep(20);
    }
  }

  test('end by themselves and say so, before they would be cut', async () => {
    const agent = new ModernAgent(world, world.triage, '/mcp/fixture');
    const notifications = { toolsListChanged: true, resourceSubscriptions: ['test://watched-resource'] };
    const stream = await agent.send('subscriptions/listen', { notifications });
    const last = await stream.last();
    assert.equal(last.result?.['resultType'], 'complete', JSON.stringify(last));
    assert.equal(metaOf(last)['io.modelcontextprotocol/subscriptionId'], last.id);
    const receipt = String(metaOf(last)['dev.sallyport/receipt']);
    assert.equal(await outcomeOf(receipt), 'completed');
  });

  test('end without a word where they answer nothing', async () => {
    const agent = new SessionAgent(world, world.triage, '/mcp/fixture');
    await agent.begin();
    const stream = await agent.http('GET', agent.headers({ accept: 'text/event-stream' }));
    assert.equal(await stream.next(), undefined);
    assert.equal((await agent.send('ping')).status, 200, 'the session goes on');
  });

  test('end at once when the gateway stops', async () => {
    const agent = new ModernAgent(world, world.triage, '/mcp/fixture');
    const stream = await agent.send('subscriptions/listen', { notifications: { promptsListChanged: true } });
    await stream.next();
    const from = performance.now();
    const [last] = await Promise.all([stream.last(), world.stop()]);
    assert.equal(last.result?.['resultType'], 'complete', JSON.stringify(last));
    assert.ok(performance.now() - from < 1_900);
  });
});
