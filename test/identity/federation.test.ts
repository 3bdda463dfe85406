import assert from 'node:assert/strict';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { registeredThumbprint, type TrustedIssuer } from '../../src/controls/identity/index.ts';
import { isRefusal } from '../../src/core/refusal.ts';
import { openEgress } from '../../src/enforcement/index.ts';
import { AgentClient } from '../support/agent-client.ts';
import { makeAgentKey, openWorld, publicHalf, type World } from '../support/identity.ts';
import { type Issuer, jws, openIssuer } from '../support/issuer.ts';

/** Workloads that another issuer vouches for, with its real keys read over real HTTP. */
const key = makeAgentKey();
const thumbprint = registeredThumbprint(publicHalf(key))!;
const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
let world: World;
let issuer: Issuer;
let holding: Issuer;
let egress: ReturnType<typeof openEgress>;
let client: AgentClient;

const rules: TrustedIssuer['rules'] = [
  { claims: { repository: ['acme/site', 'acme/docs'], ref: 'refs/heads/main' }, agent: 'deploy', job: 'release' },
  { claims: { repository: 'acme/site' }, agent: 'deploy', job: 'check' },
  { claims: { groups: 'builders' }, agent: 'deploy', job: 'check' },
  { claims: { repository: 'acme/gone' }, agent: 'nobody', job: 'check' },
  { claims: { repository: 'acme/more' }, agent: 'deploy', job: 'never-granted' },
];

before(async () => {
  issuer = await openIssuer();
  holding = await openIssuer();
  egress = openEgress({ clock: { now: Date.now, monotonic: () => performance.now(), after: later }, environment: {} });
  const issuers = [
    { issuer: issuer.issuer, once: true, rules },
    { issuer: holding.issuer, once: false, rules },
  ];
  world = await openWorld(undefined, { documents: egress.documents, issuers });
  issuer.audience = world.issuer;
  holding.audience = world.issuer;
  const added = await world.identity.agents.add({ id: 'deploy', owner: 'ops', jobs: ['release', 'check'] }, 'local');
  assert.ok(!isRefusal(added));
  client = new AgentClient({ issuer: world.issuer, agent: 'deploy', key });
});
after(async () => {
  await world.close();
  await egress.close();
  issuer.close();
  holding.close();
});

function later(ms: number, work: () => void): () => void {
  const timer = setTimeout(work, ms);
  return () => clearTimeout(timer);
}

/** What the token endpoint makes of an assertion: the run's job, or its error and our code. */
async function exchange(assertion: string | undefined, more: Record<string, string | undefined> = {}): Promise<string> {
  const answer = await client.ask({
    grant_type: GRANT,
    client_assertion: undefined,
    client_assertion_type: undefined,
    assertion,
    ...more,
  });
  const body = (await answer.json()) as { access_token?: string; error?: string; error_description?: string };
  if (body.access_token === undefined) return `${body.error} ${body.error_description}`;
  client.use(body.access_token);
  return String(client.claims['job']);
}

/** What `check identity` makes of a token sent straight to a resource. */
async function present(token: string): Promise<string> {
  client.use(token);
  const caller = await world.identity.authenticate(world.present(client));
  if (isRefusal(caller)) return caller.code;
  const run = await world.identity.loadRun(caller);
  return isRefusal(run) ? run.code : `${caller.agent.id} ${run.job}`;
}

const bound = (claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}) =>
  issuer.token(
    { aud: `${world.issuer}/mcp`, client_id: 'ci', cnf: { jkt: thumbprint }, ...claims },
    { typ: 'at+jwt', ...header },
  );

