import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Delegate, type Granted, Insider, manySources, nextHop } from '../support/delegations.ts';
import { openWorld, type World } from '../support/world.ts';

/**
 * An agent that was lent a little wants more: from its lender's token, by a grant that it writes or changes itself, by a
 * token that does not tell whom it passed through. The second half of the tests gives the attacker the gateway's own
 * signing key and database, and only what a chain says as a whole is left to convict it.
 */
const POLICIES = `
@id("journal") @reason("Every test's agent may use the journal.")
permit (principal, action == Action::"tool.call", resource in Server::"journal");
`;
const APPEND = { actions: ['tool.call'], resources: ['Tool::journal/append'] };

let world: World;
let insider: Insider;
let ann: Delegate;
let ben: Delegate;
let cyd: Delegate;
let dan: Delegate;

before(async () => {
  world = await openWorld({ policies: POLICIES });
  insider = new Insider(world);
  [ann, ben, cyd, dan] = [await register('ann'), await register('ben'), await register('cyd'), await register('dan')];
});
after(() => world.stop());

const from = manySources();

async function register(id: string): Promise<Delegate> {
  return new Delegate(await world.register(id, ['support'], { from }));
}

function granted(answer: Granted): string {
  assert.ok(answer.token, answer.said);
  return answer.token;
}

const to = (delegate: Delegate): string => delegate.agent.options.agent;
const runOf = (delegate: Delegate, token: string): string => String(delegate.acting(token).claims.run);

/** A chain through these delegates: the grants, and the token of the last one. */
async function chain(...delegates: Delegate[]): Promise<{ grants: string[]; token: string; last: Delegate }> {
  const grants: string[] = [];
  let token = delegates[0]!.agent.token;
  for (const [at, delegate] of delegates.entries()) {
    if (at === 0) continue;
    const grant = granted(await delegates[at - 1]!.lend(to(delegate), APPEND, undefined, token));
    grants.push(grant);
    token = granted(await delegate.redeem(grant));
  }
  return { grants, token, last: delegates.at(-1)! };
}

async function callWith(delegate: Delegate, token: string, line = 'ok'): Promise<string> {
  const answer = await world.call(delegate.acting(token), 'append', { line });
  const refused = answer.body as unknown as { error?: { data?: { code?: string } } | string };
  if (typeof refused.error === 'string') return refused.error;
  return refused.error?.data?.code ?? 'answered';
}

async function attempt(delegate: Delegate, claims: Record<string, unknown>): Promise<string> {
  return callWith(delegate, insider.token(claims));
}

test('an honest chain acts, and its receipt tells all of it', async () => {
  const { token, last, grants } = await chain(ann, ben, cyd);
  const { act, sub, client_id } = last.acting(token).claims;
  assert.deepEqual([sub, client_id, act], ['ann', 'cyd', { sub: 'cyd', act: { sub: 'ben' } }]);
  const called = await world.call(last.acting(token), 'append', { line: 'ok' });
  assert.equal(called.status, 200, called.text);
  const { 'dev.sallyport/receipt': id } = called.body.result!._meta as { 'dev.sallyport/receipt': string };
  const receipt = insider.receipt(id);
  const links = (receipt['chain'] as { actor: string; grant: string | null }[]).map(({ actor, grant }) => [
    actor,
    grant,
  ]);
  const [first, second] = grants.map((grant) => insider.read(grant).id);
  assert.deepEqual(
    [receipt['subject'], links],
    [
      null,
      [
        ['ann', null],
        ['ben', first],
        ['cyd', second],
      ],
    ],
  );
});

test('a lender’s token, however it was come by, is worth nothing to another', async () => {
  const stolen = ann.agent.token;
  assert.equal((await ben.lend('ben', APPEND, undefined, stolen)).code, 'delegation_actor_wrong');
  assert.equal((await ben.lend('cyd', APPEND, undefined, stolen)).code, 'delegation_actor_wrong');
  const form = { subject_token: stolen, subject_token_type: 'urn:ietf:params:oauth:token-type:access_token' };
  assert.equal((await ben.redeem('', form)).code, 'invalid_request');
});

