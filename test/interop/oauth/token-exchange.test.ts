import assert from 'node:assert/strict';
import { createPrivateKey, type webcrypto } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import { AgentClient, type AgentKey } from '../../support/agent-client.ts';
import { makeAgentKey, publicHalf } from '../../support/identity.ts';
import { type Issuer, openIssuer } from '../../support/issuer.ts';
import { openWorld, type World } from '../../support/world.ts';

/** RFC 8693 and RFC 7523 by clients that know the standards and nothing of the gateway. */
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const DELEGATION = 'urn:sallyport:oauth:token-type:delegation';
const insecure = { [oauth.allowInsecureRequests]: true };
const keys = { ann: makeAgentKey(), ben: makeAgentKey() };
const POLICIES = `
@id("ben-appends")
@reason("Ben may append lines that begin with ok.")
@public("Lines may begin with ok.")
permit (principal, action == Action::"tool.call", resource == Tool::"journal/append") when { context.args.line like "ok*" };
`;
let world: World;
let platform: Issuer;
let ann: openid.Configuration;
let server: oauth.AuthorizationServer;

before(async () => {
  platform = await openIssuer();
  world = await openWorld({
    policies: POLICIES,
    extra: `identity:
  issuers:
    - { issuer: "${platform.issuer}", rules: [{ claims: { repository: acme/site }, agent: triage, job: support }] }
`,
  });
  platform.audience = world.public_url;
  for (const [id, key] of Object.entries(keys)) {
    const public_key = publicHalf(key) as Record<string, string>;
    const added = await world.local.call('agents.add', { body: { id, owner: 'ops', jobs: ['support'], public_key } });
    assert.equal(added.kind, 'ok');
  }
  const issuer = new URL(world.public_url);
  const found = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure });
  server = await oauth.processDiscoveryResponse(issuer, found);
  const { privateKey } = await pairOf(keys.ann);
  ann = await openid.discovery(issuer, 'ann', undefined, openid.PrivateKeyJwt(privateKey), {
    algorithm: 'oauth2',
    execute: [openid.allowInsecureRequests],
  });
});
after(async () => {
  await world?.stop();
  platform.close();
});

async function pairOf(key: AgentKey): Promise<webcrypto.CryptoKeyPair> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const privateJwk = createPrivateKey({ key: { ...key }, format: 'jwk' }).export({ format: 'jwk' });
  const { d: _, ...publicJwk } = privateJwk;
  return {
    privateKey: await crypto.subtle.importKey('jwk', privateJwk as webcrypto.JsonWebKey, algorithm, true, ['sign']),
    publicKey: await crypto.subtle.importKey('jwk', publicJwk as webcrypto.JsonWebKey, algorithm, true, ['verify']),
  };
}

const handleOfAnn = async () => ({ DPoP: openid.getDPoPHandle(ann, await pairOf(keys.ann)) });

/** What ann lends ben, by openid-client. */
async function lend(details: object, more: Record<string, string> = {}): Promise<openid.TokenEndpointResponse> {
  const own = await openid.clientCredentialsGrant(ann, {}, await handleOfAnn());
  const asked = {
    subject_token: own.access_token,
    subject_token_type: ACCESS_TOKEN,
    requested_token_type: DELEGATION,
    audience: 'ben',
    authorization_details: JSON.stringify([{ type: 'sallyport_delegation', ...details }]),
    ...more,
  };
  return openid.genericGrantRequest(ann, EXCHANGE, asked, await handleOfAnn());
}

/** A grant of ben's, by oauth4webapi. */
async function byBen(grant: string, parameters: Record<string, string>): Promise<oauth.TokenEndpointResponse> {
  const client = { client_id: 'ben' };
  const pair = await pairOf(keys.ben);
  const authentication = oauth.PrivateKeyJwt(pair.privateKey);
  const options = { DPoP: oauth.DPoP({}, pair), ...insecure };
  const answer = await oauth.genericTokenEndpointRequest(server, client, authentication, grant, parameters, options);
  return oauth.processGenericTokenEndpointResponse(server, client, answer, {
    recognizedTokenTypes: { n_a: () => {} },
  });
}

