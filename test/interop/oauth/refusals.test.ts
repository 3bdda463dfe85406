import assert from 'node:assert/strict';
import { createHmac, createPrivateKey, hash, type KeyObject, sign } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, readFileSync } from 'node:fs';
import { type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ProofKey } from '../../support/agent-client.ts';
import { makeAgentKey } from '../../support/identity.ts';
import { modern } from '../../support/mcp-message.ts';
import { openWorld, type World } from '../../support/world.ts';

/** What each standard says must not be taken, sent to a running gateway as it would arrive, and the code that answers. */
let world: World;
let nonces: World;
let signing: { key: KeyObject; kid: string };

before(async () => {
  world = await openWorld();
  nonces = await openWorld();
  // The file is read again while the gateway runs.
  appendFileSync(join(nonces.folder, 'sallyport.yaml'), '\nauthorization: { dpop_nonces: required }\n');
  signing = signingKeyOf(world);
});
after(async () => {
  await world.stop();
  await nonces.stop();
});

function signingKeyOf({ folder }: World): { key: KeyObject; kid: string } {
  const jwk = JSON.parse(readFileSync(join(folder, '.sallyport', 'keys', 'token-signing.jwk'), 'utf8'));
  return { key: createPrivateKey({ key: jwk, format: 'jwk' }), kid: jwk.kid };
}

type Values = Record<string, unknown>;
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const seconds = () => Math.floor(Date.now() / 1000);
const PATH = '/mcp/journal';
const url = () => world.public_url + PATH;

