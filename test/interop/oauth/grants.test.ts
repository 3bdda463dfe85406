import assert from 'node:assert/strict';
import { createPrivateKey, type webcrypto } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import type { AgentKey } from '../../support/agent-client.ts';
import { type ClientSite, openClientSite } from '../../support/client-site.ts';
import { type ConsolePerson, consentTo, consolePerson } from '../../support/console-person.ts';
import { makeAgentKey, publicHalf } from '../../support/identity.ts';
import { openWorld, type World } from '../../support/world.ts';

const REDIRECT = 'http://127.0.0.1:41234/callback';
const ANYBODY = `
@id("anybody-reads")
@reason("Whoever is here may read reports.")
@public("Paths below reports/ may be read.")
permit (principal, action == Action::"tool.call", resource == Tool::"journal/read_text");
`;

let world: World;
let site: ClientSite;
let maria: ConsolePerson;
let client_id: string;

before(async () => {
  site = await openClientSite();
  client_id = `${site.origin}/editor.json`;
  site.documents.set('/editor.json', {
    client_id,
    client_name: 'An Editor',
    redirect_uris: ['http://127.0.0.1/callback', 'https://learned.example/callback'],
    grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    scope: 'openid profile',
  });
  world = await openWorld({
    network: site.network,
    policies: ANYBODY,
    extra: `authorization:
  registration: true
  sign_in:
    - { clients: ["${site.origin}/*", registered], jobs: [support, report], roles: [admin] }
`,
  });
  maria = await consolePerson(world);
});
after(async () => {
  await world.stop();
  site.close();
});

type Claims = Record<string, unknown> & { act?: { sub: string } };
const claimsOf = (token: string): Claims => JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString());
const resource = () => `${world.public_url}/mcp/journal`;

/** A tool called with this token as a bearer. */
async function callWith(token: string): Promise<number> {
  const answer = await fetch(resource(), {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/list',
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/list',
      params: {
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientCapabilities': {},
        },
      },
    }),
  });
  await answer.text();
  return answer.status;
}

async function pairOf(key: AgentKey): Promise<webcrypto.CryptoKeyPair> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const privateJwk = createPrivateKey({ key: { ...key }, format: 'jwk' }).export({ format: 'jwk' });
  const { d: _, ...publicJwk } = privateJwk;
  return {
    privateKey: await crypto.subtle.importKey('jwk', privateJwk as webcrypto.JsonWebKey, algorithm, true, ['sign']),
    publicKey: await crypto.subtle.importKey('jwk', publicJwk as webcrypto.JsonWebKey, algorithm, true, ['verify']),
  };
}

const insecure = { [oauth.allowInsecureRequests]: true };

async function serverByOauth(): Promise<oauth.AuthorizationServer> {
  const issuer = new URL(world.public_url);
  return oauth.processDiscoveryResponse(
    issuer,
    await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure }),
  );
}

describe('oauth4webapi', () => {
  test('client credentials with private_key_jwt, bound by DPoP', async () => {
    const key = makeAgentKey();
    const added = await world.local.call('agents.add', {
      body: { id: 'by-key', owner: 'ops', jobs: ['report'], public_key: publicHalf(key) as Record<string, string> },
    });
    assert.equal(added.kind, 'ok');
    const server = await serverByOauth();
    const pair = await pairOf(key);
    const response = await oauth.clientCredentialsGrantRequest(
      server,
      { client_id: 'by-key' },
      oauth.PrivateKeyJwt(pair.privateKey),
      { resource: resource() },
      { DPoP: oauth.DPoP({}, pair), ...insecure },
    );
    const result = await oauth.processClientCredentialsResponse(server, { client_id: 'by-key' }, response);
    const claims = claimsOf(result.access_token);
    assert.deepEqual([result.token_type, claims.job, claims.owner], ['dpop', 'report', 'ops']);
    const introspected = await oauth.introspectionRequest(
      server,
      { client_id: 'by-key' },
      oauth.PrivateKeyJwt(pair.privateKey),
      result.access_token,
      insecure,
    );
    const told = await oauth.processIntrospectionResponse(server, { client_id: 'by-key' }, introspected);
    assert.deepEqual([told.active, told.client_id, told['run']], [true, 'by-key', claims.run]);
    const revoked = await oauth.revocationRequest(
      server,
      { client_id: 'by-key' },
      oauth.PrivateKeyJwt(pair.privateKey),
      result.access_token,
      insecure,
    );
    await oauth.processRevocationResponse(revoked);
    const again = await oauth.introspectionRequest(
      server,
      { client_id: 'by-key' },
      oauth.PrivateKeyJwt(pair.privateKey),
      result.access_token,
      insecure,
    );
    assert.equal((await oauth.processIntrospectionResponse(server, { client_id: 'by-key' }, again)).active, false);
  });

  test('authorization code with PKCE, pushed, DPoP-bound, with iss', async () => {
    const server = await serverByOauth();
    const client = { client_id };
    const pair = await oauth.generateKeyPair('ES256', { extractable: true });
    const DPoP = oauth.DPoP({}, pair);
    const code_verifier = oauth.generateRandomCodeVerifier();
    const parameters = {
      response_type: 'code',
      redirect_uri: REDIRECT,
      code_challenge: await oauth.calculatePKCECodeChallenge(code_verifier),
      code_challenge_method: 'S256',
      resource: resource(),
      state: 'abc',
      scope: 'job:report',
    };
    const pushed = await oauth.processPushedAuthorizationResponse(
      server,
      client,
      await oauth.pushedAuthorizationRequest(server, client, oauth.None(), parameters, { DPoP, ...insecure }),
    );
    const url = new URL(server.authorization_endpoint!);
    url.search = new URLSearchParams({ client_id, request_uri: pushed.request_uri }).toString();
    const back = await consentTo(maria, url, { allow: true, job: 'report' });
    assert.equal(back.searchParams.get('iss'), world.public_url);
    const validated = oauth.validateAuthResponse(server, client, back, 'abc');
    const response = await oauth.authorizationCodeGrantRequest(
      server,
      client,
      oauth.None(),
      validated,
      REDIRECT,
      code_verifier,
      { DPoP, additionalParameters: { resource: resource() }, ...insecure },
    );
    const result = await oauth.processAuthorizationCodeResponse(server, client, response);
    const claims = claimsOf(result.access_token);
    assert.equal(result.token_type, 'dpop');
    assert.match(String(claims.sub), /^usr_/);
    assert.match(claims.act!.sub, /^learned\.example-/);
    assert.deepEqual([claims.job, claims.owner, claims.aud], ['report', 'maria', resource()]);
    assert.ok(Number(claims.exp) - Number(claims.iat) <= 600);
  });
});

