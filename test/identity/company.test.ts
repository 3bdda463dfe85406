import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { Secret } from '../../src/core/secret.ts';
import { openEgress } from '../../src/enforcement/index.ts';
import { systemClock } from '../../src/main/clock.ts';
import { type CompanyProvider, openCompany } from '../support/company.ts';
import { type ControlPlane, openControlPlane } from '../support/control-plane.ts';

/** People sign in through a real OpenID provider, a second oidc-provider, by HTTP alone. */
const SECRET = 'a secret between the two';
let company: CompanyProvider;
let plane: ControlPlane;
let egress: ReturnType<typeof openEgress>;
const client = { 'sallyport-client': 'test' };
const ADA = { sub: 'ada', email: 'ada@acme.example', email_verified: true, groups: ['gateway-admins'] };

before(async () => {
  egress = openEgress({ clock: systemClock, environment: {} });
  company = await openCompany({ redirect_uris: () => [`${plane.url}/signed-in`], secret: SECRET });
  plane = await openControlPlane({
    documents: egress.documents,
    people: {
      separation: [['admin', 'auditor']],
      oidc: {
        name: 'Acme',
        issuer: company.issuer,
        client_id: 'sallyport',
        client_secret: new Secret(SECRET),
        scopes: ['openid', 'email'],
        name_claim: 'email',
        groups_claim: 'groups',
        roles: { 'gateway-admins': ['admin', 'approver'], watchers: ['viewer'], checkers: ['auditor'] },
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
beforeEach(() => {
  company.user = { ...ADA };
  // Limits count by source, and all of this comes from one.
  plane.clock.forward(3 * 60_000);
});

type Begun = { url: URL; flow: string };

async function begin(path = '/api/sign-in/company', headers: Record<string, string> = client): Promise<Begun> {
  const answer = await plane.send({ method: 'POST', path, headers, body: {} });
  assert.equal(answer.status, 200, answer.text);
  return { url: new URL(String(answer.json()['url'])), flow: cookieIn(answer.headers['set-cookie'])! };
}

function cookieIn(lines: string[] | undefined, pattern = /-flow-/): string | undefined {
  return lines?.map((line) => line.split(';')[0]!).find((line) => pattern.test(line));
}

function finish(query: string, flow: string, path = '/api/sign-in/company/return', headers = client) {
  const cookie = [(headers as Record<string, string>)['cookie'], flow].filter(Boolean).join('; ');
  return plane.send({ method: 'POST', path, headers: { ...headers, cookie }, body: { query } });
}

async function signIn(): Promise<{ cookie: string; me: Record<string, unknown>; code: unknown }> {
  const { url, flow } = await begin();
  const answer = await finish(await company.visit(url.href), flow);
  const cookie = cookieIn(answer.headers['set-cookie'], /^sallyport-\d/) ?? '';
  return { cookie, me: answer.json(), code: answer.json()['code'] };
}

const meOf = async (cookie: string) => (await plane.send({ path: '/api/me', headers: { cookie } })).status;

describe('signing in through the company', () => {
  test('asks with PKCE, state and nonce, and comes back to the console alone', async () => {
    const { url } = await begin();
    assert.equal(url.origin, company.issuer);
    const { searchParams: asked } = url;
    assert.equal(asked.get('redirect_uri'), `${plane.url}/signed-in`);
    assert.equal(asked.get('code_challenge_method'), 'S256');
    assert.equal(asked.get('response_type'), 'code');
    for (const name of ['state', 'nonce', 'code_challenge']) assert.ok(asked.get(name)!.length >= 43, name);
    const options = (await plane.send({ path: '/api/sign-in', headers: client })).json();
    assert.equal(options['company'], 'Acme');
  });

  test('gives the roles of the groups, and no more', async () => {
    const { me, cookie } = await signIn();
    assert.equal(me['name'], 'ada@acme.example');
    assert.deepEqual(me['roles'], ['admin', 'approver']);
    assert.equal(me['company'], true);
    assert.equal(await meOf(cookie), 200);
  });

  test('looks at the groups each time: who lost one loses the roles, and the open sessions with them', async () => {
    const first = await signIn();
    company.user = { ...ADA, groups: ['watchers', 'unknown', '__proto__'] };
    const second = await signIn();
    assert.deepEqual(second.me['roles'], ['viewer']);
    assert.equal(await meOf(first.cookie), 401);
    company.user = { ...ADA, groups: [] };
    assert.equal((await signIn()).code, 'sign_in_without_role');
    assert.equal(await meOf(second.cookie), 401);
  });

  test('lasts no longer than the operator says', async () => {
    const { cookie } = await signIn();
    plane.clock.forward(30 * 60_000);
    assert.equal(await meOf(cookie), 200);
    plane.clock.forward(31 * 60_000);
    assert.equal(await meOf(cookie), 401);
  });

  test('knows people by issuer and subject: a name that moves to somebody else opens nothing', async () => {
    await signIn();
    company.user = { ...ADA, sub: 'eve' };
    assert.equal((await signIn()).code, 'already_exists');
    company.user = { ...ADA, email: 'ada.l@acme.example' };
    assert.equal((await signIn()).me['name'], 'ada.l@acme.example');
    company.user = { ...ADA };
    await signIn();
  });

  const refused: [string, string, Record<string, unknown>][] = [
    ['an address of mail that was not verified', 'sign_in_unverified', { email_verified: false }],
    ['no name', 'sign_in_unnamed', { email: undefined }],
    ['a name that turns the line around', 'sign_in_unnamed', { email: 'ada\u202e@acme.example' }],
    ['no group', 'sign_in_without_role', { groups: undefined }],
    ['a group that is only like one', 'sign_in_without_role', { groups: ['Gateway-Admins'] }],
    ['groups in another form', 'sign_in_without_role', { groups: { 'gateway-admins': true } }],
    ['roles that nobody may hold together', 'roles_separated', { groups: ['gateway-admins', 'checkers'] }],
  ];
  for (const [what, code, change] of refused) {
    test(`refuses ${what}: ${code}`, async () => {
      company.user = { ...ADA, sub: 'new', email: 'new@acme.example', ...change };
      const { code: said, cookie } = await signIn();
      assert.equal(said, code);
      assert.equal(cookie, '');
    });
  }

  test('leaves what a local account may do to the local account, and the other way round', async () => {
    const { me } = await signIn();
    const body = { name: 'ada@acme.example', password: '' };
    const answer = await plane.send({ method: 'POST', path: '/api/sign-in', headers: client, body });
    assert.equal(answer.json()['code'], 'sign_in_failed');
    const admin = await plane.person(['admin'], { present: true });
    const id = String(me['by']).slice('person:'.length);
    const path = `/api/people/${id}/roles`;
    const changed = await plane.send({ method: 'POST', path, headers: admin.headers, body: { roles: ['viewer'] } });
    assert.equal(changed.json()['code'], 'input_invalid');
  });
});

describe('what comes back', () => {
  const altered = async (change: (query: URLSearchParams) => void): Promise<unknown> => {
    const { url, flow } = await begin();
    const query = new URLSearchParams(await company.visit(url.href));
    change(query);
    return (await finish(query.toString(), flow)).json()['code'];
  };

  test('with another state, another issuer, another code, or an error signs nobody in', async () => {
    const cases: ((query: URLSearchParams) => void)[] = [
      (query) => query.set('state', 'x'.repeat(43)),
      (query) => query.delete('state'),
      (query) => query.set('iss', 'https://login.example.com'),
      (query) => query.delete('iss'),
      (query) => query.set('code', 'x'.repeat(43)),
      (query) => query.delete('code'),
      (query) => query.append('code', 'second'),
      (query) => query.set('error', 'access_denied'),
    ];
    for (const change of cases) assert.equal(await altered(change), 'sign_in_answer_invalid', String(change));
  });

  test('to another browser, twice, or too late is lost', async () => {
    const { url, flow } = await begin();
    const query = await company.visit(url.href);
    const other = await begin();
    assert.equal((await finish(query, '')).json()['code'], 'sign_in_lost');
    assert.equal((await finish(query, other.flow)).json()['code'], 'sign_in_answer_invalid');
    assert.equal((await finish(query, flow)).status, 200);
    assert.equal((await finish(query, flow)).json()['code'], 'sign_in_lost');
    const late = await begin();
    const answer = await company.visit(late.url.href);
    plane.clock.forward(10 * 60_000 + 1);
    assert.equal((await finish(answer, late.flow)).json()['code'], 'sign_in_lost');
  });

  test('with a code that was used before signs nobody in', async () => {
    const first = await begin();
    const query = await company.visit(first.url.href);
    assert.equal((await finish(query, first.flow)).status, 200);
    const second = await begin();
    const used = new URLSearchParams(query);
    used.set('state', second.url.searchParams.get('state')!);
    assert.equal((await finish(used.toString(), second.flow)).json()['code'], 'sign_in_answer_invalid');
  });

  test('with a flow that somebody changed, or that was begun for something else, is lost', async () => {
    const { url, flow } = await begin();
    const query = await company.visit(url.href);
    const [name, value] = flow.split('=') as [string, string];
    const flipped = `${name}=${value.slice(0, -2)}${value.endsWith('AA') ? 'BB' : 'AA'}`;
    assert.equal((await finish(query, flipped)).json()['code'], 'sign_in_lost');
    const passkey = await plane.send({ method: 'POST', path: '/api/sign-in/passkey', headers: client, body: {} });
    const other = cookieIn(passkey.headers['set-cookie'])!;
    assert.equal((await finish(query, other)).json()['code'], 'sign_in_lost');
  });
});

describe('presence through the company', () => {
  const path = '/api/me/presence/company';
  const present = async (cookie: string, change?: () => void) => {
    const headers = { ...client, cookie };
    const { url, flow } = await begin(path, headers);
    assert.equal(url.searchParams.get('prompt'), 'login');
    assert.equal(url.searchParams.get('max_age'), '0');
    change?.();
    return finish(await company.visit(url.href), flow, `${path}/return`, headers);
  };

  test('asks for the person anew, and counts for a few minutes', async () => {
    const { cookie } = await signIn();
    const body = { roles: ['viewer'] };
    const add = { method: 'POST', path: '/api/people', headers: { ...client, cookie }, body };
    assert.equal((await plane.send(add)).json()['code'], 'presence_required');
    const before = company.sign_ins;
    const answer = await present(cookie);
    assert.equal(answer.status, 200, answer.text);
    assert.ok(company.sign_ins > before);
    assert.equal((await plane.send(add)).status, 200);
    plane.clock.forward(5 * 60_000 + 1);
    assert.equal((await plane.send(add)).json()['code'], 'presence_required');
  });

  test('of somebody else is none', async () => {
    const { cookie } = await signIn();
    const answer = await present(cookie, () => {
      company.user = { ...ADA, sub: 'eve' };
    });
    assert.equal(answer.json()['code'], 'presence_failed');
  });

  test('does not come from a sign-in, nor for another session', async () => {
    const { cookie } = await signIn();
    const headers = { ...client, cookie };
    const plain = await begin();
    const query = await company.visit(plain.url.href);
    assert.equal((await finish(query, plain.flow, `${path}/return`, headers)).json()['code'], 'sign_in_lost');
    const asked = await begin(path, headers);
    const answer = await company.visit(asked.url.href);
    const other = await signIn();
    const stolen = await finish(answer, asked.flow, `${path}/return`, { ...client, cookie: other.cookie } as never);
    assert.equal(stolen.json()['code'], 'sign_in_lost');
  });
});