/** A token that the gateway itself could have signed, but for what the case says. */
function token(claims: Values = {}, header: Values = {}, key: KeyObject = signing.key): string {
  const head = encode({ typ: 'at+jwt', alg: 'ES256', kid: signing.kid, ...header });
  const signed = `${head}.${encode({ ...world.triage.claims, ...claims })}`;
  return `${signed}.${sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

function proof(claims: Values = {}, header: Values = {}, key = world.triage.key, of = world.triage.token): string {
  const head = { typ: 'dpop+jwt', alg: key.algorithm, jwk: key.publicJwk, ...header };
  const ath = hash('sha256', of, 'base64url');
  const jti = crypto.randomUUID();
  return key.jwt(head, { jti, htm: 'POST', htu: url(), iat: seconds(), ath, ...claims });
}

const { message, headers: named } = modern('tools/call', { name: 'append', arguments: { line: 'ok refused' } });
type Sent = { authorization?: string; dpop?: string | string[] };

async function codeOf({ authorization, dpop }: Sent): Promise<string> {
  const headers = new Headers(named as Record<string, string>);
  if (authorization !== undefined) headers.set('authorization', authorization);
  for (const each of [dpop ?? []].flat()) headers.append('dpop', each);
  const answer = await fetch(url(), { method: 'POST', headers, body: JSON.stringify(message) });
  const body = (await answer.json()) as { error?: { data?: { code?: string } } };
  return body.error?.data?.code ?? `status ${answer.status}`;
}

/** The token in question with a proof that fits it in everything. */
const bearing = (text: string): Sent => ({
  authorization: `DPoP ${text}`,
  dpop: proof({}, {}, world.triage.key, text),
});
const proven = (dpop: string | string[]): Sent => ({ authorization: `DPoP ${world.triage.token}`, dpop });

const stranger = new ProofKey(makeAgentKey());
const foreign = createPrivateKey({ key: { ...makeAgentKey() }, format: 'jwk' });
const publicOf = (key: ProofKey) => key.publicJwk;

function hmac(): string {
  const signed = `${encode({ typ: 'at+jwt', alg: 'HS256', kid: signing.kid })}.${encode(world.triage.claims)}`;
  const secret = encode(publicOf(world.triage.key));
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

const person = `usr_${'a'.repeat(26)}`;
const CASES: [string, string, () => Sent][] = [
  // RFC 6750 and RFC 9110
  ['no credential', 'credential_missing', () => ({})],
  ['another scheme', 'credential_wrong_scheme', () => ({ authorization: 'Basic dTpw' })],
  ['no token', 'credential_malformed', () => ({ authorization: 'Bearer ' })],
  ['two credentials in one header', 'credential_malformed', () => ({ authorization: `Bearer a, DPoP b` })],
  ['a bearer secret that nobody has', 'token_unknown', () => ({ authorization: `Bearer sp_${'a'.repeat(43)}` })],
  // RFC 7515, 7519, 8725 and 9068
  ['no JWS', 'token_malformed', () => bearing('abc')],
  ['alg none', 'token_wrong_algorithm', () => bearing(`${token({}, { alg: 'none' }).replace(/[^.]*$/, '')}AA`)],
  ['HS256 keyed with a public key', 'token_wrong_algorithm', () => bearing(hmac())],
  ['another algorithm', 'token_wrong_algorithm', () => bearing(token({}, { alg: 'RS256' }))],
  ['the typ of an id token', 'token_wrong_type', () => bearing(token({}, { typ: 'JWT' }))],
  ['the typ of a proof', 'token_wrong_type', () => bearing(token({}, { typ: 'dpop+jwt' }))],
  ['a critical header', 'token_critical', () => bearing(token({}, { crit: ['b64'], b64: true }))],
  ['an unknown kid', 'token_key_unknown', () => bearing(token({}, { kid: 'key_elsewhere' }))],
  ['no kid', 'token_key_unknown', () => bearing(token({}, { kid: undefined }))],
  ['another key under our kid', 'token_signature_invalid', () => bearing(token({}, {}, foreign))],
  ['a claim that was changed', 'token_signature_invalid', () => bearing(changed())],
  ['another issuer', 'token_wrong_issuer', () => bearing(token({ iss: 'https://evil.example' }))],
  ['an audience elsewhere', 'token_wrong_audience', () => bearing(token({ aud: 'https://evil.example' }))],
  ['another server’s audience', 'token_wrong_resource', () => bearing(token({ aud: `${world.public_url}/mcp/files` }))],
  ['an audience that begins like ours', 'token_wrong_audience', () => bearing(token({ aud: `${world.public_url}0` }))],
  [
    'several audiences',
    'token_audience_ambiguous',
    () => bearing(token({ aud: [world.public_url, 'https://b.example'] })),
  ],
  ['expired', 'token_expired', () => bearing(token({ exp: seconds() - 1 }))],
  ['issued in the future', 'token_not_yet_valid', () => bearing(token({ iat: seconds() + 600 }))],
  ['not before', 'token_not_yet_valid', () => bearing(token({ nbf: seconds() + 600 }))],
  ['no expiry', 'token_expiry_missing', () => bearing(token({ exp: undefined }))],
  ['no run', 'token_claim_missing', () => bearing(token({ run: undefined }))],
  ['no cnf', 'token_not_bound', () => bearing(token({ cnf: undefined }))],
  ['bound twice', 'token_bound_twice', () => bearing(token({ cnf: { jkt: 'a', 'x5t#S256': 'b' } }))],
  ['an unregistered agent', 'agent_unknown', () => bearing(token({ client_id: 'ghost', sub: 'ghost' }))],
  ['an earlier registration', 'token_revoked', () => bearing(token({ generation: 0 }))],
  ['a run that never was', 'run_unknown', () => bearing(token({ run: `run_${'0'.repeat(26)}` }))],
  // RFC 8693
  ['a person’s token without its act', 'delegation_act_missing', () => bearing(token({ sub: person }))],
  ['an act that names another', 'delegation_act_wrong', () => bearing(token({ sub: person, act: { sub: 'other' } }))],
  // RFC 8705
  ['bound to a certificate that nobody shows', 'token_wrong_certificate', () => certificateBound()],
  // RFC 9449
  ['a bound token as Bearer', 'token_needs_proof', () => ({ authorization: `Bearer ${world.triage.token}` })],
  ['no proof', 'proof_missing', () => ({ authorization: `DPoP ${world.triage.token}` })],
  ['two proofs in one header', 'proof_malformed', () => proven([proof(), proof()])],
  ['no proof at all in the header', 'proof_malformed', () => proven('x')],
  ['another typ', 'proof_wrong_type', () => proven(proof({}, { typ: 'JWT' }))],
  ['a proof of alg none', 'proof_wrong_algorithm', () => proven(proof({}, { alg: 'none' }))],
  ['a proof of HS256', 'proof_wrong_algorithm', () => proven(proof({}, { alg: 'HS256' }))],
  ['a critical header in the proof', 'proof_critical', () => proven(proof({}, { crit: ['x'] }))],
  ['no key', 'proof_key_invalid', () => proven(proof({}, { jwk: undefined }))],
  ['a key off its curve', 'proof_key_invalid', () => proven(proof({}, { jwk: offCurve() }))],
  [
    'the private half',
    'proof_key_private',
    () => proven(proof({}, { jwk: { ...world.triage.key.publicJwk, d: 'A' } })),
  ],
  ['another key', 'proof_wrong_key', () => proven(proof({}, {}, stranger))],
  [
    'our key, another’s signature',
    'proof_invalid',
    () => proven(proof({}, { jwk: world.triage.key.publicJwk }, stranger)),
  ],
  ['no jti', 'proof_incomplete', () => proven(proof({ jti: undefined }))],
  ['no iat', 'proof_incomplete', () => proven(proof({ iat: undefined }))],
  ['another method', 'proof_wrong_method', () => proven(proof({ htm: 'GET' }))],
  ['another address', 'proof_wrong_address', () => proven(proof({ htu: `${world.public_url}/mcp/files` }))],
  ['another host', 'proof_wrong_address', () => proven(proof({ htu: `https://evil.example${PATH}` }))],
  ['another token’s hash', 'proof_wrong_token', () => proven(proof({ ath: hash('sha256', 'x', 'base64url') }))],
  ['no hash of the token', 'proof_token_missing', () => proven(proof({ ath: undefined }))],
  ['made too long ago', 'proof_expired', () => proven(proof({ iat: seconds() - 120 }))],
  ['made in the future', 'proof_from_future', () => proven(proof({ iat: seconds() + 120 }))],
];

