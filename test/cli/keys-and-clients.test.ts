import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import * as openid from 'openid-client';
import { type ClientSite, openClientSite } from '../support/client-site.ts';
import { consentTo, joinByLink } from '../support/console-person.ts';
import { type Operator, openOperator } from '../support/person.ts';
import { totp } from '../support/totp.ts';
import { openWorld, type World } from '../support/world.ts';
import { run } from './support.ts';

const REDIRECT = 'http://127.0.0.1:41237/callback';
const LIMIT = { timeout: 60_000 };
const STEP_MS = 30_000;
let site: ClientSite;
let world: World;
let ada: Operator;

before(async () => {
  site = await openClientSite();
  world = await openWorld({
    network: site.network,
    extra: `authorization: { sign_in: [{ clients: ["${site.origin}/*"], jobs: [support], roles: [admin, viewer] }] }\n`,
  });
  ada = await openOperator(world);
  writeFileSync(join(world.folder, 'password.txt'), `${ada.password}\n`);
});
after(async () => {
  await world?.stop();
  site?.close();
});

const sallyport = (...argv: string[]) => run(argv, { folder: world.folder });
const present = (at = Date.now()) => [
  ...['--as', 'ada', '--password-file', join(world.folder, 'password.txt')],
  ...['--code', totp(ada.authenticator, at)],
];

async function codeFor(token: string): Promise<string> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const answer = await fetch(`${world.public_url}/mcp/journal`, { method: 'POST', headers, body: '{}' });
  const body = (await answer.json()) as { error?: { data?: { code?: string } } };
  return answer.status === 401 ? String(body.error?.data?.code) : 'accepted';
}

describe('sallyport client', () => {
  test('has nothing to list before anybody signed in, and no grant to end', LIMIT, async () => {
    const empty = await sallyport('client', 'list', '--json');
    assert.deepEqual([empty.code, JSON.parse(empty.out)], [0, { grants: [] }]);
    for (const argv of [['end'], ['end', 'a', 'b'], ['begin']]) {
      const { code, out } = await sallyport('client', ...argv);
      assert.deepEqual([code, out], [2, ''], argv.join(' '));
    }
    const unknown = await sallyport('client', 'end', 'nobodysgrant');
    assert.equal(unknown.code, 1);
    assert.match(unknown.err, /no such\b|not\b.*known|no grant/i);
  });

  test('shows whom a person let in, and ends it at once', LIMIT, async () => {
    const { token, refresh } = await signIn();
    assert.equal(await codeFor(token), 'accepted');
    const { out } = await sallyport('client', 'list');
    assert.match(out, /editor\.json/);
    const { grants } = JSON.parse((await sallyport('client', 'list', '--json')).out) as { grants: { id: string }[] };
    assert.equal(grants.length, 1);
    const ended = await sallyport('client', 'end', grants[0]!.id);
    assert.deepEqual([ended.code, ended.out], [0, `Ended ${grants[0]!.id}.\n`]);
    assert.equal(await codeFor(token), 'run_ended');
    await assert.rejects(refresh());
    assert.equal((await sallyport('client', 'end', grants[0]!.id)).code, 1);
  });
});

async function signIn(): Promise<{ token: string; refresh(): Promise<unknown> }> {
  const client_id = `${site.origin}/editor.json`;
  const grant_types = ['authorization_code', 'refresh_token'];
  const metadata = { client_id, client_name: 'An Editor', redirect_uris: ['http://127.0.0.1/callback'] };
  site.documents.set('/editor.json', { ...metadata, grant_types, token_endpoint_auth_method: 'none' });
  const config = await openid.discovery(new URL(world.public_url), client_id, undefined, openid.None(), {
    algorithm: 'oauth2',
    execute: [openid.allowInsecureRequests],
  });
  const made = await ada.client.call('people.add', { body: { roles: ['admin'] } });
  assert.ok(made.kind === 'ok', JSON.stringify(made));
  const person = await joinByLink(world, made.value.link, 'grace');
  const pkceCodeVerifier = openid.randomPKCECodeVerifier();
  const url = openid.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT,
    code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
  });
  const tokens = await openid.authorizationCodeGrant(config, await consentTo(person, url), { pkceCodeVerifier });
  return { token: tokens.access_token, refresh: () => openid.refreshTokenGrant(config, tokens.refresh_token!) };
}

describe('sallyport key', () => {
  const keys = async () =>
    (JSON.parse((await sallyport('key', 'list', '--json')).out) as { keys: { kid: string; signs: boolean }[] }).keys;

  test('rotate does nothing without a person who is here', LIMIT, async () => {
    const before = await keys();
    assert.equal(before.filter(({ signs }) => signs).length, 1);
    for (const argv of [[], ['--as', 'ada'], present(Date.now() - 600_000), ['--compromised']]) {
      const { code, out, err } = await sallyport('key', 'rotate', ...argv);
      assert.equal(code, 1, `${argv.join(' ')}: ${out}${err}`);
    }
    assert.equal((await sallyport('key', 'rotate', 'now')).code, 2);
    assert.deepEqual(await keys(), before);
  });

  test('rotate publishes the next key, and what the old one signed still counts', LIMIT, async () => {
    const before = await keys();
    await world.triage.renew();
    const rotated = await sallyport('key', 'rotate', ...present());
    assert.deepEqual([rotated.code, rotated.out], [0, 'Done. See: sallyport key list\n'], rotated.err);
    assert.equal((await keys()).length, before.length + 1);
    assert.match((await sallyport('key', 'list')).out, /signs/);
    const { status } = await world.call(world.triage, 'append', { line: 'ok' });
    assert.equal(status, 200);
  });

  test('after a compromise what the old keys signed counts no more, and agents take new tokens', LIMIT, async () => {
    const rotated = await sallyport('key', 'rotate', '--compromised', ...present(Date.now() + STEP_MS));
    assert.equal(rotated.code, 0, rotated.err);
    assert.equal((await world.call(world.triage, 'append', { line: 'no' })).status, 401);
    await world.triage.renew();
    assert.equal((await world.call(world.triage, 'append', { line: 'ok' })).status, 200);
  });
});