test('a grant is good in one agent’s hands alone, and opens nothing by itself', async () => {
  const grant = granted(await ann.lend('ben', APPEND));
  assert.equal((await cyd.redeem(grant)).code, 'delegation_actor_wrong');
  assert.equal((await ben.redeem(grant, { actor_token: cyd.agent.token })).code, 'delegation_actor_wrong');
  assert.equal((await ben.redeem(grant, { actor_token: undefined })).code, 'invalid_request');
  assert.equal(await callWith(ben, grant), 'token_wrong_type');
  assert.equal((await ben.redeem(ben.agent.token)).code, 'delegation_forged');
  assert.equal((await ann.lend('ann', APPEND)).code, 'delegation_actor_wrong');
});

test('a grant that no key of the gateway signed, or that was changed by a character', async () => {
  const grant = granted(await ann.lend('ben', APPEND));
  const [header, payload, signature] = grant.split('.') as [string, string, string];
  const own = ben.agent.key.jwt(JSON.parse(Buffer.from(header, 'base64url').toString()), insider.read(grant));
  assert.equal((await ben.redeem(own)).code, 'delegation_forged');
  const wider = JSON.parse(Buffer.from(payload, 'base64url').toString());
  wider.hop.scope = { actions: null, resources: null, budgets: {} };
  const text = Buffer.from(JSON.stringify(wider)).toString('base64url');
  assert.equal((await ben.redeem(`${header}.${text}.${signature}`)).code, 'delegation_forged');
  const none = Buffer.from(JSON.stringify({ typ: 'sallyport-delegation+jwt', alg: 'none' })).toString('base64url');
  assert.equal((await ben.redeem(`${none}.${payload}.`)).code, 'delegation_forged');
});

test('an access outside of what was lent, whatever policies permit', async () => {
  const { token } = await chain(ann, ben);
  const outside = await world.call(ben.acting(token), 'read_text', { path: 'reports/x' });
  assert.equal(outside.body.error?.data?.['code'], 'delegation_exceeded');
  assert.match(outside.text, /Tool::journal\/append/);
  assert.equal(await callWith(ben, ben.agent.token), 'answered');
});

test('a hop more than is allowed', async () => {
  const { token } = await chain(ann, ben, cyd, dan);
  assert.equal((await dan.lend('ann', APPEND, undefined, token)).code, 'delegation_too_deep');
});

test('a delegated run is not gone on with by other means', async () => {
  const { token } = await chain(ann, ben);
  const response = await ben.agent.ask({ run: runOf(ben, token) });
  assert.equal(((await response.json()) as { error: string }).error, 'invalid_request');
});

test('the same grant again is the same run', async () => {
  const grant = granted(await ann.lend('ben', APPEND));
  const [first, second] = [granted(await ben.redeem(grant)), granted(await ben.redeem(grant))];
  assert.equal(runOf(ben, first), runOf(ben, second));
});

test('whoever is stopped anywhere in a chain has lent what it no longer has', async () => {
  type Made = { delegates: Delegate[] } & Awaited<ReturnType<typeof chain>>;
  const stops: ['agent' | 'run' | 'delegation', (made: Made) => string][] = [
    ['agent', ({ delegates }) => to(delegates[0]!)],
    ['agent', ({ delegates }) => to(delegates[1]!)],
    ['run', ({ delegates }) => String(delegates[0]!.agent.claims.run)],
    ['delegation', ({ grants }) => insider.read(grants[0]!).id],
  ];
  for (const [at, [kind, id]] of stops.entries()) {
    const delegates = await Promise.all(['x', 'y', 'z'].map((name) => register(`${name}${at}`)));
    const made = { delegates, ...(await chain(...delegates)) };
    assert.equal(await callWith(made.last, made.token), 'answered');
    const set = await world.local.call('stops.set', { body: { kind, id: id(made), reason: 'test' } });
    assert.ok(set.kind === 'ok');
    assert.equal(await callWith(made.last, made.token), 'stopped', kind);
    assert.equal((await made.last.redeem(made.grants[1]!)).code, 'stopped', kind);
  }
});

test('a lender’s run that ended ends what was lent from it', async () => {
  await ann.agent.renew();
  const { token } = await chain(ann, ben, cyd);
  assert.equal(await callWith(cyd, token), 'answered');
  await world.local.call('runs.end', { params: { run: String(ann.agent.claims.run) } });
  assert.equal(await callWith(cyd, token), 'run_ended');
  await ann.agent.renew();
});

// From here on the attacker has the signing key and the database.

