import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { openEgress } from '../../src/enforcement/index.ts';
import { systemClock } from '../../src/main/clock.ts';
import { type ControlPlane, openControlPlane } from '../support/control-plane.ts';
import { type Issuer, jws, openIssuer } from '../support/issuer.ts';

/**
 * Whoever can answer in the company's name, or stands between: tokens for others, of others, unsigned, old; documents that lead
 * elsewhere. The provider here is one that does as the attacker wants.
 */
const CLIENT = { 'sallyport-client': 'test' };
let company: Issuer;
let plane: ControlPlane;
let egress: ReturnType<typeof openEgress>;

before(async () => {
  company = await openIssuer();
  company.audience = 'sallyport';
  company.answers.set('/.well-known/openid-configuration', { body: discovery() });
  egress = openEgress({ clock: systemClock, environment: {} });
  plane = await openControlPlane({
    documents: egress.documents,
    people: {
      oidc: {
        name: 'Acme',
        issuer: company.issuer,
        client_id: 'sallyport',
        scopes: ['openid'],
        name_claim: 'preferred_username',
        groups_claim: 'groups',
        roles: { admins: ['admin'] },
        session_minutes_max: 60,
      },
    },
  });
});
after(async () => {
  await plane.close();
  await egress.close();
  company.close();
});