describe('openid-client', () => {
  async function configuration(): Promise<openid.Configuration> {
    return openid.discovery(new URL(world.public_url), client_id, undefined, openid.None(), {
      algorithm: 'oauth2',
      execute: [openid.allowInsecureRequests],
    });
  }

  async function signIn(config: openid.Configuration) {
    const pkceCodeVerifier = openid.randomPKCECodeVerifier();
    const url = openid.buildAuthorizationUrl(config, {
      redirect_uri: REDIRECT,
      code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
      resource: resource(),
    });
    const back = await consentTo(maria, url);
    return openid.authorizationCodeGrant(config, back, { pkceCodeVerifier }, { resource: resource() });
  }

  test('authorization code without a key: a bearer for ten minutes at most, with refresh tokens that rotate', async () => {
    const config = await configuration();
    const first = await signIn(config);
    assert.equal(first.token_type, 'bearer');
    assert.ok(first.expires_in! <= 600);
    assert.equal(await callWith(first.access_token), 200);
    const second = await openid.refreshTokenGrant(config, first.refresh_token!, { resource: resource() });
    assert.notEqual(second.refresh_token, first.refresh_token);
    assert.equal(claimsOf(second.access_token).run, claimsOf(first.access_token).run);
    await openid.tokenRevocation(config, second.refresh_token!);
    assert.equal(await callWith(second.access_token), 401);
    await assert.rejects(openid.refreshTokenGrant(config, second.refresh_token!));
  });

  test('the person says no', async () => {
    const config = await configuration();
    const url = openid.buildAuthorizationUrl(config, {
      redirect_uri: REDIRECT,
      code_challenge: await openid.calculatePKCECodeChallenge(openid.randomPKCECodeVerifier()),
      code_challenge_method: 'S256',
    });
    const back = await consentTo(maria, url, { allow: false });
    assert.deepEqual(
      [back.searchParams.get('error'), back.searchParams.get('iss')],
      ['access_denied', world.public_url],
    );
  });

  test('device flow', async () => {
    const config = await configuration();
    const begun = await openid.initiateDeviceAuthorization(config, { resource: resource() });
    assert.equal(begun.verification_uri, `${world.running.console_url}/device`);
    const shown = await maria.ask('GET', `/api/client-grants/devices/${begun.user_code}`);
    assert.deepEqual((shown.body['client'] as { host: string }).host, 'learned.example');
    const answered = await maria.ask('POST', `/api/client-grants/devices/${begun.user_code.toLowerCase()}`, {
      verdict: { allow: true, job: 'support' },
    });
    assert.equal(answered.status, 200);
    const token = await openid.pollDeviceAuthorizationGrant(config, { ...begun, interval: 0.1 } as typeof begun, {
      resource: resource(),
    });
    assert.equal(await callWith(token.access_token), 200);
  });

  test('dynamic registration, where it is on', async () => {
    const config = await openid.dynamicClientRegistration(
      new URL(world.public_url),
      { redirect_uris: [REDIRECT], token_endpoint_auth_method: 'none', client_name: 'Somebody' },
      openid.None(),
      { algorithm: 'oauth2', execute: [openid.allowInsecureRequests] },
    );
    assert.equal((await signIn(config)).token_type, 'bearer');
  });
});

test('the official MCP client signs in by a browser, with its metadata document, and calls', async () => {
  const kept: { tokens?: unknown; verifier?: string; url?: URL } = {};
  const provider = {
    redirectUrl: REDIRECT,
    clientMetadataUrl: client_id,
    clientMetadata: { redirect_uris: [REDIRECT], token_endpoint_auth_method: 'none' },
    clientInformation: () => ({ client_id }),
    tokens: () => kept.tokens as never,
    saveTokens: (tokens: unknown) => {
      kept.tokens = tokens;
    },
    redirectToAuthorization: (url: URL) => {
      kept.url = url;
    },
    saveCodeVerifier: (verifier: string) => {
      kept.verifier = verifier;
    },
    codeVerifier: () => kept.verifier!,
  };
  const open = () => new StreamableHTTPClientTransport(new URL(resource()), { authProvider: provider });
  const first = open();
  await assert.rejects(new Client({ name: 'editor', version: '1' }).connect(first));
  assert.equal(kept.url?.searchParams.get('resource'), resource());
  const back = await consentTo(maria, kept.url!);
  await first.finishAuth(back.searchParams);
  const client = new Client({ name: 'editor', version: '1' });
  await client.connect(open());
  const { tools } = await client.listTools();
  assert.ok(tools.some(({ name }) => name === 'read_text'));
  await client.close();
});