test('a grant that is signed and was never granted', async () => {
  const grant = granted(await ann.lend('ben', APPEND));
  const hop = { ...insider.read(grant), id: `dlg_${'a'.repeat(26)}` };
  assert.equal((await ben.redeem(insider.sign(hop))).code, 'delegation_unknown');
  const changed = insider.sign({ ...insider.read(grant), scope: { actions: null, resources: null, budgets: {} } });
  assert.equal((await ben.redeem(changed)).code, 'delegation_forged');
});

test('a forged parent: another grant than the one that was lent from, or one that was lent to somebody else', async () => {
  const { grants, token } = await chain(ann, ben);
  const run = runOf(ben, token);
  const digest = 'ab'.repeat(32);
  const other = granted(await ann.lend('dan', APPEND));
  const bent = [
    nextHop(insider, grants[0]!, run, 'cyd', { parent: { id: insider.read(grants[0]!).id, digest } }),
    nextHop(insider, other, run, 'cyd', { lender: { kind: 'agent', id: 'ben', generation: 1, run } }),
    nextHop(insider, grants[0]!, String(ben.agent.claims.run), 'cyd'),
    nextHop(insider, grants[0]!, run, 'cyd', { subject: `usr_${'a'.repeat(26)}` }),
    nextHop(insider, grants[0]!, run, 'cyd', { parent: null }),
    nextHop(insider, grants[0]!, run, 'cyd', { depth: 1 }),
  ];
  for (const hop of bent) assert.equal((await cyd.redeem(insider.plant(hop))).code, 'delegation_forged');
  assert.ok((await cyd.redeem(insider.plant(nextHop(insider, grants[0]!, run, 'cyd')))).token);
});

test('a cut chain: a link that is gone, and one that never was', async () => {
  const { grants, token } = await chain(ann, ben);
  const grant = granted(await ben.lend('cyd', APPEND, undefined, token));
  insider.change('delete from identity_delegations where id = ?', [insider.read(grants[0]!).id]);
  assert.equal((await cyd.redeem(grant)).code, 'delegation_cut');
  const parent = { id: `dlg_${'0'.repeat(26)}`, digest: 'ab'.repeat(32) };
  const orphan = nextHop(insider, grants[0]!, runOf(ben, token), 'cyd', { parent });
  assert.equal((await cyd.redeem(insider.plant(orphan))).code, 'delegation_cut');
});

test('a hop that widens in scope, in budget and in time, signed and stored', async () => {
  const { grants, token } = await chain(ann, ben);
  const run = runOf(ben, token);
  const { scope, expires_at } = insider.read(grants[0]!);
  const wider = [
    { scope: { ...scope, actions: null } },
    { scope: { ...scope, resources: ['Tool::journal/*'] } },
    { scope: { ...scope, resources: [...scope.resources!, 'Tool::journal/read_text'] } },
    { expires_at: expires_at + 1 },
  ];
  for (const bent of wider) {
    const grant = insider.plant(nextHop(insider, grants[0]!, run, 'cyd', bent));
    assert.equal((await cyd.redeem(grant)).code, 'delegation_widens', JSON.stringify(bent));
  }
});

test('a hop too many, signed and stored', async () => {
  const { grants, token, last } = await chain(ann, ben, cyd, dan);
  const grant = insider.plant(nextHop(insider, grants[2]!, runOf(last, token), 'ben'));
  assert.equal((await ben.redeem(grant)).code, 'delegation_too_deep');
});

test('a stripped act, and every other way to tell another chain than the run has', async () => {
  const { token, last } = await chain(ann, ben, cyd);
  const claims = last.acting(token).claims;
  const other = await chain(ann, cyd);
  const { act: _act, ...stripped } = claims;
  const bent: Record<string, unknown>[] = [
    stripped,
    { ...claims, act: null },
    { ...claims, act: { sub: 'cyd' } },
    { ...claims, act: { sub: 'ben', act: { sub: 'cyd' } } },
    { ...claims, act: { sub: 'cyd', act: { sub: 'dan' } } },
    { ...claims, act: { sub: 'cyd', act: { sub: 'ben', act: { sub: 'ann' } } } },
    { ...claims, sub: `usr_${'a'.repeat(26)}` },
    { ...stripped, grant: undefined },
    { ...stripped, grant: undefined, sub: 'cyd' },
    { ...claims, grant: other.last.acting(other.token).claims.grant },
    { ...claims, run: cyd.agent.claims.run },
  ];
  for (const one of bent)
    assert.match(await attempt(cyd, one), /^delegation_act_(missing|wrong)$/, JSON.stringify(one));
  assert.equal(await attempt(cyd, claims), 'answered');
});
