import assert from 'node:assert/strict';
import { request } from 'node:https';
import { after, before, describe, test } from 'node:test';
import * as oauth from 'oauth4webapi';
import { type Held, openSpiffeWorld, PARTNER, type SpiffeWorld } from '../../support/spiffe.ts';

/** RFC 8705: an agent that asks for its token over mutual TLS needs no other credential, and the token is its certificate's. */
let world: SpiffeWorld;
let triage: Held;
let stranger: Held;

before(async () => {
  world = await openSpiffeWorld();
  triage = await world.fetchSvid();
  stranger = await world.partner.leaf({ names: `URI:spiffe://${PARTNER}/bots/one` });
});
after(() => world.stop());

/** `fetch` by node:https with a certificate, for `oauth4webapi`: the port and the authorities are those of mutual TLS. */
function over(held: Held | undefined): typeof fetch {
  return (async (url: string, init: { method: string; headers: Record<string, string>; body?: URLSearchParams }) => {
    const { pathname } = new URL(url);
    const body = init.body?.toString() ?? '';
    return new Promise<Response>((resolve, reject) => {
      const sent = request(
        {
          host: '127.0.0.1',
          port: world.port,
          path: pathname,
          method: init.method,
          ca: world.authorities,
          agent: false,
          headers: { ...init.headers, 'content-length': Buffer.byteLength(body) },
          ...(held === undefined ? {} : { cert: held.cert, key: held.key }),
        },
        async (response) => {
          let text = '';
          for await (const part of response) text += part;
          const headers = Object.entries(response.headers).map(([n, v]): [string, string] => [n, String(v)]);
          resolve(new Response(text, { status: response.statusCode ?? 500, headers }));
        },
      );
      sent.once('error', reject);
      sent.end(body);
    });
  }) as unknown as typeof fetch;
}

async function ask(held: Held | undefined, client_id = 'triage'): Promise<oauth.TokenEndpointResponse> {
  const server = { issuer: world.public_url, token_endpoint: `${world.public_url}/oauth/token` };
  const parameters = new URLSearchParams({ resource: `${world.public_url}/mcp`, job: 'support' });
  const options = { [oauth.customFetch]: over(held), [oauth.allowInsecureRequests]: true };
  const client = { client_id };
  const response = await oauth.clientCredentialsGrantRequest(
    server,
    client,
    oauth.TlsClientAuth(),
    parameters,
    options,
  );
  return oauth.processClientCredentialsResponse(server, client, response);
}

describe('tls_client_auth', () => {
  test('the certificate is the credential, and the token is bound to it', async () => {
    const { access_token } = await ask(triage);
    const [, payload = ''] = access_token.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { cnf: Record<string, string> };
    assert.deepEqual(Object.keys(claims.cnf), ['x5t#S256']);
    const headers = { authorization: `Bearer ${access_token}` };
    const called = await world.append(triage, 'ok by certificate', { headers });
    assert.equal(called.code, undefined, called.body);
    assert.equal((await world.append(stranger, 'ok stolen', { headers })).code, 'token_wrong_certificate');
    const plain = await fetch(`${world.running.agents_url}/mcp/journal`, { method: 'POST', headers, body: '{}' });
    assert.equal(plain.status, 401);
  });

  for (const [what, held, client_id] of [
    ['no certificate', () => undefined, 'triage'],
    ['another agent’s certificate', () => stranger, 'triage'],
    ['a name that is not the certificate’s', () => triage, 'partner-bot'],
    ['an agent that does not exist', () => triage, 'nobody'],
  ] as const) {
    test(`with ${what} there is no token`, async () => {
      await assert.rejects(ask(held(), client_id), (error: unknown) => {
        assert.ok(
          error instanceof oauth.ResponseBodyError || error instanceof oauth.WWWAuthenticateChallengeError,
          String(error),
        );
        return true;
      });
    });
  }

  test('metadata says so', async () => {
    const response = await fetch(`${world.running.agents_url}/.well-known/oauth-authorization-server`);
    const metadata = (await response.json()) as Record<string, unknown>;
    assert.ok((metadata['token_endpoint_auth_methods_supported'] as string[]).includes('tls_client_auth'));
    assert.equal(metadata['tls_client_certificate_bound_access_tokens'], true);
  });
});
