import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { run as cli } from '../cli/support.ts';
import { AgentClient } from '../support/agent-client.ts';
import { Delegate, Insider } from '../support/delegations.ts';
import { type Operator, openOperator } from '../support/person.ts';
import { openWorld, type World } from '../support/world.ts';

/** A run is of a job, for a purpose, in a user's name: granted at registration or by the user, and never because it was said. */
const LIMIT = { timeout: 60_000 };
const POLICIES = `
@id("refunds") @reason("In ada's name, to refund.")
permit (principal, action == Action::"tool.call", resource == Tool::"journal/append")
when { context.run has subject && context.run.subject.name == "ada" }
when { context.run has purpose && context.run.purpose == "refunds" };
`;

let world: World;
let ada: Operator;
let helper: AgentClient;
let other: AgentClient;
let insider: Insider;

before(async () => {
  world = await openWorld({ policies: POLICIES });
  insider = new Insider(world);
  ada = await openOperator(world);
  helper = await world.register('helper', ['support', 'audit'], {
    purposes: ['refunds', 'questions'],
    users: ['Ada', 'bob'],
  });
  other = await world.register('other', ['support'], { purposes: ['refunds'] });
});
after(() => world.stop());

type Answer = { access_token?: string; error?: string; error_description?: string };

async function ask(agent: AgentClient, form: Record<string, string | undefined>): Promise<Answer> {
  return (await (await agent.ask(form)).json()) as Answer;
}

function acting(agent: AgentClient, token: string | undefined): AgentClient {
  assert.ok(token);
  const client = new AgentClient(agent.options);
  client.use(token);
  return client;
}

async function callWith(agent: AgentClient): Promise<{ code: unknown; receipt: Record<string, unknown> | undefined }> {
  const { body } = await world.call(agent, 'append', { line: 'ok' });
  const id = body.result?._meta?.['dev.sallyport/receipt'];
  const code = body.error === undefined ? 'answered' : (body.error.data?.['code'] ?? body.error);
  return { code, receipt: typeof id === 'string' ? insider.receipt(id) : undefined };
}

test('purpose and user that were granted are in the token, in policy and in the receipt', LIMIT, async () => {
  const granted = acting(helper, (await ask(helper, { purpose: 'refunds', user: 'ada' })).access_token);
  const { sub, act } = granted.claims;
  assert.match(String(sub), /^usr_/);
  assert.deepEqual(act, { sub: 'helper' });
  const { code, receipt } = await callWith(granted);
  assert.equal(code, 'answered');
  assert.deepEqual([receipt?.['purpose'], receipt?.['subject'], receipt?.['chain']], ['refunds', sub, []]);
  assert.ok(!JSON.stringify(receipt).includes('ada'), 'a person’s name is no part of a receipt');
});

test('what was not granted is refused, however it is said', LIMIT, async () => {
  for (const [agent, form] of [
    [helper, { purpose: 'fraud' }],
    [helper, { purpose: 'Refunds' }],
    [helper, { purpose: 'refunds,questions' }],
    [helper, { user: 'carol' }],
    [helper, { user: 'bob' }],
    [other, { user: 'ada' }],
    [other, { user: 'ada ', purpose: 'refunds' }],
    [other, { purpose: 'questions' }],
  ] as const) {
    assert.equal((await ask(agent, form)).error, 'invalid_scope', JSON.stringify(form));
  }
  const asserted = acting(
    other,
    (await ask(other, { sub: 'usr_x', subject: 'ada', act: '{}', on_behalf_of: 'ada' })).access_token,
  );
  assert.deepEqual([asserted.claims.sub, asserted.claims.act], ['other', undefined]);
  assert.notEqual((await callWith(asserted)).code, 'answered');
});

test('a purpose may be left unsaid where there is one; without one there is none', LIMIT, async () => {
  const runs = await world.local.call('runs.list', {});
  assert.ok(runs.kind === 'ok');
  const purposes = new Map(runs.value.runs.map(({ agent, purpose }) => [agent, purpose]));
  assert.deepEqual([purposes.get('other'), purposes.get('triage')], ['refunds', null]);
});

test('a token tells its run’s user: one that leaves it out, or names another, is refused', LIMIT, async () => {
  const granted = acting(helper, (await ask(helper, { purpose: 'refunds', user: 'ada' })).access_token);
  const { act: _act, ...claims } = granted.claims;
  for (const bent of [
    claims,
    { ...claims, sub: 'helper' },
    { ...claims, sub: `usr_${'a'.repeat(26)}`, act: { sub: 'helper' } },
  ]) {
    const { code } = await callWith(acting(helper, insider.token(bent)));
    assert.match(String(code), /^delegation_act_(missing|wrong)$/);
  }
});

