import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Input } from '../../src/api/contract/index.ts';
import { startHttpFixture } from '../fixtures/mcp/http.ts';
import { SessionAgent } from '../support/mcp-agent.ts';
import { type Operator, openOperator } from '../support/person.ts';
import { openWorld, type World } from '../support/world.ts';

const POLICIES = `
@id("neighbour")
@reason("One agent may always."
)
permit (principal == Agent::"neighbour", action, resource);

@id("asked-back")
@reason("The fixture may ask agents.")
permit (principal is Tool, action, resource);

@id("never")
@reason("Lines that say never are for nobody.")
forbid (principal, action == Action::"tool.call", resource == Tool::"journal/append")
when { context.args.line like "never*" };
`;

/** Longest wait for what has to happen; on a machine of today it happens in some milliseconds. */
const WAIT_MS_MAX = 20_000;

describe('temporary privilege, through the front door', () => {
  let fixture: Awaited<ReturnType<typeof startHttpFixture>>;
  let world: World;
  let operator: Operator;
  before(async () => {
    fixture = await startHttpFixture();
    world = await openWorld({ policies: POLICIES, upstreams: `  fixture: { url: "${fixture.url}" }\n` });
    operator = await openOperator(world);
  });
  after(async () => {
    await world.stop();
    await fixture.close();
  });

  type Body = Input<'grants.give'>['body'];
  const elicits = (agent: string, more: Partial<Body> = {}): Body => ({
    agent,
    actions: ['tool.call'],
    resource: { type: 'Tool', id: 'fixture/test_elicitation' },
    for_seconds: 3_600,
    reason: 'a test needs it',
    ...more,
  });
  const appends = (more: Partial<Body> = {}): Body => ({
    ...elicits('triage', more),
    resource: { type: 'Tool', id: 'journal/append' },
    ...more,
  });
  async function give(body: Body) {
    const given = await operator.client.call('grants.give', { body });
    assert.ok(given.kind === 'ok', JSON.stringify(given));
    return given.value;
  }
  async function end(grant: string): Promise<void> {
    const ended = await operator.client.call('grants.end', { params: { grant }, body: { reason: 'the test is over' } });
    assert.equal(ended.kind, 'ok', JSON.stringify(ended));
  }
  const append = (line: string) => world.call(world.triage, 'append', { line });

  async function ends(stream: { last(): Promise<unknown> }): Promise<unknown> {
    const late = new Promise((_, reject) => setTimeout(() => reject(new Error('still open')), WAIT_MS_MAX).unref());
    return Promise.race([stream.last(), late]);
  }

  /** A call that waits for its agent's answer, for as long as nobody cuts it. */
  async function openCall(agent: string) {
    const session = new SessionAgent(world, await world.register(agent), '/mcp/fixture');
    await session.begin({ elicitation: {} });
    const call = await session.send('tools/call', { name: 'test_elicitation', arguments: { message: 'Who?' } });
    return { session, call };
  }

  test('what is given is permitted until it is ended, and each receipt and story names the grant', async () => {
    await append('ok before it');
    const { grant, warnings } = await give(appends({ when: 'context.args.line like "ok*"' }));
    assert.match(warnings.join(), /the prohibition never may still refuse/);
    const called = await append('ok by grant');
    assert.ok(called.body.result, called.text);
    const receipt = called.headers.get('sallyport-receipt') ?? '';
    const story = await operator.client.call('exchanges.story', { params: { receipt } });
    assert.ok(story.kind === 'ok', JSON.stringify(story));
    assert.deepEqual(story.value.exchange.policies, [grant.policy]);
    const explained = story.value.explanation?.accesses[0]?.policies.find(({ id }) => id === grant.policy);
    assert.deepEqual([explained?.outcome, explained?.determining], ['satisfied', true]);
    await append('never mind, a grant lifts no prohibition');
    await append('its condition holds');
    await end(grant.id);
    await append('ok after it');
    assert.deepEqual(world.journal(), ['ok by grant']);
  });

  test('the answer of can counts what stands open', async () => {
    const asked = { agent: 'triage', action: 'tool.call', resource: 'journal/append', args: { line: 'ok' } };
    const { grant } = await give(appends());
    const may = await operator.client.call('can', { body: asked });
    assert.ok(may.kind === 'ok' && may.value.effect === 'permit', JSON.stringify(may));
    await end(grant.id);
    const no = await operator.client.call('can', { body: asked });
    assert.ok(no.kind === 'ok' && no.value.effect === 'deny');
  });

  test('without presence, or to nobody who is registered, nothing is given', async () => {
    const absent = await world.local.call('grants.give', { body: appends() });
    assert.ok(absent.kind === 'failure' && absent.problem.code === 'presence_required', JSON.stringify(absent));
    const nobody = await operator.client.call('grants.give', { body: elicits('nobody-at-all') });
    assert.ok(nobody.kind === 'failure' && /There is no agent nobody-at-all/.test(nobody.problem.message));
    const long = await operator.client.call('grants.give', { body: appends({ for_seconds: 28_801 }) });
    assert.ok(long.kind === 'failure' && /at most 28800 seconds/.test(JSON.stringify(long)), JSON.stringify(long));
    const listed = await world.local.call('grants.list', { query: {} });
    assert.ok(listed.kind === 'ok' && listed.value.grants.length === 0);
  });

  test('ended early, it cuts the call in flight that rests on it, and no other', async () => {
    await world.register('lent');
    const { grant } = await give(elicits('lent'));
    const lent = await openCall('lent');
    const own = await openCall('neighbour');
    assert.ok((await lent.call.until('elicitation/create'))?.id);
    const question = await own.call.until('elicitation/create');
    await end(grant.id);
    assert.match(JSON.stringify(await ends(lent.call)), /stopped/);
    await own.session.answer(question?.id, { action: 'accept', content: { response: 'me' } });
    assert.ok(((await ends(own.call)) as { result?: object }).result);
    const again = await lent.session.send('tools/call', { name: 'test_elicitation', arguments: { message: 'Who?' } });
    assert.match(JSON.stringify(await again.last()), /not_found/);
  });

  test('at its end by itself, it cuts the call in flight that rests on it, and says that its time was up', async () => {
    await world.register('short');
    const { grant } = await give(elicits('short', { for_seconds: 3 }));
    const { session, call } = await openCall('short');
    assert.ok((await call.until('elicitation/create'))?.id);
    assert.match(JSON.stringify(await ends(call)), /exchange_timed_out|stopped/);
    const after = await session.send('tools/call', { name: 'test_elicitation', arguments: { message: 'Who?' } });
    assert.match(JSON.stringify(await after.last()), /not_found/);
    for (let waited = 0; waited < WAIT_MS_MAX; waited += 100) {
      const all = await world.local.call('grants.list', { query: { ended: 'true' } });
      assert.ok(all.kind === 'ok');
      const found = all.value.grants.find(({ id }) => id === grant.id);
      if (found?.ended_by === 'gateway') return assert.equal(found.ended_at, found.expires_at);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.fail('its end was never recorded');
  });
});
