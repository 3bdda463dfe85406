import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createPostgresDatabase } from '../support/databases.ts';
import { modern } from '../support/mcp-message.ts';
import { type Called, openWorld, type World } from '../support/world.ts';

/** Revocation reaches every replica within the lease, and a new exchange by its intent's transaction at once. */
const LEASE_MS = 1_000;

function codeOf({ body }: Called): unknown {
  return body.error?.data?.['code'] ?? body.result?._meta?.['dev.sallyport/code'];
}

describe('two gateways over one PostgreSQL', () => {
  let one: World;
  let two: World;
  let drop: () => unknown;

  before(async () => {
    const database = await createPostgresDatabase();
    drop = database.drop;
    one = await openWorld({ storage: database.url });
    two = await openWorld({ storage: database.url, beside: one });
  });
  after(async () => {
    await two?.stop();
    await one?.stop();
    await drop?.();
  });

  test('a token of one replica is good at the other, and both write one log', async () => {
    const first = await one.call(one.triage, 'append', { line: 'ok at one' });
    const second = await two.call(one.triage, 'append', { line: 'ok at two' });
    assert.equal(first.status, 200, first.text);
    assert.equal(second.body.result?.content?.[0]?.text, 'written', second.text);
    const receipt = first.headers.get('sallyport-receipt') as string;
    const story = await two.local.call('exchanges.story', { params: { receipt } });
    assert.equal(story.kind, 'ok', JSON.stringify(story));
  });

  test('one proof is accepted once, whichever replicas it is shown to', async () => {
    const { message, headers } = modern('tools/call', { name: 'append', arguments: { line: 'ok once' } });
    for (let round = 0; round < 10; round += 1) {
      const proof = one.triage.headers('POST', `${one.public_url}/mcp/journal`);
      const called = await Promise.all([one, two].map((world) => world.send(message, { ...headers, ...proof })));
      const accepted = called.filter(({ body }) => body.result && !body.result.isError);
      assert.equal(accepted.length, 1, called.map(({ text }) => text).join('\n'));
      assert.ok(
        called.some((answer) => codeOf(answer) === 'proof_replayed'),
        called.map(({ text }) => text).join('\n'),
      );
    }
  });

  test('an agent that one replica stops gets nothing more from the other', async () => {
    const agent = await one.register('runaway');
    const set = await one.local.call('stops.set', { body: { kind: 'agent', id: 'runaway', reason: 'a test' } });
    assert.equal(set.kind, 'ok', JSON.stringify(set));
    const refused = await two.call(agent, 'append', { line: 'ok runaway' });
    assert.notEqual(codeOf(refused), undefined, refused.text);
    assert.ok(!two.journal().includes('ok runaway'), 'it had an effect after the stop was committed');
    await sleep(LEASE_MS);
    assert.equal(codeOf(await two.call(agent, 'append', { line: 'ok runaway' })), 'stopped');
  });

  test('an agent that is registered at one is known at the other', async () => {
    const agent = await one.register('newcomer');
    await sleep(LEASE_MS);
    assert.equal(codeOf(await two.call(agent, 'append', { line: 'ok new' })), 'not_found');
  });
});
