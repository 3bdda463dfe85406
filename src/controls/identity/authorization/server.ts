import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Provider } from 'oidc-provider/lib/provider.js';
import type { JsonValue } from '../../../core/json.ts';
import { publicSentence } from '../../../core/refusal.ts';
import type { AuthorizationServer } from '../contract.ts';
import { RateLimit, sourceOf } from '../rate-limits.ts';
import type { Standing } from '../standing.ts';
import { openConsents } from './consents.ts';
import type { AuthorizationServerParts, Consents } from './contract.ts';
import { errorPage } from './error-page.ts';
import { isMetadata, metadata } from './metadata.ts';
import { type Handle, openProvider } from './provider.ts';
import { type AuthorizationSettings, PATHS } from './settings.ts';
import { takeTicket } from './tickets.ts';

/** A request costs signatures and rows: for each source so many at once, then so many a second. */
const REQUESTS = { burst: 100, per_second: 20 };
const PREFLIGHT_SECONDS = 600;
/** Twenty-one characters of base64url, as oidc-provider names what is under way. */
const RESUME = new RegExp(`^${PATHS.authorization}/([A-Za-z0-9_-]{10,64})$`);

/** What may be asked how. Whatever else oidc-provider can do is out of reach. */
const METHODS: Readonly<Record<string, 'GET' | 'POST'>> = {
  [PATHS.authorization]: 'GET',
  [PATHS.token]: 'POST',
  [PATHS.pushed]: 'POST',
  [PATHS.device]: 'POST',
  [PATHS.introspection]: 'POST',
  [PATHS.revocation]: 'POST',
};

/**
 * The authorization server (RFC 6749 as OAuth 2.1 has it): agents authenticate with keys or certificates, clients that people
 * use bring a person's consent. oidc-provider checks requests and signs; the addresses, the consent and the run are ours.
 */
export function openAuthorizationServer(parts: AuthorizationServerParts): {
  server: AuthorizationServer;
  consents: Consents;
} {
  const current = providerOf(parts);
  const limit = new RateLimit(REQUESTS, () => parts.clock.monotonic());
  const allowed = (request: IncomingMessage, response: ServerResponse): boolean => {
    const source = request.socket.remoteAddress ?? '';
    if (limit.take(sourceOf(source))) return true;
    parts.refused('rate_limited', source);
    const error_description = publicSentence('rate_limited');
    answer(response, 429, { error: 'temporarily_unavailable', error_description });
    return false;
  };
  const answered = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = (request.url ?? '').split('?', 1)[0]!;
    if (path === PATHS.token && (await parts.workloads.answers(request, response))) return;
    await current().handle(request, response);
  };
  const pass = (request: IncomingMessage, response: ServerResponse): void => {
    answered(request, response).catch((error: unknown) => {
      parts.report('the authorization server failed', error);
      response.destroy();
    });
  };
  const server: AuthorizationServer = {
    serves: (path) => path.startsWith('/oauth/') || isMetadata(path),
    handler(request, response) {
      const path = (request.url ?? '').split('?', 1)[0]!;
      if (isPublic(path)) return answerPublic(path, request, response, parts);
      const resumed = RESUME.exec(path)?.[1];
      const method = resumed === undefined ? methodOf(path, parts) : 'GET';
      if (method === undefined) return answer(response, 404, { error: 'not_found' });
      if (request.method === 'OPTIONS') return preflight(request, response, parts);
      if (request.method !== method) return answer(response, 405, { error: 'invalid_request' });
      if (!allowed(request, response)) return;
      // See `withoutCookies`: none of the console's, and none that a client made up.
      delete request.headers.cookie;
      if (resumed === undefined) return pass(request, response);
      void resume(resumed, request, response, parts).then((cookie) => {
        if (cookie === undefined) return;
        request.headers.cookie = cookie;
        pass(request, response);
      });
    },
  };
  return {
    server,
    consents: openConsents({ ...parts, provider: () => current().provider }),
  };
}

type Current = { provider: Provider; handle: Handle };

/** oidc-provider reads its settings and its key once: another configuration, or another key, is another one. */
function providerOf(parts: AuthorizationServerParts): () => Current {
  let made: (Current & { settings: AuthorizationSettings; signing: unknown }) | undefined;
  return () => {
    const [settings, signing] = [parts.authorization(), parts.keys.signing];
    if (made?.settings !== settings || made.signing !== signing) {
      const provider = openProvider(parts);
      made = { provider, handle: provider.callback(), settings, signing };
    }
    return made;
  };
}

function methodOf(path: string, { authorization }: AuthorizationServerParts): 'GET' | 'POST' | undefined {
  if (path === PATHS.registration) return authorization().registration ? 'POST' : undefined;
  return Object.hasOwn(METHODS, path) ? METHODS[path] : undefined;
}

function isPublic(path: string): boolean {
  return isMetadata(path) || path === PATHS.jwks;
}

/** What anybody may know, pages of other origins included. */
function answerPublic(
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
  parts: AuthorizationServerParts,
): void {
  response.setHeader('Access-Control-Allow-Origin', '*');
  const reads = request.method === 'GET' || request.method === 'HEAD';
  if (request.method === 'OPTIONS') allowHeaders(response, 'GET');
  else if (!reads) answer(response, 405, { error: 'invalid_request' });
  else answer(response, 200, path === PATHS.jwks ? publicKeys(parts.standing) : metadata(parts));
}

/** Pages may ask for tokens where the operator listed their origin, as for `/mcp`. */
function preflight(request: IncomingMessage, response: ServerResponse, parts: AuthorizationServerParts): void {
  const { origin } = request.headers;
  if (origin === undefined || !parts.origins().has(origin)) {
    answer(response, 403, { error: 'invalid_request' });
    return;
  }
  response.setHeader('Access-Control-Allow-Origin', origin);
  response.setHeader('Vary', 'Origin');
  allowHeaders(response, 'POST');
}

const CORS_HEADERS = 'authorization, content-type, dpop, mcp-protocol-version';

function allowHeaders(response: ServerResponse, method: string): void {
  response.writeHead(204, {
    'Access-Control-Allow-Methods': method,
    'Access-Control-Allow-Headers': CORS_HEADERS,
    'Access-Control-Max-Age': String(PREFLIGHT_SECONDS),
  });
  response.end();
}

/** @returns what tells oidc-provider which request goes on; undefined where the answer was given here. */
async function resume(
  uid: string,
  request: IncomingMessage,
  response: ServerResponse,
  parts: AuthorizationServerParts,
): Promise<string | undefined> {
  const ticket = new URL(request.url ?? '', parts.issuer).searchParams.get('ticket') ?? '';
  const taken = await takeTicket(uid, ticket, parts).catch((error: unknown) => {
    parts.report('a ticket could not be read', error);
    return false;
  });
  if (taken) return `_interaction_resume=${uid}`;
  parts.refused('grant_refused', request.socket.remoteAddress ?? '');
  const page = errorPage({ error: 'invalid_request', error_description: publicSentence('ticket_invalid') });
  response.writeHead(400, { ...page.headers, 'content-length': Buffer.byteLength(page.body) });
  response.end(page.body);
  return undefined;
}

function answer(response: ServerResponse, status: number, body: JsonValue): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(text);
}

/** Every replica's, since any of them may have signed. */
function publicKeys({ signingKeys }: Standing): JsonValue {
  return {
    keys: [...signingKeys].map(([kid, { jwk }]) => ({ ...JSON.parse(jwk), kid, use: 'sig', alg: 'ES256' })),
  };
}