function discovery(change: Record<string, unknown> = {}): Record<string, unknown> {
  const { issuer } = company;
  return {
    issuer,
    authorization_endpoint: `${issuer}/auth`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/keys`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
    ...change,
  };
}

type Making = (honest: { nonce: string; claims: Record<string, unknown> }) => string | undefined;

/** Signs in with the ID token that `make` makes: the code of the refusal, or who is signed in. */
async function signIn(make: Making, more: Record<string, unknown> = {}, status = 200): Promise<unknown> {
  plane.clock.forward(60_000);
  const begun = await plane.send({ method: 'POST', path: '/api/sign-in/company', headers: CLIENT, body: {} });
  assert.equal(begun.status, 200, begun.text);
  const asked = new URL(String(begun.json()['url'])).searchParams;
  const nonce = asked.get('nonce')!;
  const claims = { sub: 'ada', preferred_username: 'ada', groups: ['admins'], nonce, repository: undefined };
  const id_token = make({ nonce, claims });
  company.answers.set('/token', {
    status,
    body: { access_token: 'at', token_type: 'Bearer', expires_in: 60, id_token, ...more },
  });
  const cookie = begun.headers['set-cookie']![0]!.split(';')[0]!;
  const query = new URLSearchParams({ code: 'code', state: asked.get('state')!, iss: company.issuer }).toString();
  const path = '/api/sign-in/company/return';
  const answer = await plane.send({ method: 'POST', path, headers: { ...CLIENT, cookie }, body: { query } });
  if (answer.status !== 200) assert.equal(answer.headers['set-cookie']!.length, 1, 'no session beside a refusal');
  return answer.json()['code'] ?? answer.json()['name'];
}

const now = (): number => Math.floor(Date.now() / 1000);

test('an honest ID token signs in, so that what follows is refused for its own reason', async () => {
  assert.equal(await signIn(({ claims }) => company.token(claims)), 'ada');
});

const forged: [string, Making][] = [
  ['of another issuer', ({ claims }) => company.token({ ...claims, iss: 'https://login.example.com' })],
  ['for another client', ({ claims }) => company.token({ ...claims, aud: 'elsewhere' })],
  [
    'for this client and another',
    ({ claims }) => company.token({ ...claims, aud: ['sallyport', 'elsewhere'], azp: 'sallyport' }),
  ],
  ['authorised for another client', ({ claims }) => company.token({ ...claims, azp: 'elsewhere' })],
  ['with another nonce', ({ claims }) => company.token({ ...claims, nonce: 'x'.repeat(43) })],
  ['without a nonce', ({ claims }) => company.token({ ...claims, nonce: undefined })],
  ['that has expired', ({ claims }) => company.token({ ...claims, iat: now() - 600, exp: now() - 300 })],
  ['without an end', ({ claims }) => company.token({ ...claims, exp: undefined })],
  ['from the future', ({ claims }) => company.token({ ...claims, nbf: now() + 600 })],
  ['without a subject', ({ claims }) => company.token({ ...claims, sub: undefined })],
  ['signed by nobody', ({ claims }) => unsigned(company.token(claims))],
  ['signed with a public key as a secret', ({ claims }) => withHmac(company.token(claims))],
  ['signed by another key', ({ claims }) => otherKey(claims)],
  ['by a key that is not published', ({ claims }) => company.token(claims, { kid: 'other' })],
  ['whose claims were changed', ({ claims }) => changed(company.token(claims))],
  ['that is missing', () => undefined],
  ['that is no token', () => 'not.a.token'],
];
for (const [what, make] of forged) {
  test(`an ID token ${what} signs nobody in`, async () => {
    assert.equal(await signIn(make), 'sign_in_answer_invalid');
  });
}

function unsigned(token: string): string {
  const [, payload] = token.split('.');
  return `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`;
}

function withHmac(token: string): string {
  const [, payload] = token.split('.');
  const text = `${Buffer.from('{"alg":"HS256","kid":"first"}').toString('base64url')}.${payload}`;
  return `${text}.${createHmac('sha256', 'sallyport').update(text).digest('base64url')}`;
}

function otherKey(claims: Record<string, unknown>): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const all = { iss: company.issuer, aud: 'sallyport', iat: now(), exp: now() + 60, jti: randomUUID(), ...claims };
  return jws({ alg: 'ES256', kid: 'first' }, all, privateKey);
}

function changed(token: string): string {
  const [header, payload, signature] = token.split('.') as [string, string, string];
  const claims = { ...JSON.parse(Buffer.from(payload, 'base64url').toString()), preferred_username: 'eve' };
  return `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`;
}

test('nobody is taken for a local account of the same name, nor gets its roles', async () => {
  const local = await plane.person(['admin']);
  const taken = await signIn(({ claims }) => company.token({ ...claims, sub: 'eve', preferred_username: local.name }));
  assert.equal(taken, 'already_exists');
});

const elsewhere: [string, Record<string, unknown>][] = [
  ['names another issuer', { issuer: 'https://login.example.com' }],
  ['sends the browser to a script', { authorization_endpoint: 'javascript:alert(1)//' }],
  ['sends the browser to a file', { authorization_endpoint: 'file:///etc/passwd' }],
];
for (const [what, change] of elsewhere) {
  test(`a discovery document that ${what} is not followed`, async () => {
    const other = await openIssuer();
    other.answers.set('/.well-known/openid-configuration', {
      body: { ...discovery(), issuer: other.issuer, ...change },
    });
    const own = await openControlPlane({
      documents: egress.documents,
      people: {
        oidc: {
          name: 'Acme',
          issuer: other.issuer,
          client_id: 'sallyport',
          scopes: ['openid'],
          name_claim: 'name',
          groups_claim: 'groups',
          roles: { admins: ['admin'] },
          session_minutes_max: 60,
        },
      },
    });
    const answer = await own.send({ method: 'POST', path: '/api/sign-in/company', headers: CLIENT, body: {} });
    assert.match(String(answer.json()['code']), /^sign_in_(?:provider_unavailable|answer_invalid)$/);
    assert.equal(answer.headers['set-cookie'], undefined);
    await own.close();
    other.close();
  });
}

test('a token endpoint that answers with more than a token, or with a redirect, signs nobody in', async () => {
  const honest: Making = ({ claims }) => company.token(claims);
  assert.equal(await signIn(honest, { filling: 'x'.repeat(600 * 1024) }), 'sign_in_answer_invalid');
  assert.equal(await signIn(honest, {}, 302), 'sign_in_answer_invalid');
});

test('who comes from one place too often waits', async () => {
  const codes: unknown[] = [];
  for (let n = 0; n < 30; n++) {
    const answer = await plane.send({ method: 'POST', path: '/api/sign-in/company', headers: CLIENT, body: {} });
    codes.push(answer.json()['code']);
  }
  assert.ok(codes.includes('rate_limited'));
});
