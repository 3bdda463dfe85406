import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '../../src/api/client/index.ts';
import { socketTransport } from '../../src/api/client/socket.ts';
import type { Story } from '../../src/api/contract/index.ts';
import { verifyLog } from '../../src/controls/audit/verify.ts';
import { Delegate } from '../support/delegations.ts';
import { ModernAgent } from '../support/mcp-agent.ts';
import { type Operator, openOperator } from '../support/person.ts';
import { type Called, openWorld, type World } from '../support/world.ts';

/**
 * Observing lets through what policy refuses, and nothing else: not who is not known, not what is stopped, not pinned, not
 * lent, not asked of a person. Whoever could turn it on alone, or make it last, would have turned policy off.
 */
suite('while the gateway observes', () => {
  let world: World;
  let person: Operator;

  before(async () => {
    world = await openWorld();
    person = await openOperator(world);
    const on = await person.client.call('mode.observe', { body: { minutes: 60, reason: 'a test' } });
    assert.equal(on.kind, 'ok', JSON.stringify(on));
  });
  after(() => world.stop());

  const metaOf = ({ body }: Called) => body.result?._meta ?? body.error?.data ?? {};
  const codeOf = (called: Called) => metaOf(called)['dev.sallyport/code'] ?? metaOf(called)['code'];
  const receiptOf = (called: Called) => String(metaOf(called)['dev.sallyport/receipt'] ?? metaOf(called)['receipt']);

  async function storyOf(receipt: string): Promise<Story> {
    for (let tries = 0; ; tries += 1) {
      const answer = await world.local.call('exchanges.story', { params: { receipt } });
      if (answer.kind === 'ok' && answer.value.exchange.state !== 'open') return answer.value;
      assert.ok(tries < 200, JSON.stringify(answer));
      await sleep(25);
    }
  }

  test('what policy refuses is let through, and nothing about it looks permitted', async () => {
    const lines = world.journal().length;
    const called = await world.call(world.triage, 'append', { line: 'not ok' });
    assert.equal(called.body.result?.content?.[0]?.text, 'written', called.text);
    assert.equal(world.journal().length, lines + 1);
    const { exchange } = await storyOf(receiptOf(called));
    assert.deepEqual(
      [exchange.decision, exchange.mode, exchange.state, exchange.code, exchange.policies],
      ['deny', 'observing', 'completed', 'policy_denied', ['default-deny']],
    );
    const story = await storyOf(exchange.receipt);
    assert.match(story.sentence, /No policy permits that.*The gateway was observing, so it was let through/);
    assert.equal(story.explanation?.remedy.kind, 'policy');
    const [receipt] = story.receipts;
    assert.deepEqual(receipt?.receipt['observing'], { would: 'deny', code: 'policy_denied' });
    assert.equal(receipt?.receipt['version'], 2);
  });

  test('what policy permits says all the same that nobody enforced', async () => {
    const called = await world.call(world.triage, 'append', { line: 'ok' });
    const { exchange } = await storyOf(receiptOf(called));
    assert.deepEqual([exchange.decision, exchange.mode], ['permit', 'observing']);
  });

  test('lists show what could be used, for who does not see a tool does not call it', async () => {
    const stranger = new ModernAgent(world, await world.register('stranger'), '/mcp/journal');
    const message = await stranger.ask('tools/list', {});
    const tools = ((message.result?.['tools'] ?? []) as { name: string }[]).map(({ name }) => name);
    assert.deepEqual(tools.sort(), ['append', 'echo', 'read_text']);
  });

  test('who is not known stays out', async () => {
    const { headers } = { headers: { 'content-type': 'application/json' } };
    const called = await world.send({ jsonrpc: '2.0', id: 1, method: 'tools/list' }, headers);
    assert.equal(called.status, 401);
  });

  test('what is stopped stays stopped', async () => {
    const agent = await world.register('wild');
    const stop = await world.local.call('stops.set', { body: { kind: 'agent', id: 'wild', reason: 'test' } });
    assert.equal(stop.kind, 'ok');
    const called = await world.call(agent, 'append', { line: 'ok' });
    assert.equal(codeOf(called), 'stopped', called.text);
  });

  test('what was not lent is not lent, nor shown', async () => {
    const [lender, borrower] = [
      new Delegate(await world.register('lender')),
      new Delegate(await world.register('borrower')),
    ];
    const lent = await lender.lend('borrower', { actions: ['tool.call'], resources: ['Tool::journal/read_text'] });
    const token = await borrower.redeem(lent.token!);
    const acting = borrower.acting(token.token!);
    const called = await world.call(acting, 'append', { line: 'ok' });
    assert.equal(codeOf(called), 'delegation_exceeded', called.text);
    const listed = await new ModernAgent(world, acting, '/mcp/journal').ask('tools/list', {});
    assert.deepEqual(
      ((listed.result?.['tools'] ?? []) as { name: string }[]).map(({ name }) => name),
      ['read_text'],
    );
  });

  test('what a tool does not declare is refused, and what needs a person waits for one', async () => {
    const misfit = await world.call(world.triage, 'append', { line: 7 });
    assert.equal(codeOf(misfit), 'arguments_invalid', misfit.text);
    const held = await world.call(world.triage, 'append', { line: 'ok hold' });
    assert.equal(codeOf(held), 'approval_unavailable', held.text);
    assert.match(receiptOf(held), /^rcp_/);
  });

  test('what was pinned otherwise is refused', async () => {
    await world.call(world.triage, 'read_text', { path: 'reports/a' }, { server: 'unannotated' });
    const unpinned = await person.client.call('tools.unpin', { body: { server: 'unannotated', reason: 'test' } });
    assert.equal(unpinned.kind, 'ok', JSON.stringify(unpinned));
    const called = await world.call(world.triage, 'read_text', { path: 'reports/a' }, { server: 'unannotated' });
    assert.equal(codeOf(called), 'tool_not_approved', called.text);
  });

  test('every screen says so', async () => {
    const status = await world.local.call('status', {});
    assert.ok(status.kind === 'ok');
    assert.equal(status.value.mode, 'observing');
    assert.ok((status.value.observing_until ?? 0) > status.value.now);
    let said = 0;
    const watching = createClient(
      socketTransport(world.running.socket_path as string, (until) => {
        said = until;
      }),
      'test',
    );
    await watching.call('policy', {});
    assert.equal(said, status.value.observing_until);
    const stranger = await fetch(`${world.running.console_url}/api/policy`, { headers: { 'sallyport-client': 'x' } });
    assert.equal(stranger.headers.get('sallyport-observing-until'), null, 'a stranger is not told');
  });

  test('nobody turns it on alone, for long, or without a word', async () => {
    const alone = await world.local.call('mode.observe', { body: { minutes: 5, reason: 'r' } });
    assert.ok(alone.kind === 'failure');
    assert.equal(alone.problem.code, 'presence_required');
    for (const body of [
      { minutes: 1_441, reason: 'r' },
      { minutes: 0, reason: 'r' },
      { minutes: 5 },
      { minutes: 5, reason: '' },
    ]) {
      const answer = await person.client.call('mode.observe', { body: body as { minutes: number; reason: string } });
      assert.ok(answer.kind === 'failure');
      assert.equal(answer.problem.code, 'input_invalid', JSON.stringify(body));
    }
    const token = await fetch(`${world.running.console_url}/api/mode/observe`, {
      method: 'POST',
      headers: {
        ...world.triage.headers('POST', `${world.public_url}/mcp/journal`),
        'content-type': 'application/json',
      },
      body: JSON.stringify({ minutes: 5, reason: 'r' }),
    });
    assert.ok(token.status === 401 || token.status === 403, String(token.status));
  });

  test('the log of it verifies', async () => {
    const folder = join(world.folder, '.sallyport', 'log');
    for (let tries = 0; ; tries += 1) {
      const { verdict, problems } = await verifyLog(folder, {});
      assert.deepEqual(problems, []);
      if (verdict === 'self-asserted' || verdict === 'verified') break;
      assert.ok(tries < 20, verdict);
    }
  });

  test('enforcing takes nobody’s presence, and counts from the next call on', async () => {
    const off = await world.local.call('mode.enforce', { body: { reason: 'seen enough' } });
    assert.ok(off.kind === 'ok');
    assert.equal(off.value.mode, 'enforcing');
    const called = await world.call(world.triage, 'append', { line: 'not ok' });
    assert.equal(codeOf(called), 'policy_denied', called.text);
    const { exchange } = await storyOf(receiptOf(called));
    assert.equal(exchange.mode, 'enforcing');
    assert.equal((await storyOf(exchange.receipt)).receipts[0]?.receipt['observing'], undefined);
  });
});