describe('a workload’s assertion', () => {
  test('becomes a token of ours, for the agent and the job that a rule names', async () => {
    assert.equal(await exchange(issuer.token({ ref: 'refs/heads/main' })), 'release');
    assert.equal(await exchange(issuer.token({ ref: 'refs/heads/other' })), 'check');
    assert.equal(await exchange(issuer.token({ repository: 'x', groups: ['a', 'builders'] })), 'check');
    const caller = await world.identity.authenticate(world.present(client));
    assert.ok(!isRefusal(caller), isRefusal(caller) ? caller.reason : '');
    assert.equal(caller.agent.id, 'deploy');
    const accepted = world.recorded.find(({ event }) => event === 'workload.accept');
    assert.deepEqual(accepted?.payload, {
      issuer: issuer.issuer,
      subject: 'repo:acme/site',
      agent: 'deploy',
      job: 'release',
    });
  });

  test('cannot choose a job by asking for it', async () => {
    assert.equal(await exchange(issuer.token(), { scope: 'job:release', job: 'release' }), 'check');
  });

  test('counts once, unless the operator says otherwise of the issuer', async () => {
    const assertion = issuer.token();
    assert.equal(await exchange(assertion), 'check');
    assert.equal(await exchange(assertion), 'invalid_grant assertion_replayed');
    const held = holding.token({ jti: undefined });
    assert.equal(await exchange(held), 'check');
    assert.equal(await exchange(held), 'check');
  });

  const now = Math.floor(Date.now() / 1000);
  const refused: [string, string, () => string | undefined][] = [
    ['of another issuer', 'invalid_grant issuer_unknown', () => issuer.token({ iss: 'https://login.example.com' })],
    [
      'of an issuer with one more slash',
      'invalid_grant issuer_unknown',
      () => issuer.token({ iss: `${issuer.issuer}/` }),
    ],
    [
      'for somebody else',
      'invalid_grant token_wrong_audience',
      () => issuer.token({ aud: 'https://elsewhere.example' }),
    ],
    [
      'for us and somebody else',
      'invalid_grant token_audience_ambiguous',
      () => issuer.token({ aud: [world.issuer, 'x'] }),
    ],
    ['for nobody', 'invalid_grant token_wrong_audience', () => issuer.token({ aud: undefined })],
    ['that has expired', 'invalid_grant token_expired', () => issuer.token({ exp: now - 1 })],
    ['from the future', 'invalid_grant token_not_yet_valid', () => issuer.token({ iat: now + 120, exp: now + 200 })],
    ['that lives for a week', 'invalid_grant token_lives_too_long', () => issuer.token({ exp: now + 604_800 })],
    ['without an end', 'invalid_grant token_expiry_missing', () => issuer.token({ exp: undefined })],
    ['without a subject', 'invalid_grant token_claim_missing', () => issuer.token({ sub: undefined })],
    ['without a name of its own', 'invalid_grant token_claim_missing', () => issuer.token({ jti: undefined })],
    ['that names an actor', 'invalid_grant token_delegated', () => issuer.token({ act: { sub: 'x' } })],
    ['with alg none', 'invalid_grant token_wrong_algorithm', () => issuer.token({}, { alg: 'none' })],
    ['with an HMAC', 'invalid_grant token_wrong_algorithm', () => issuer.token({}, { alg: 'HS256' })],
    [
      'with another algorithm than its key',
      'invalid_grant token_wrong_algorithm',
      () => issuer.token({}, { alg: 'RS256' }),
    ],
    ['that is an access token', 'invalid_grant token_wrong_type', () => issuer.token({}, { typ: 'at+jwt' })],
    ['that is a logout token', 'invalid_grant token_wrong_type', () => issuer.token({}, { typ: 'logout+jwt' })],
    ['with a critical header', 'invalid_grant token_critical', () => issuer.token({}, { crit: ['b64'], b64: false })],
    ['by a key that nobody has', 'invalid_grant token_key_unknown', () => issuer.token({}, { kid: 'third' })],
    ['by no key', 'invalid_grant token_key_unknown', () => issuer.token({}, { kid: undefined })],
    ['signed by somebody else', 'invalid_grant token_signature_invalid', () => forged()],
    ['that no rule fits', 'invalid_grant workload_unmapped', () => issuer.token({ repository: 'acme/Site' })],
    [
      'whose claim is only like a rule',
      'invalid_grant workload_unmapped',
      () => issuer.token({ repository: 'acme/site2' }),
    ],
    ['whose agent is not registered', 'invalid_grant agent_unknown', () => issuer.token({ repository: 'acme/gone' })],
    ['whose job is not granted', 'invalid_grant job_not_granted', () => issuer.token({ repository: 'acme/more' })],
    ['that is no JWT', 'invalid_grant issuer_unknown', () => 'a.b.c'],
    ['that is missing', 'invalid_request grant_refused', () => undefined],
  ];
  for (const [what, code, make] of refused) {
    test(`${what} is refused: ${code}`, async () => assert.equal(await exchange(make()), code));
  }

  function forged(): string {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const claims = { iss: issuer.issuer, aud: world.issuer, sub: 'x', iat: now, exp: now + 60, jti: randomUUID() };
    return jws({ alg: 'ES256', kid: 'first' }, { ...claims, repository: 'acme/site' }, privateKey);
  }

  test('without a proof of a key, or with one for elsewhere, gets nothing', async () => {
    const form = { grant_type: GRANT, client_assertion: undefined, client_assertion_type: undefined };
    const codeOf = async (dpop: string) => {
      const answer = await client.ask({ ...form, assertion: issuer.token() }, { dpop });
      return ((await answer.json()) as { error_description: string }).error_description;
    };
    assert.equal(await codeOf(''), 'proof_malformed');
    assert.equal(await codeOf(client.key.proof('POST', `${world.issuer}/mcp`)), 'proof_wrong_address');
    const proof = client.key.proof('POST', `${world.issuer}/oauth/token`);
    assert.equal(await codeOf(`${proof}, ${proof}`), 'token_needs_proof');
    const once = client.key.proof('POST', `${world.issuer}/oauth/token`);
    const answer = await client.ask({ ...form, assertion: issuer.token() }, { dpop: once });
    assert.equal(answer.status, 200);
    assert.equal(await codeOf(once), 'proof_replayed');
  });

  test('for a resource elsewhere gets nothing', async () => {
    assert.equal(
      await exchange(issuer.token(), { resource: 'https://elsewhere.example' }),
      'invalid_target grant_refused',
    );
  });

  test('of a stopped agent gets nothing', async () => {
    const stop = await world.identity.stops.set({ kind: 'agent', id: 'deploy', reason: 'test', by: 'local' });
    assert.ok(!isRefusal(stop));
    assert.equal(await exchange(issuer.token()), 'access_denied stopped');
    assert.equal(await present(bound()), 'stopped');
    assert.equal(await world.identity.stops.lift(stop.stop, 'local'), undefined);
  });
});