test('a run that a person opens has a token for itself alone, and ends by them', LIMIT, async () => {
  const body = { agent: 'helper', job: 'support', purpose: 'refunds', user: 'ada', minutes: 5 };
  const opened = await ada.client.call('runs.start', { body });
  assert.ok(opened.kind === 'ok', JSON.stringify(opened));
  const { run, secret } = opened.value;
  assert.deepEqual(
    [run.subject, run.purpose, Math.round((run.expires_at - run.opened_at) / 1000)],
    ['ada', 'refunds', 300],
  );
  const bearer = { authorization: `Bearer ${secret}`, dpop: '' };
  const send = async () => {
    const { body } = await world.call(helper, 'append', { line: 'ok' }, { headers: bearer });
    return body.error?.data?.['code'] ?? (body as unknown as { error?: string }).error ?? 'answered';
  };
  assert.equal(await send(), 'answered');
  assert.equal(await send(), 'answered');
  const { value } = (await world.local.call('runs.list', {})) as { value: { runs: { id: string; agent: string }[] } };
  assert.equal(value.runs.filter(({ agent }) => agent === 'helper')[0]?.id, run.id, 'and opens no other');
  // The agent with its key goes on with it, and nobody else does.
  assert.ok((await ask(helper, { run: run.id })).access_token);
  assert.equal((await ask(other, { run: run.id })).error, 'invalid_request');
  const shown = await world.local.call('runs.show', { params: { run: run.id } });
  assert.ok(shown.kind === 'ok' && shown.value.run.ended_at === null);
  assert.equal((await world.local.call('runs.end', { params: { run: run.id } })).kind, 'ok');
  assert.equal(await send(), 'run_ended');
  assert.equal((await ask(helper, { run: run.id })).error, 'invalid_request');
});

test('a person opens no run for what was not granted', LIMIT, async () => {
  for (const [body, code] of [
    [{ agent: 'helper', job: 'pay' }, 'job_not_granted'],
    [{ agent: 'helper', job: 'support', purpose: 'fraud' }, 'purpose_not_granted'],
    [{ agent: 'helper', job: 'support', user: 'carol' }, 'user_not_granted'],
    [{ agent: 'nobody', job: 'support' }, 'not_found'],
  ] as const) {
    const answer = await world.local.call('runs.start', { body });
    assert.equal(answer.kind === 'failure' && answer.problem.code, code);
  }
  // Their own name is theirs to give, to whatever agent.
  const own = await ada.client.call('runs.start', { body: { agent: 'other', job: 'support', user: 'ada' } });
  assert.equal(own.kind, 'ok');
  const hers = await world.local.call('runs.start', { body: { agent: 'other', job: 'support', user: 'ada' } });
  assert.equal(hers.kind === 'failure' && hers.problem.code, 'user_not_granted');
});

test(
  'a user lends an agent, which lends another: the call at the end is theirs, and a stop of the user ends it',
  LIMIT,
  async () => {
    const scope = { actions: ['tool.call'], resources: ['Tool::journal/*'] };
    const nobody = await world.local.call('delegations.lend', { body: { agent: 'other', ...scope } });
    assert.equal(nobody.kind === 'failure' && nobody.problem.code, 'sign_in_required');
    const lent = await ada.client.call('delegations.lend', { body: { agent: 'other', ...scope } });
    assert.ok(lent.kind === 'ok', JSON.stringify(lent));
    const [first, second] = [new Delegate(other), new Delegate(helper)];
    const redeemed = await first.redeem(lent.value.grant, { purpose: 'refunds' });
    assert.ok(redeemed.token, redeemed.said);
    const own = first.acting(redeemed.token);
    assert.equal((await callWith(own)).code, 'answered');
    const next = await first.lend('helper', { resources: ['Tool::journal/append'] }, 60, redeemed.token);
    assert.ok(next.token, next.said);
    const last = await second.redeem(next.token, { job: 'support', purpose: 'refunds' });
    assert.ok(last.token, last.said);
    const end = second.acting(last.token);
    assert.deepEqual(end.claims.act, { sub: 'helper', act: { sub: 'other' } });
    const { code, receipt } = await callWith(end);
    assert.equal(code, 'answered');
    const links = receipt?.['chain'] as { actor: string }[];
    assert.deepEqual([receipt?.['subject'], links.map(({ actor }) => actor)], [end.claims.sub, ['other', 'helper']]);
    const body = { kind: 'user' as const, id: String(end.claims.sub), reason: 'test' };
    assert.equal((await world.local.call('stops.set', { body })).kind, 'ok');
    assert.equal((await callWith(end)).code, 'stopped');
  },
);

test('the command line opens, shows and ends a run', LIMIT, async () => {
  const config = ['--config', `${world.folder}/sallyport.yaml`];
  const opened = await cli(['agent', 'run', 'helper', '--job', 'audit', '--purpose', 'questions', '--json', ...config]);
  assert.equal(opened.code, 0, opened.err);
  const { run, secret } = JSON.parse(opened.out) as { run: { id: string }; secret: string };
  assert.match(secret, /^sp_/);
  assert.match((await cli(['run', 'list', ...config])).out, new RegExp(`${run.id}\\s+helper\\s+audit\\s+questions`));
  assert.match((await cli(['run', 'show', run.id, ...config])).out, /questions/);
  assert.equal((await cli(['run', 'end', run.id, ...config])).code, 0);
  assert.match((await cli(['run', 'show', run.id, ...config])).out, /ended/);
  assert.equal((await cli(['run', 'end', run.id, ...config])).code, 1);
  assert.equal((await cli(['run', 'begin', ...config])).code, 2);
  assert.equal((await cli(['agent', 'run', 'helper', '--job', 'pay', ...config])).code, 1);
});
