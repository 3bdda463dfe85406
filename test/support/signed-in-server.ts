import { generateKeyPairSync } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as library from 'oidc-provider/lib/provider.js';

type Token = { accountId: string; jkt?: string; scope?: string; isValid: boolean; destroy(): Promise<void> };
type Models = {
  AccessToken: { find(token: string): Promise<Token | undefined> };
  RefreshToken: { find(token: string): Promise<{ destroy(): Promise<void> } | undefined> };
  Grant: new (given: {
    clientId: string;
    accountId: string;
  }) => {
    addOIDCScope(scope: string): void;
    addResourceScope(resource: string, scope: string): void;
    save(): Promise<string>;
  };
  interactionDetails(request: unknown, response: unknown): Promise<{ prompt: { name: string } }>;
  interactionFinished(request: unknown, response: unknown, result: object): Promise<void>;
};
type Provider = library.Provider & Models;
type Context = {
  oidc: { client: { clientId: string }; session: { accountId: string }; params: { resource?: string } };
};
type Message = { id?: number; method: string; params?: { arguments?: { wants?: string } } };

/** What the server saw of one call that it answered. */
export type Seen = { who: string; scheme: string; token: string; scope: string };

/**
 * An MCP server of 2026-07-28 behind a real authorization server (oidc-provider, with registration, refresh tokens that are good
 * for one use, resource indicators and DPoP). It lets in whoever has one of its tokens, and says who that is. Whoever is `user` signs in
 * there at once.
 */
export class SignedInServer {
  url = '';
  issuer = '';
  user = 'ada@notes.example';
  /** Life of its access tokens. */
  seconds = 600;
  /** Its metadata, where it is to be another than it should be. */
  metadata: Record<string, unknown> | undefined;
  /** It asks for tokens that are bound to a key. */
  dpop = false;
  readonly seen: Seen[] = [];
  registrations = 0;
  refreshes: string[] = [];
  issued: string[] = [];
  #provider: Provider | undefined;
  #servers: Server[] = [];