describe('an access token of another issuer', () => {
  test('opens the resource that it is for, in one run for each workload and key', async () => {
    assert.equal(await present(bound()), 'deploy check');
    const first = await world.identity.authenticate(world.present(client));
    client.use(bound());
    const second = await world.identity.authenticate(world.present(client));
    assert.ok(!isRefusal(first) && !isRefusal(second));
    assert.equal(first.run, second.run);
    assert.notEqual(first.token, second.token);
    assert.equal(first.credential.thumbprint, thumbprint);
    assert.equal(await present(bound({ aud: world.issuer })), 'deploy check');
  });

  test('ends with its run', async () => {
    client.use(bound());
    const caller = await world.identity.authenticate(world.present(client));
    assert.ok(!isRefusal(caller));
    assert.equal(await world.identity.runs.end(caller.run, 'local'), undefined);
    const next = await world.identity.authenticate(world.present(client));
    assert.ok(!isRefusal(next));
    assert.notEqual(next.run, caller.run);
  });

  const now = Math.floor(Date.now() / 1000);
  const refused: [string, string, () => string][] = [
    ['an ID token', 'token_wrong_type', () => bound({}, { typ: 'JWT' })],
    ['a token without a type', 'token_wrong_type', () => bound({}, { typ: undefined })],
    ['alg none', 'token_wrong_algorithm', () => bound({}, { alg: 'none' })],
    ['another audience', 'token_wrong_audience', () => bound({ aud: 'https://elsewhere.example/mcp' })],
    [
      'two audiences',
      'token_audience_ambiguous',
      () => bound({ aud: [`${world.issuer}/mcp`, 'https://elsewhere.example'] }),
    ],
    ['another path of ours', 'token_wrong_resource', () => bound({ aud: `${world.issuer}/mcp/files` })],
    ['a path that climbs', 'token_wrong_audience', () => bound({ aud: `${world.issuer}/mcp/..` })],
    ['an expired token', 'token_expired', () => bound({ exp: now - 1 })],
    ['one from the future', 'token_not_yet_valid', () => bound({ nbf: now + 120 })],
    ['one for a day', 'token_lives_too_long', () => bound({ exp: now + 86_400 })],
    ['one bound to nothing', 'token_not_bound', () => bound({ cnf: undefined })],
    ['one bound to a certificate', 'token_not_bound', () => bound({ cnf: { 'x5t#S256': 'x' } })],
    ['one bound to another key', 'proof_wrong_key', () => bound({ cnf: { jkt: 'x'.repeat(43) } })],
    ['one with an actor', 'token_delegated', () => bound({ act: { sub: 'x' } })],
    ['one without a client', 'token_claim_missing', () => bound({ client_id: undefined })],
    ['one without a jti', 'token_claim_missing', () => bound({ jti: undefined })],
    ['an unknown key', 'token_key_unknown', () => bound({}, { kid: 'third' })],
    ['a changed payload', 'token_signature_invalid', () => changed()],
    ['a workload of no rule', 'workload_unmapped', () => bound({ repository: 'evil/site' })],
    ['an issuer that is not trusted', 'token_wrong_issuer', () => bound({ iss: 'https://login.example.com' })],
  ];
  for (const [what, code, make] of refused) {
    test(`${what} is refused: ${code}`, async () => assert.equal(await present(make()), code));
  }

  function changed(): string {
    const [header, payload, signature] = bound().split('.') as [string, string, string];
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const other = Buffer.from(JSON.stringify({ ...claims, ref: 'refs/heads/main' })).toString('base64url');
    return `${header}.${other}.${signature}`;
  }

  test('as Bearer, or without a proof, is refused', async () => {
    client.use(bound());
    const presented = world.present(client);
    const bearer = { ...presented, authorization: `Bearer ${client.token}` };
    const codes = [bearer, { ...presented, proofs: [] }].map((each) => world.identity.authenticate(each));
    const said = (await Promise.all(codes)).map((caller) => (isRefusal(caller) ? caller.code : 'accepted'));
    assert.deepEqual(said, ['token_needs_proof', 'proof_missing']);
  });
});

