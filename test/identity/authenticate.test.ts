import assert from 'node:assert/strict';
import { createHmac, hash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { Presented } from '../../src/core/exchange.ts';
import type { Caller } from '../../src/core/principal.ts';
import { isRefusal, type RefusalCode } from '../../src/core/refusal.ts';
import { type AgentClient, ProofKey } from '../support/agent-client.ts';
import { makeAgentKey, openWorld, type World } from '../support/identity.ts';

let world: World;
let client: AgentClient;

before(async () => {
  world = await openWorld();
  client = await world.agent();
});
after(() => world.close());

async function codeOf(presented: Presented): Promise<RefusalCode | 'accepted'> {
  const result = await world.identity.authenticate(presented);
  return isRefusal(result) ? result.code : 'accepted';
}

/** A request with this token and a proof that fits it in everything. */
function withToken(token: string, more: Partial<Presented> = {}): Presented {
  const url = world.issuer + (more.path ?? '/mcp');
  const proof = client.key.proof(more.method ?? 'POST', url, hash('sha256', token, 'base64url'));
  return world.present(client, { authorization: `DPoP ${token}`, proofs: [proof], ...more });
}

type Claims = Record<string, unknown>;

/** A request with the real token and a proof made of the honest claims and these. */
function withProof(claims: Claims, header: Claims = {}, key: ProofKey = client.key): Presented {
  const ath = hash('sha256', client.token, 'base64url');
  const iat = Math.floor(world.clock.now() / 1000);
  const jti = crypto.randomUUID();
  const proof = key.jwt(
    { typ: 'dpop+jwt', alg: key.algorithm, jwk: key.publicJwk, ...header },
    { jti, htm: 'POST', htu: `${world.issuer}/mcp`, iat, ath, ...claims },
  );
  return world.present(client, { proofs: [proof] });
}

const seconds = (): number => Math.floor(world.clock.now() / 1000);
const tampered = (text: string, at: number): string =>
  text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);

describe('a proven token', () => {
  test('names agent, run, key, token and a proof to claim', async () => {
    const caller = (await world.identity.authenticate(world.present(client))) as Caller;
    assert.deepEqual(caller.principal, { type: 'Agent', id: 'triage' });
    assert.equal(caller.credential.kind, 'dpop');
    assert.equal(caller.run, client.claims.run);
    assert.equal(caller.token, client.claims.jti);
    assert.equal(caller.proof?.jkt, caller.credential.thumbprint);
    const run = await world.identity.loadRun(caller);
    assert.ok(!isRefusal(run) && run.job === 'triage-issues' && run.agent === 'triage');
  });

  test('is accepted with an Ed25519 key, under either name of the algorithm', async () => {
    const ed = await world.agent({ id: 'edward', kind: 'Ed25519' });
    assert.equal(await codeOf(world.present(ed)), 'accepted');
    const ath = hash('sha256', ed.token, 'base64url');
    const claims = { jti: 'named', htm: 'POST', htu: `${world.issuer}/mcp`, iat: seconds(), ath };
    const proof = ed.key.jwt({ typ: 'dpop+jwt', alg: 'Ed25519', jwk: ed.key.publicJwk }, claims);
    assert.equal(await codeOf(world.present(ed, { proofs: [proof] })), 'accepted');
  });

  test('may be proven for an address with a query, another case of the host, or the default port', async () => {
    const host = new URL(world.issuer).host;
    assert.equal(await codeOf(withProof({ htu: `${world.issuer}/mcp?a=1#b` })), 'accepted');
    assert.equal(await codeOf(withProof({ htu: `HTTP://${host.toUpperCase()}/mcp` })), 'accepted');
    assert.equal(await codeOf(world.present(client, { path: '/mcp?x=1', proofs: [proofFor('/mcp')] })), 'accepted');
  });
});

function proofFor(path: string): string {
  return client.headers('POST', world.issuer + path).dpop;
}

