import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import * as openid from 'openid-client';
import { type ClientSite, openClientSite } from '../support/client-site.ts';
import { type ConsolePerson, consentTo, consolePerson, follow, openQuestion } from '../support/console-person.ts';
import { openWorld, type World } from '../support/world.ts';

const REDIRECT = 'http://127.0.0.1:41235/callback';
let world: World;
let site: ClientSite;
let maria: ConsolePerson;
let client_id: string;

before(async () => {
  site = await openClientSite();
  client_id = publish('/editor.json');
  world = await openWorld({
    network: site.network,
    extra: `authorization:
  sign_in:
    - { clients: ["${site.origin}/*"], jobs: [support], roles: [admin] }
    - { clients: ["${site.origin}/secret.json"], jobs: [pay-invoices], people: [somebody-else] }
`,
  });
  maria = await consolePerson(world);
});
after(async () => {
  await world.stop();
  site.close();
});

function publish(path: string, more: object = {}): string {
  const id = `${site.origin}${path}`;
  site.documents.set(path, {
    client_id: id,
    client_name: 'An Editor',
    redirect_uris: ['http://127.0.0.1/callback'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    ...more,
  });
  return id;
}

const VERIFIER = 'v'.repeat(43);
const challenge = () => openid.calculatePKCECodeChallenge(VERIFIER);

async function request(more: Record<string, string | undefined> = {}): Promise<URL> {
  const url = new URL(`${world.public_url}/oauth/authorize`);
  const parameters = {
    client_id,
    response_type: 'code',
    redirect_uri: REDIRECT,
    code_challenge: await challenge(),
    code_challenge_method: 'S256',
    state: 's',
    ...more,
  };
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) url.searchParams.set(name, value);
  return url;
}

type Answer = { status: number; error?: string; access_token?: string; refresh_token?: string };

async function ask(form: Record<string, string>): Promise<Answer> {
  const body = new URLSearchParams({ client_id, ...form });
  const answer = await fetch(`${world.public_url}/oauth/token`, { method: 'POST', body });
  return { status: answer.status, ...((await answer.json()) as object) };
}

async function redeem(code: string, more: Record<string, string> = {}): Promise<Answer> {
  return ask({ grant_type: 'authorization_code', code, redirect_uri: REDIRECT, code_verifier: VERIFIER, ...more });
}

async function codeFor(more: Record<string, string | undefined> = {}): Promise<string> {
  return (await consentTo(maria, await request(more))).searchParams.get('code')!;
}

async function usable(token: string | undefined): Promise<number> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return (await fetch(`${world.public_url}/mcp/journal`, { method: 'POST', headers, body: '{}' })).status;
}

/** What the browser is told: a page here, or the error that goes to the client. */
async function refused(url: URL): Promise<string> {
  const answer = await fetch(url, { redirect: 'manual', headers: { accept: 'text/html' } });
  const location = answer.headers.get('location');
  if (location === null) return `page ${answer.status}`;
  return URL.parse(location)?.searchParams.get('error') ?? 'accepted';
}

describe('a stolen code', () => {
  test('used twice ends what came of it', async () => {
    const code = await codeFor();
    const first = await redeem(code);
    assert.equal(first.status, 200);
    assert.notEqual(await usable(first.access_token), 401);
    assert.equal((await redeem(code)).error, 'invalid_grant');
    assert.equal(await usable(first.access_token), 401);
    assert.equal(
      (await ask({ grant_type: 'refresh_token', refresh_token: first.refresh_token! })).error,
      'invalid_grant',
    );
  });

  test('used four times at once is worth at most one token, and that one dies', async () => {
    const code = await codeFor();
    const answers = await Promise.all([1, 2, 3, 4].map(() => redeem(code)));
    const won = answers.filter(({ status }) => status === 200);
    assert.ok(won.length <= 1);
    for (const { access_token } of won) assert.equal(await usable(access_token), 401);
  });

  test('is nothing without its verifier, at another address, or with another client', async () => {
    assert.equal((await redeem(await codeFor(), { code_verifier: 'w'.repeat(43) })).error, 'invalid_grant');
    assert.equal(
      (await redeem(await codeFor(), { redirect_uri: 'http://127.0.0.1:9/callback' })).error,
      'invalid_grant',
    );
    const other = publish('/other.json');
    assert.equal((await redeem(await codeFor(), { client_id: other })).error, 'invalid_grant');
  });
});