function changed(): string {
  const [head, , signature] = world.triage.token.split('.');
  return `${head}.${encode({ ...world.triage.claims, job: 'admin' })}.${signature}`;
}

function offCurve(): Values {
  return { ...world.triage.key.publicJwk, x: 'A'.repeat(43) };
}

function certificateBound(): Sent {
  return { authorization: `Bearer ${token({ cnf: { 'x5t#S256': 'a'.repeat(43) } })}` };
}

describe('a running gateway refuses, with a code of its own,', () => {
  assert.ok(new Set(CASES.map(([, code]) => code)).size >= 40);
  for (const [what, code, make] of CASES) {
    test(`${what}: ${code}`, async () => assert.equal(await codeOf(make()), code));
  }

  test('two proofs, each in a header of its own: proof_repeated', async () => {
    const headers = { ...named, authorization: `DPoP ${world.triage.token}`, dpop: [proof(), proof()] };
    const sent = request(url(), { method: 'POST', headers: headers as OutgoingHttpHeaders });
    sent.end(JSON.stringify(message));
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    const body = JSON.parse((await answer.toArray()).join('')) as { error: { data: { code: string } } };
    assert.equal(body.error.data.code, 'proof_repeated');
  });

  test('a run that has ended: run_ended; an agent that is stopped: stopped', async () => {
    const brief = await world.register('brief');
    const codeFor = async () => (await world.call(brief, 'append', { line: 'ok refused' })).body.error?.data?.['code'];
    const ended = await world.local.call('runs.end', { params: { run: String(brief.claims['run']) } });
    assert.equal(ended.kind, 'ok');
    assert.equal(await codeFor(), 'run_ended');
    const stopped = await world.local.call('stops.set', { body: { kind: 'agent', id: 'brief', reason: 'a test' } });
    assert.equal(stopped.kind, 'ok');
    assert.equal(await codeFor(), 'stopped');
  });

  test('a proof that was used: proof_replayed', async () => {
    const once = proof();
    assert.equal(await codeOf(proven(once)), 'status 200');
    assert.equal(await codeOf(proven(once)), 'proof_replayed');
  });

  test('nothing was done for any of them', () => {
    assert.equal(world.journal().filter((line) => line.includes('refused')).length, 1);
  });
});

describe('where proofs carry nonces', () => {
  const send = async (nonce: string | undefined): Promise<Response> => {
    const target = nonces.public_url + PATH;
    const ath = hash('sha256', nonces.triage.token, 'base64url');
    const claims = { jti: crypto.randomUUID(), htm: 'POST', htu: target, iat: seconds(), ath };
    const { key } = nonces.triage;
    const dpop = key.jwt({ typ: 'dpop+jwt', alg: key.algorithm, jwk: key.publicJwk }, { ...claims, nonce });
    const headers = { ...(named as Record<string, string>), authorization: `DPoP ${nonces.triage.token}`, dpop };
    return fetch(target, { method: 'POST', headers, body: JSON.stringify(message) });
  };
  const told = async (answer: Response) =>
    ((await answer.json()) as { error?: { data?: { code?: string } } }).error?.data?.code;

  test('one without is told which; one that is made up, too; one that was told is accepted', async () => {
    const deadline = Date.now() + 20_000;
    let missing = await send(undefined);
    while (missing.status === 200 && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      missing = await send(undefined);
    }
    assert.equal(await told(missing), 'proof_nonce_missing');
    assert.match(String(missing.headers.get('www-authenticate')), /use_dpop_nonce/);
    assert.equal(await told(await send('made-up')), 'proof_nonce_stale');
    const nonce = missing.headers.get('dpop-nonce');
    assert.ok(nonce !== null);
    assert.equal((await send(nonce)).status, 200);
  });
});