describe('credentials that are refused, each with its own code', () => {
  const cases: [string, RefusalCode, () => Partial<Presented>][] = [
    ['no Authorization', 'credential_missing', () => ({ authorization: undefined })],
    ['an unknown scheme', 'credential_wrong_scheme', () => ({ authorization: 'Basic dXNlcjpwYXNz' })],
    ['a scheme without a token', 'credential_malformed', () => ({ authorization: 'DPoP ' })],
    [
      'two credentials in one header',
      'credential_malformed',
      () => ({ authorization: `DPoP ${client.token}, Bearer x` }),
    ],
    ['a token beyond any size', 'credential_malformed', () => ({ authorization: `DPoP ${'a'.repeat(100_000)}` })],
    ['a token that is no JWS', 'token_malformed', () => ({ authorization: 'DPoP not.a-token' })],
    ['a bound token as Bearer', 'token_needs_proof', () => ({ authorization: `Bearer ${client.token}` })],
    ['no proof', 'proof_missing', () => ({ proofs: [] })],
    ['two proofs', 'proof_repeated', () => ({ proofs: [proofFor('/mcp'), proofFor('/mcp')] })],
    ['a proof that is no JWS', 'proof_malformed', () => ({ proofs: ['x'] })],
    ['a proof beyond any size', 'proof_malformed', () => ({ proofs: [`${'a'.repeat(3_000)}.b.c`] })],
    ['a bearer secret as DPoP', 'credential_malformed', () => ({ authorization: `DPoP sp_${'a'.repeat(43)}` })],
    ['a bearer secret that nobody has', 'token_unknown', () => ({ authorization: `Bearer sp_${'a'.repeat(43)}` })],
    ['a bearer secret of another size', 'credential_malformed', () => ({ authorization: 'Bearer sp_short' })],
  ];
  for (const [what, code, change] of cases) {
    test(`${what}: ${code}`, async () => assert.equal(await codeOf(world.present(client, change())), code));
  }
});

describe('tokens that are refused', () => {
  const cases: [string, RefusalCode, () => string][] = [
    ['a changed signature', 'token_signature_invalid', () => tampered(client.token, client.token.length - 10)],
    ['a changed claim', 'token_signature_invalid', () => replaceClaims({ run: `run_${'a'.repeat(26)}` })],
    [
      'alg none',
      'token_wrong_algorithm',
      () => `${segment({ typ: 'at+jwt', alg: 'none' })}.${segment(client.claims)}.AA`,
    ],
    ['an HMAC keyed with the public key', 'token_wrong_algorithm', () => hmacToken()],
    ['another typ (an id token, say)', 'token_wrong_type', () => world.forge(client.claims, { typ: 'JWT' })],
    ['an unknown kid', 'token_key_unknown', () => world.forge(client.claims, { kid: 'key_elsewhere' })],
    ['a critical header', 'token_critical', () => world.forge(client.claims, { crit: ['b64'], b64: false })],
    ['another issuer', 'token_wrong_issuer', () => world.forge({ ...client.claims, iss: 'https://evil.example' })],
    [
      'another gateway’s audience',
      'token_wrong_audience',
      () => world.forge({ ...client.claims, aud: 'https://a.example/mcp' }),
    ],
    ['an audience list', 'token_wrong_audience', () => world.forge({ ...client.claims, aud: [world.issuer] })],
    [
      'an audience that begins like ours',
      'token_wrong_audience',
      () => world.forge({ ...client.claims, aud: `${world.issuer}0/mcp` }),
    ],
    [
      'an audience that climbs',
      'token_wrong_audience',
      () => world.forge({ ...client.claims, aud: `${world.issuer}/mcp/..` }),
    ],
    [
      'another server’s audience',
      'token_wrong_resource',
      () => world.forge({ ...client.claims, aud: `${world.issuer}/mcp/files` }),
    ],
    ['expired', 'token_expired', () => world.forge({ ...client.claims, exp: seconds() - 1 })],
    ['issued in the future', 'token_not_yet_valid', () => world.forge({ ...client.claims, iat: seconds() + 300 })],
    ['not before', 'token_not_yet_valid', () => world.forge({ ...client.claims, nbf: seconds() + 300 })],
    ['no expiry', 'token_expiry_missing', () => world.forge({ ...client.claims, exp: undefined })],
    ['no run', 'token_claim_missing', () => world.forge({ ...client.claims, run: undefined })],
    ['no key', 'token_not_bound', () => world.forge({ ...client.claims, cnf: undefined })],
    [
      'an agent that nobody registered',
      'agent_unknown',
      () => world.forge({ ...client.claims, client_id: 'ghost', sub: 'ghost' }),
    ],
    [
      'somebody’s name and no actor',
      'delegation_act_missing',
      () => world.forge({ ...client.claims, sub: `usr_${'a'.repeat(26)}` }),
    ],
    ['an earlier registration', 'token_revoked', () => world.forge({ ...client.claims, generation: 0 })],
  ];
  for (const [what, code, make] of cases) {
    test(`${what}: ${code}`, async () => assert.equal(await codeOf(withToken(make())), code));
  }
});

