import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as openid from 'openid-client';
import { type ClientSite, openClientSite } from '../support/client-site.ts';
import { type ConsolePerson, consentTo, joinByLink } from '../support/console-person.ts';
import { type Operator, openOperator } from '../support/person.ts';
import { openWorld, type World } from '../support/world.ts';

/** Somebody leaves: what acts in their name ends with them, in the same change. */
const REDIRECT = 'http://127.0.0.1:41236/callback';
const LIMIT = { timeout: 60_000 };
let world: World;
let site: ClientSite;
let operator: Operator;
let config: openid.Configuration;

before(async () => {
  site = await openClientSite();
  const client_id = `${site.origin}/editor.json`;
  const grant_types = ['authorization_code', 'refresh_token'];
  const metadata = { client_id, client_name: 'An Editor', redirect_uris: ['http://127.0.0.1/callback'] };
  site.documents.set('/editor.json', { ...metadata, grant_types, token_endpoint_auth_method: 'none' });
  world = await openWorld({
    network: site.network,
    extra: `authorization: { sign_in: [{ clients: ["${site.origin}/*"], jobs: [support], roles: [admin, viewer] }] }\n`,
  });
  operator = await openOperator(world);
  config = await openid.discovery(new URL(world.public_url), client_id, undefined, openid.None(), {
    algorithm: 'oauth2',
    execute: [openid.allowInsecureRequests],
  });
});
after(async () => {
  await world.stop();
  site.close();
});

async function join(name: string): Promise<ConsolePerson & { id: string }> {
  const made = await operator.client.call('people.add', { body: { roles: ['admin'] } });
  assert.ok(made.kind === 'ok', JSON.stringify(made));
  const person = await joinByLink(world, made.value.link, name);
  const people = await operator.client.call('people.list', {});
  assert.ok(people.kind === 'ok');
  return { ...person, id: people.value.people.find((each) => each.name === name)!.id };
}

async function signIn(person: ConsolePerson): Promise<openid.TokenEndpointResponse> {
  const pkceCodeVerifier = openid.randomPKCECodeVerifier();
  const url = openid.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT,
    code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
  });
  return openid.authorizationCodeGrant(config, await consentTo(person, url), { pkceCodeVerifier });
}

async function codeFor(token: string): Promise<string> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const answer = await fetch(`${world.public_url}/mcp/journal`, { method: 'POST', headers, body: '{}' });
  const body = (await answer.json()) as { error?: { data?: { code?: string } } };
  return answer.status === 401 ? String(body.error?.data?.code) : 'accepted';
}

test('a person who is removed takes along what clients may do in their name, and nobody else’s', LIMIT, async () => {
  const [leaver, stays] = [await join('leaver'), await join('stays')];
  const [gone, kept] = [await signIn(leaver), await signIn(stays)];
  assert.deepEqual([await codeFor(gone.access_token), await codeFor(kept.access_token)], ['accepted', 'accepted']);
  const removed = await operator.client.call('people.remove', { params: { person: leaver.id } });
  assert.equal(removed.kind, 'ok', JSON.stringify(removed));
  assert.deepEqual([await codeFor(gone.access_token), await codeFor(kept.access_token)], ['run_ended', 'accepted']);
  await assert.rejects(openid.refreshTokenGrant(config, gone.refresh_token!));
  const grants = await operator.client.call('client_grants.list', {});
  assert.ok(grants.kind === 'ok');
  assert.deepEqual(
    grants.value.grants.map(({ person }) => person),
    [stays.id],
  );
});

test('and the runs that agents have open in their name', LIMIT, async () => {
  const leaver = await join('another');
  const helper = await world.register('helper', ['support'], { users: ['another'] });
  const answer = await helper.ask({ user: 'another' });
  helper.use(((await answer.json()) as { access_token: string }).access_token);
  assert.equal(helper.claims['sub'], leaver.id);
  const callHelper = async () => (await world.call(helper, 'append', { line: 'no' })).body.error?.data?.['code'];
  assert.notEqual(await callHelper(), 'run_ended');
  assert.equal((await operator.client.call('people.remove', { params: { person: leaver.id } })).kind, 'ok');
  assert.equal(await callHelper(), 'run_ended');
  assert.notEqual((await helper.ask({ user: 'another' })).status, 200);
});
