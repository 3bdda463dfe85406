import assert from 'node:assert/strict';
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as library from 'oidc-provider/lib/provider.js';
import { registeredThumbprint } from '../../src/controls/identity/index.ts';
import type { AgentClient } from './agent-client.ts';
import { makeAgentKey } from './identity.ts';

export type SecondServer = {
  issuer: string;
  /** What it signs with, for whoever wants to know what else it could have said. */
  signing: { key: KeyObject; kid: string };
  /** An access token for a resource, bound to the client's key. */
  token(client: AgentClient, resource: string, id?: string): Promise<string>;
  close(): void;
};

/** A second oidc-provider: client credentials, `at+jwt` for whatever resource is asked for, DPoP. */
export async function openSecondServer(): Promise<SecondServer> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const signing = { ...makeAgentKey(), kid: 'company', use: 'sig', alg: 'ES256' };
  const clientOf = (client_id: string) => ({
    client_id,
    client_secret: 'for tests',
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    id_token_signed_response_alg: 'ES256',
  });
  const provider = new library.Provider(issuer, {
    jwks: { keys: [signing] },
    clients: [clientOf('desk'), clientOf('other')],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      dPoP: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_: unknown, resource: string) => ({
          scope: '',
          audience: resource,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 300,
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  });
  server.on('request', provider.callback());
  return {
    issuer,
    signing: { key: createPrivateKey({ key: signing, format: 'jwk' }), kid: signing.kid },
    async token(client, resource, id = 'desk') {
      const url = `${issuer}/token`;
      const answer = await fetch(url, {
        method: 'POST',
        headers: {
          dpop: client.key.proof('POST', url),
          authorization: `Basic ${Buffer.from(`${id}:for%20tests`).toString('base64')}`,
        },
        body: new URLSearchParams({ grant_type: 'client_credentials', resource }),
      });
      const { access_token } = (await answer.json()) as { access_token: string };
      const claims = JSON.parse(Buffer.from(access_token.split('.')[1]!, 'base64url').toString());
      assert.equal(claims.cnf.jkt, registeredThumbprint(client.key.publicJwk));
      return access_token;
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