function segment(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function replaceClaims(claims: Claims): string {
  const [header, , signature] = client.token.split('.');
  return `${header}.${segment({ ...client.claims, ...claims })}.${signature}`;
}

function hmacToken(): string {
  const { kid } = world.keys.signing.reveal();
  const signed = `${segment({ typ: 'at+jwt', alg: 'HS256', kid })}.${segment(client.claims)}`;
  const secret = JSON.stringify(client.key.publicJwk);
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

describe('proofs that are refused', () => {
  const other = new ProofKey(makeAgentKey());
  const cases: [string, RefusalCode, () => Presented][] = [
    ['another key', 'proof_wrong_key', () => withProof({}, {}, other)],
    ['another key that claims ours', 'proof_invalid', () => withProof({}, { jwk: client.key.publicJwk }, other)],
    ['alg none', 'proof_wrong_algorithm', () => withProof({}, { alg: 'none' })],
    ['an algorithm of another key type', 'proof_wrong_algorithm', () => withProof({}, { alg: 'EdDSA' })],
    ['HS256', 'proof_wrong_algorithm', () => withProof({}, { alg: 'HS256' })],
    ['another typ', 'proof_wrong_type', () => withProof({}, { typ: 'JWT' })],
    ['no key', 'proof_key_invalid', () => withProof({}, { jwk: undefined })],
    ['a symmetric key', 'proof_key_private', () => withProof({}, { jwk: { kty: 'oct', k: 'AAAA' } })],
    [
      'the private half of its key',
      'proof_key_private',
      () => withProof({}, { jwk: { ...client.key.publicJwk, d: 'AA' } }),
    ],
    [
      'a point off the curve',
      'proof_key_invalid',
      () => withProof({}, { jwk: { ...client.key.publicJwk, x: 'A'.repeat(43) } }),
    ],
    ['a critical header', 'proof_critical', () => withProof({}, { crit: ['x'] })],
    ['no jti', 'proof_incomplete', () => withProof({ jti: undefined })],
    ['an empty jti', 'proof_incomplete', () => withProof({ jti: '' })],
    ['a jti of 200 characters', 'proof_incomplete', () => withProof({ jti: 'j'.repeat(200) })],
    ['a jti that is a number', 'proof_incomplete', () => withProof({ jti: 7 })],
    ['no iat', 'proof_incomplete', () => withProof({ iat: undefined })],
    ['an iat that is text', 'proof_incomplete', () => withProof({ iat: '1700000000' })],
    ['an iat beyond numbers', 'proof_incomplete', () => withProof({ iat: 1e300 })],
    ['another method', 'proof_wrong_method', () => withProof({ htm: 'GET' })],
    ['the method in lower case', 'proof_wrong_method', () => withProof({ htm: 'post' })],
    ['another path', 'proof_wrong_address', () => withProof({ htu: `${world.issuer}/mcp/other` })],
    ['another host', 'proof_wrong_address', () => withProof({ htu: 'https://evil.example/mcp' })],
    ['another scheme', 'proof_wrong_address', () => withProof({ htu: world.issuer.replace('http', 'https') })],
    [
      'a user in the address',
      'proof_wrong_address',
      () => withProof({ htu: `${world.issuer.replace('//', '//x@')}/mcp` }),
    ],
    ['an address that is none', 'proof_wrong_address', () => withProof({ htu: 'mcp' })],
    ['another token', 'proof_wrong_token', () => withProof({ ath: hash('sha256', 'another', 'base64url') })],
    ['no token', 'proof_token_missing', () => withProof({ ath: undefined })],
    ['a minute old', 'proof_expired', () => withProof({ iat: seconds() - 61 })],
    ['from the future', 'proof_from_future', () => withProof({ iat: seconds() + 60 })],
  ];
  for (const [what, code, make] of cases) {
    test(`${what}: ${code}`, async () => assert.equal(await codeOf(make()), code));
  }

  test('used before, one after the other and both at once: proof_replayed', async () => {
    const presented = world.present(client);
    assert.equal(await codeOf(presented), 'accepted');
    assert.equal(await codeOf(presented), 'proof_replayed');
    const twice = world.present(client);
    const codes = await Promise.all([codeOf(twice), codeOf(twice), codeOf(twice)]);
    assert.deepEqual(codes.sort(), ['accepted', 'proof_replayed', 'proof_replayed']);
  });

  test('the same jti in another proof: proof_replayed', async () => {
    assert.equal(await codeOf(withProof({ jti: 'again' })), 'accepted');
    assert.equal(await codeOf(withProof({ jti: 'again', iat: seconds() - 3 })), 'proof_replayed');
  });

  test('a proof that failed does not use up the jti of an honest one', async () => {
    assert.equal(await codeOf(withProof({ jti: 'mine' }, { jwk: client.key.publicJwk }, other)), 'proof_invalid');
    assert.equal(await codeOf(withProof({ jti: 'mine' })), 'accepted');
  });
});

describe('an audience of one path', () => {
  test('covers that path and those beneath it, no other', async () => {
    const narrow = await world.agent({ id: 'narrow', resource: `${world.issuer}/mcp/files` });
    const at = (path: string): Promise<string> => codeOf(world.present(narrow, { path }));
    assert.equal(await at('/mcp/files'), 'accepted');
    assert.equal(await at('/mcp/files/deep'), 'accepted');
    assert.equal(await at('/mcp'), 'token_wrong_resource');
    assert.equal(await at('/mcp/files-too'), 'token_wrong_resource');
    assert.equal(await at('/mcp/github'), 'token_wrong_resource');
  });
});

test('every replica knows the others’ signing keys, and one that was replaced ends', async () => {
  const world = await openWorld();
  const client = await world.agent();
  const other = await world.another();
  await world.state.poll();
  const keys = (await (await fetch(`${world.issuer}/oauth/jwks`)).json()) as { keys: { kid: string }[] };
  assert.equal(keys.keys.length, 2);
  assert.ok(!isRefusal(await other.identity.authenticate(world.present(client))));
  await world.db.query('update identity_signing_keys set used_at = 1 where kid = $1', [
    world.keys.signing.reveal().kid,
  ]);
  const third = await world.another();
  const late = await third.identity.authenticate(world.present(await world.agent({ id: 'late' })));
  assert.ok(isRefusal(late) && late.code === 'token_key_unknown');
  await world.close();
});

test('a token ends after ten minutes, also one that was verified and kept', async () => {
  const aging = await world.agent({ id: 'aging' });
  assert.equal(await codeOf(world.present(aging)), 'accepted');
  assert.equal(Number(aging.claims.exp) - Number(aging.claims.iat), 600);
  world.clock.forward(601_000);
  assert.equal(await codeOf(world.present(aging)), 'token_expired');
});