async function redeem(delegation: string): Promise<oauth.TokenEndpointResponse> {
  const own = await byBen('client_credentials', {});
  return byBen(EXCHANGE, {
    subject_token: delegation,
    subject_token_type: DELEGATION,
    actor_token: own.access_token,
    actor_token_type: ACCESS_TOKEN,
  });
}

const refusedWith = (code: string) => (error: unknown) => {
  const { error_description: said } = error as { error_description?: string };
  assert.match(String(said), new RegExp(`^${code}: `));
  return true;
};

describe('token exchange', () => {
  const details = { actions: ['tool.call'], resources: ['Tool::journal/*'] };

  test('lent by openid-client, redeemed by oauth4webapi; the token tells the chain, and calls', async () => {
    const lent = await lend(details);
    assert.equal(lent['issued_token_type'], DELEGATION);
    const token = await redeem(lent.access_token);
    assert.deepEqual([token.token_type, token['issued_token_type']], ['dpop', ACCESS_TOKEN]);
    const ben = new AgentClient({ issuer: world.public_url, agent: 'ben', key: keys.ben });
    ben.use(token.access_token);
    assert.deepEqual([ben.claims['sub'], ben.claims['act']], ['ann', { sub: 'ben' }]);
    assert.equal((await world.call(ben, 'append', { line: 'ok in ann’s name' })).status, 200);
    assert.ok(world.journal().some((line) => line.includes('ok in ann’s name')));
  });

  test('what was not lent is denied, whatever policies permit', async () => {
    const token = await redeem((await lend({ ...details, resources: ['Tool::journal/read_text'] })).access_token);
    const ben = new AgentClient({ issuer: world.public_url, agent: 'ben', key: keys.ben });
    ben.use(token.access_token);
    const { body } = await world.call(ben, 'append', { line: 'ok not lent' });
    assert.ok(body.error !== undefined || body.result?.isError === true);
    assert.ok(!world.journal().some((line) => line.includes('ok not lent')));
  });

  test('nobody lends to whom there is not, nor redeems what was lent to another', async () => {
    await assert.rejects(lend(details, { audience: 'nobody' }));
    const lent = await lend(details, { audience: 'triage' });
    await assert.rejects(redeem(lent.access_token), refusedWith('delegation_actor_wrong'));
  });

  test('a changed delegation is refused', async () => {
    const [head, payload, signature] = (await lend(details)).access_token.split('.') as [string, string, string];
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const wider = Buffer.from(JSON.stringify({ ...claims, exp: claims.exp + 3_600 })).toString('base64url');
    await assert.rejects(redeem(`${head}.${wider}.${signature}`), refusedWith('delegation_forged'));
  });
});

test('a JWT of another issuer, by openid-client with a key that nobody registered', async () => {
  const anybody = await openid.discovery(new URL(world.public_url), 'anybody', undefined, openid.None(), {
    algorithm: 'oauth2',
    execute: [openid.allowInsecureRequests],
  });
  const pair = await pairOf(makeAgentKey());
  const DPoP = openid.getDPoPHandle(anybody, pair);
  const token = await openid.genericGrantRequest(anybody, JWT_BEARER, { assertion: platform.token() }, { DPoP });
  const agent = JSON.parse(Buffer.from(token.access_token.split('.')[1]!, 'base64url').toString()).client_id;
  assert.deepEqual([token.token_type, agent], ['dpop', 'triage']);
  const unsigned = `${platform.token().split('.').slice(0, 2).join('.')}.AA`;
  await assert.rejects(openid.genericGrantRequest(anybody, JWT_BEARER, { assertion: unsigned }, { DPoP }));
});

test('every grant that the metadata names is driven by an independent client in this folder', () => {
  assert.deepEqual(new Set(server.grant_types_supported), new Set(DRIVEN));
});

/** In grants.test.ts: the code, its refreshing, the device and an agent's own; here the two others. */
const DRIVEN = [
  'client_credentials',
  'authorization_code',
  'refresh_token',
  'urn:ietf:params:oauth:grant-type:device_code',
  EXCHANGE,
  JWT_BEARER,
];