test('a refresh token used again ends the family, the thief’s and the victim’s', async () => {
  const first = await redeem(await codeFor());
  const second = await ask({ grant_type: 'refresh_token', refresh_token: first.refresh_token! });
  assert.equal(second.status, 200);
  assert.equal(
    (await ask({ grant_type: 'refresh_token', refresh_token: first.refresh_token! })).error,
    'invalid_grant',
  );
  assert.equal(
    (await ask({ grant_type: 'refresh_token', refresh_token: second.refresh_token! })).error,
    'invalid_grant',
  );
  assert.equal(await usable(second.access_token), 401);
});

describe('PKCE cannot be talked down', () => {
  const cases: [string, Record<string, string | undefined>][] = [
    ['left out', { code_challenge: undefined, code_challenge_method: undefined }],
    ['plain', { code_challenge_method: 'plain' }],
    ['without its method', { code_challenge_method: undefined }],
  ];
  for (const [what, more] of cases) {
    test(what, async () => assert.equal(await refused(await request(more)), 'invalid_request'));
  }
});

describe('a redirect address that the client did not publish', () => {
  const addresses = [
    'https://evil.example/callback',
    'http://evil.example/callback',
    'http://127.0.0.1.evil.example/callback',
    'http://127.0.0.1:1@evil.example/callback',
    'http://127.0.0.1/callback/../other',
    'http://127.0.0.1/callback?next=x',
    'http://127.0.0.1/callback#x',
    'http://localhost/callback',
    'https://127.0.0.1/callback',
  ];
  for (const redirect_uri of addresses) {
    test(`${redirect_uri} is told to nobody`, async () => {
      assert.equal(await refused(await request({ redirect_uri })), 'page 400');
    });
  }
});

test('a mixed-up client learns who answered: every answer names its issuer', async () => {
  const good = await consentTo(maria, await request());
  const bad = await consentTo(maria, await request(), { allow: false });
  for (const back of [good, bad]) assert.equal(back.searchParams.get('iss'), world.public_url);
});

describe('consent', () => {
  test('is not given by a page elsewhere, by a form, or by nobody', async () => {
    const path = `/api/client-grants/requests/${await openQuestion(await request())}`;
    const verdict = { allow: true, job: 'support' };
    const evil = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
    assert.equal((await maria.ask('POST', path, { verdict }, evil)).status, 403);
    assert.equal((await maria.ask('POST', path, { verdict }, { origin: world.public_url })).status, 403);
    const form = { 'content-type': 'text/plain' };
    assert.equal((await maria.ask('POST', path, { verdict }, form)).status, 403);
    assert.equal((await maria.ask('POST', path, { verdict }, { cookie: '' })).status, 401);
    assert.equal((await maria.ask('GET', path)).status, 200);
  });

  test('cannot be gone around: no ticket, a made-up one, another’s, or one that was used', async () => {
    const [one, two] = [await openQuestion(await request()), await openQuestion(await request())];
    const at = (uid: string, ticket: string) => `${world.public_url}/oauth/authorize/${uid}?ticket=${ticket}`;
    assert.equal(await refused(new URL(at(one, ''))), 'page 400');
    assert.equal(await refused(new URL(at(one, 'A'.repeat(43)))), 'page 400');
    const verdict = { allow: true, job: 'support' };
    const answered = await maria.ask('POST', `/api/client-grants/requests/${one}`, { verdict });
    const next = new URL(String(answered.body['next']));
    assert.equal(await refused(new URL(at(two, next.searchParams.get('ticket')!))), 'page 400');
    assert.ok((await follow(next.href)).searchParams.has('code'));
    assert.equal(await refused(next), 'page 400');
    const again = await maria.ask('POST', `/api/client-grants/requests/${one}`, { verdict });
    assert.equal(again.body['code'], 'consent_unknown');
  });

  test('sets and reads no cookie on the agents’ origin', async () => {
    const answer = await fetch(await request(), {
      redirect: 'manual',
      headers: { cookie: '_session=x; _interaction=y' },
    });
    assert.deepEqual([answer.status, answer.headers.getSetCookie()], [303, []]);
  });

  test('gives no job that no rule gives this person, whatever is asked', async () => {
    const secret = publish('/secret.json');
    for (const job of ['pay-invoices', 'admin']) {
      const uid = await openQuestion(await request({ client_id: secret, scope: `job:${job}` }));
      const verdict = { allow: true, job };
      const answered = await maria.ask('POST', `/api/client-grants/requests/${uid}`, { verdict });
      assert.equal(answered.body['code'], 'consent_not_permitted');
    }
  });

  test('ends with the person’s word, at once', async () => {
    const { access_token } = await redeem(await codeFor());
    const { body } = await maria.ask('GET', '/api/client-grants');
    const [newest] = body['grants'] as { id: string }[];
    assert.equal((await maria.ask('DELETE', `/api/client-grants/${newest!.id}`)).status, 200);
    assert.equal(await usable(access_token), 401);
  });
});