  async start(): Promise<this> {
    this.issuer = await this.#listen((request, response) => void this.#authorize(request, response));
    const origin = await this.#listen((request, response) => void this.#serve(request, response));
    this.url = `${origin}/mcp`;
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const resource = { scope: 'notes.read notes.write', accessTokenFormat: 'opaque' };
    this.#provider = new library.Provider(this.issuer, {
      jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'notes', use: 'sig', alg: 'ES256' }] },
      cookies: { keys: ['for tests'] },
      clientDefaults: { id_token_signed_response_alg: 'ES256' },
      scopes: ['openid', 'offline_access'],
      interactions: { url: (_: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
      findAccount: (_: unknown, sub: string) => ({ accountId: sub, claims: () => ({ sub }) }),
      rotateRefreshToken: true,
      ttl: { AccessToken: () => this.seconds, RefreshToken: 3_600 },
      features: {
        devInteractions: { enabled: false },
        registration: { enabled: true },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => this.url,
          useGrantedResource: () => true,
          getResourceServerInfo: () => ({ ...resource, audience: this.url }),
        },
      },
      loadExistingGrant: async ({ oidc: { client, session } }: Context) => {
        const grant = new this.#provider!.Grant({ clientId: client.clientId, accountId: session.accountId });
        grant.addOIDCScope('openid offline_access');
        grant.addResourceScope(this.url, resource.scope);
        await grant.save();
        return grant;
      },
    }) as Provider;
    (this.#provider as unknown as { silent: boolean }).silent = true;
    return this;
  }

  close(): void {
    for (const server of this.#servers) {
      server.closeAllConnections();
      server.close();
    }
  }

  /** A browser that goes to `url`, and the address that it comes back to. */
  async visit(url: string): Promise<URL> {
    const cookies = new Map<string, string>();
    let next = url;
    for (let hop = 0; hop < 10; hop++) {
      if (!next.startsWith(this.issuer)) return new URL(next);
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const answer = await fetch(next, { redirect: 'manual', headers: { cookie } });
      for (const line of answer.headers.getSetCookie()) {
        const [name, value] = line.split(';')[0]!.split('=') as [string, string];
        cookies.set(name, value);
      }
      const location = answer.headers.get('location');
      if (location === null) throw new Error(`it answers ${answer.status}: ${await answer.text()}`);
      next = new URL(location, next).href;
    }
    throw new Error('it sends the browser in a circle');
  }

  /** The person takes back, at the server, what they gave. */
  async forget(): Promise<void> {
    for (const token of this.refreshes) await (await this.#provider!.RefreshToken.find(token))?.destroy();
  }

  /** Its access tokens are over before their time. */
  async revoke(): Promise<void> {
    for (const token of this.issued) await (await this.#provider!.AccessToken.find(token))?.destroy();
  }

  async #listen(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
    const server = createServer(answer);
    this.#servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async #authorize(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const provider = this.#provider!;
    if (request.url?.startsWith('/interaction/') === true) {
      const { prompt } = await provider.interactionDetails(request, response);
      const result = prompt.name === 'login' ? { login: { accountId: this.user } } : { consent: {} };
      return provider.interactionFinished(request, response, result);
    }
    if (request.url === '/reg') this.registrations += 1;
    if (request.url === '/token') this.#overhear(response);
    void provider.callback()(request, response);
  }

  #overhear(response: ServerResponse): void {
    const end = response.end.bind(response);
    response.end = ((body?: string | Buffer) => {
      const said = JSON.parse(String(body ?? '{}')) as { access_token?: string; refresh_token?: string };
      if (said.access_token !== undefined) this.issued.push(said.access_token);
      if (said.refresh_token !== undefined) this.refreshes.push(said.refresh_token);
      return end(body);
    }) as typeof response.end;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const json = (status: number, body: object, headers: Record<string, string> = {}) =>
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
    const place = new URL(this.url);
    const metadata = `/.well-known/oauth-protected-resource${place.pathname}`;
    if (request.url === metadata) {
      json(
        200,
        this.metadata ?? { resource: this.url, authorization_servers: [this.issuer], scopes_supported: ['notes.read'] },
      );
      return;
    }
    if (request.method !== 'POST' || request.url !== place.pathname) return void response.writeHead(404).end();
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const message = JSON.parse(Buffer.concat(parts).toString() || '{}') as Message;
    const [scheme = '', token = ''] = (request.headers.authorization ?? '').split(' ');
    const known = token === '' ? undefined : await this.#provider!.AccessToken.find(token);
    const fits = known?.isValid === true && (known.jkt === undefined ? scheme === 'Bearer' : scheme === 'DPoP');
    const challenge = `${this.dpop ? 'DPoP' : 'Bearer'} resource_metadata="${place.origin}${metadata}"`;
    if (!fits) return void json(401, {}, { 'www-authenticate': `${challenge}, error="invalid_token"` });
    const wants = message.params?.arguments?.wants;
    const scope = known.scope ?? '';
    if (wants !== undefined && !scope.split(' ').includes(wants))
      return void json(403, {}, { 'www-authenticate': `${challenge}, error="insufficient_scope", scope="${wants}"` });
    if (message.method === 'tools/call') this.seen.push({ who: known.accountId, scheme, token, scope });
    json(200, { jsonrpc: '2.0', id: message.id, result: resultOf(message.method, known.accountId, token) });
  }
}

function resultOf(method: string, who: string, token: string): object {
  if (method === 'server/discover') {
    const _meta = { 'io.modelcontextprotocol/serverInfo': { name: 'notes', version: '1' } };
    return { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities: { tools: {} }, _meta };
  }
  if (method === 'tools/list') {
    const inputSchema = { type: 'object', properties: { wants: { type: 'string' } } };
    const tools = [{ name: 'whoami', description: 'says who you are', inputSchema }];
    return { resultType: 'complete', tools, ttlMs: 60_000, cacheScope: 'private' };
  }
  return { resultType: 'complete', content: [{ type: 'text', text: `you are ${who}, by ${token}` }] };
}