describe('an issuer’s keys', () => {
  test('are not asked for again because a stranger makes up names of keys', async () => {
    await present(bound());
    const before = issuer.asked.get('/keys');
    for (let n = 0; n < 50; n++) assert.equal(await present(bound({}, { kid: `made-up-${n}` })), 'token_key_unknown');
    assert.ok(issuer.asked.get('/keys')! <= before! + 1);
  });

  test('that were rotated are read anew, and the old ones count no more', async () => {
    const old = bound();
    world.clock.forward(31_000);
    issuer.rotate('second');
    assert.equal(await present(bound()), 'deploy check');
    assert.equal(await present(old), 'token_key_unknown');
  });

  const bad: [string, unknown][] = [
    ['no JSON', '<html>'],
    ['no set', { keys: 'none' }],
    ['too many', { keys: Array.from({ length: 65 }, (_, n) => ({ kid: `${n}` })) }],
    ['more bytes than a set has', { keys: [], filling: 'x'.repeat(300 * 1024) }],
    ['two of one name', undefined],
  ];
  for (const [what, body] of bad) {
    test(`that are ${what} are nobody’s`, async () => {
      const other = await openIssuer();
      const kid = 'first';
      const twice = { keys: [1, 2].map(() => ({ kid, kty: 'EC', crv: 'P-256', ...point() })) };
      other.answers.set('/keys', { body: body ?? twice });
      const own = await openWorld(undefined, {
        documents: egress.documents,
        issuers: [{ issuer: other.issuer, once: true, rules }],
      });
      other.audience = own.issuer;
      const asking = new AgentClient({ issuer: own.issuer, agent: 'deploy', key });
      const form = { grant_type: GRANT, client_assertion: undefined, client_assertion_type: undefined };
      const answer = await asking.ask({ ...form, assertion: other.token() });
      const { error_description } = (await answer.json()) as { error_description: string };
      assert.equal(error_description, body === undefined ? 'token_key_unknown' : 'issuer_unavailable');
      other.close();
      await own.close();
    });
  }

  function point(): Record<string, unknown> {
    return { ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }) };
  }

  test('of a discovery document that names another issuer are nobody’s', async () => {
    const other = await openIssuer();
    other.answers.set('/.well-known/openid-configuration', {
      body: { issuer: 'https://login.example.com', jwks_uri: `${other.issuer}/keys` },
    });
    const own = await openWorld(undefined, {
      documents: egress.documents,
      issuers: [{ issuer: other.issuer, once: true, rules }],
    });
    other.audience = own.issuer;
    const asking = new AgentClient({ issuer: own.issuer, agent: 'deploy', key });
    const form = { grant_type: GRANT, client_assertion: undefined, client_assertion_type: undefined };
    const answer = await asking.ask({ ...form, assertion: other.token() });
    assert.equal(answer.status, 503);
    assert.equal(other.asked.get('/keys'), undefined);
    other.close();
    await own.close();
  });
});