describe('a client that is not who it says', () => {
  const id = (path: string) => `${site.origin}${path}`;
  const cases: [string, string, object][] = [
    ['names another client', '/liar.json', { client_id: 'https://claude.ai/client.json' }],
    ['has a secret', '/shared.json', { client_secret: 'x', token_endpoint_auth_method: 'client_secret_basic' }],
    ['returns over plain http', '/plain.json', { redirect_uris: ['http://evil.example/callback'] }],
    ['returns into a script', '/script.json', { redirect_uris: ['javascript:alert(1)'] }],
  ];
  for (const [what, path, more] of cases) {
    test(what, async () => {
      publish(path, more);
      assert.equal(await refused(await request({ client_id: id(path) })), 'page 400');
    });
  }

  test('is shown by the address that vouches for it, beside the name that it chose', async () => {
    const look = publish('/look.json', { client_name: 'Claude Code by Anthropic' });
    const uid = await openQuestion(await request({ client_id: look }));
    const { body } = await maria.ask('GET', `/api/client-grants/requests/${uid}`);
    const shown = body['client'] as { host: string; returns_to: string };
    assert.deepEqual([shown.host, shown.returns_to], ['learned.example', 'this computer']);
  });

  test('is told nothing and fetched nothing until a rule names it', async () => {
    const asked = site.asked.length;
    const answer = await fetch(await request({ client_id: 'https://evil.example/client.json' }), {
      headers: { accept: 'text/html' },
    });
    const page = await answer.text();
    assert.equal(answer.status, 400);
    assert.match(page, /authorization:/);
    assert.match(String(answer.headers.get('content-security-policy')), /default-src 'none'.*frame-ancestors 'none'/);
    assert.equal(site.asked.length, asked);
  });

  test('cannot write markup into the page that refuses it', async () => {
    const url = await request({ client_id: 'https://evil.example/<img src=x onerror=alert(1)>' });
    const page = await (await fetch(url, { headers: { accept: 'text/html' } })).text();
    assert.doesNotMatch(page, /<img/);
  });
});

describe('client metadata as a way into the private network', () => {
  for (const address of ['127.0.0.1', '10.0.0.8', '169.254.169.254', '::1', '::ffff:127.0.0.1', 'fd00::1']) {
    test(`a name that resolves to ${address} is not reached`, async () => {
      const path = `/inside-${address.replaceAll(/[:.]/g, '-')}.json`;
      publish(path);
      site.addresses.splice(0, site.addresses.length, address);
      const asked = site.asked.length;
      assert.equal(await refused(await request({ client_id: `${site.origin}${path}` })), 'page 400');
      assert.equal(site.asked.length, asked);
      site.addresses.splice(0, site.addresses.length, '93.184.216.34');
    });
  }
});
