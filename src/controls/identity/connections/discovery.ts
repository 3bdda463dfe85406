import type { Document, FetchDocument } from '../../../core/document.ts';
import { isJsonObject, JsonError, type JsonObject, parseJson } from '../../../core/json.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import { takesProofs } from '../sender-proofs.ts';
import { CLIENT_METHODS, type ClientMethod } from '../token-client.ts';
import { type Challenge, readScope } from './challenge.ts';
import type { ConnectSource } from './contract.ts';

/** What is known of where a person signs in for a server, and of what the server wants. */
export type Found = {
  /** Resource indicator: as the server's metadata has it. Undefined for a server of the time before there was such metadata. */
  resource: string | undefined;
  scopes: readonly string[];
  wants_dpop: boolean;
  server: AuthorizationServer;
};

export type AuthorizationServer = {
  issuer: string;
  authorization_endpoint: string;
  token_endpoint: string;
  registration_endpoint: string | undefined;
  scopes: readonly string[];
  methods: readonly ClientMethod[];
  /** RFC 9207: it says who it is when it sends people back. */
  says_iss: boolean;
  /** It takes an address of client metadata as a client's id. */
  takes_documents: boolean;
  takes_dpop: boolean;
};

const BYTES_MAX = 128 * 1024;
const SECONDS_MAX = 10;
const URL_CHARACTERS_MAX = 2_048;
const RESOURCE_METADATA = '/.well-known/oauth-protected-resource';
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

export function failed(sentence: string): Refusal {
  return refuse('connection_failed', sentence, { public: sentence });
}

/**
 * MCP 2026-07-28, authorization server discovery: the server's metadata (RFC 9728) where its challenge says, else at the two
 * well-known places; then that of its authorization server (RFC 8414, OpenID Connect Discovery). A server without any is of
 * 2025-03-26, and its own authorization server.
 */
export async function discover(
  source: ConnectSource,
  challenge: Challenge | undefined,
  fetchDocument: FetchDocument,
): Promise<Found | Refusal> {
  const metadata = await resourceMetadata(source.url, challenge, fetchDocument);
  if (isRefusal(metadata)) return metadata;
  const issuer = metadata === undefined ? new URL(source.url).origin : issuerOf(metadata);
  if (isRefusal(issuer)) return issuer;
  if (source.issuer !== undefined && source.issuer !== issuer)
    return failed('The server names another authorization server than the one that its configuration allows.');
  const server = await authorizationServer(issuer, metadata === undefined, fetchDocument);
  if (isRefusal(server)) return server;
  return {
    resource: metadata === undefined ? undefined : String(metadata['resource']),
    scopes: scopesOf(metadata?.['scopes_supported']),
    wants_dpop:
      challenge?.dpop === true ||
      metadata?.['dpop_bound_access_tokens_required'] === true ||
      takesProofs(metadata?.['dpop_signing_alg_values_supported']),
    server,
  };
}

async function resourceMetadata(
  url: string,
  challenge: Challenge | undefined,
  fetchDocument: FetchDocument,
): Promise<JsonObject | undefined | Refusal> {
  const { origin, pathname } = new URL(url);
  const said = challenge?.metadata;
  const path = pathname.replace(/\/$/, '');
  const places =
    said === undefined ? [...new Set([path, ''])].map((at) => `${origin}${RESOURCE_METADATA}${at}`) : [said];
  for (const place of places) {
    const metadata = await readMetadata(place, fetchDocument);
    if (metadata === undefined) continue;
    if (!covers(metadata['resource'], url))
      return failed('The server’s metadata is that of another server: its resource is not this address.');
    return metadata;
  }
  return said === undefined ? undefined : failed('The server’s metadata cannot be read where it says that it is.');
}

/** The server itself, or a path above it: nobody can have a token for one server from the metadata of another. */
function covers(resource: unknown, url: string): boolean {
  const named = typeof resource === 'string' && resource.length <= URL_CHARACTERS_MAX ? URL.parse(resource) : null;
  if (named === null || named.hash !== '' || named.username !== '') return false;
  const { origin, pathname } = new URL(url);
  const below = (path: string) => (path.endsWith('/') ? path : `${path}/`);
  return named.origin === origin && below(pathname).startsWith(below(named.pathname));
}

function issuerOf({ authorization_servers }: JsonObject): string | Refusal {
  const issuer = Array.isArray(authorization_servers) ? authorization_servers[0] : undefined;
  return isAddress(issuer) && new URL(issuer).search === '' && new URL(issuer).hash === ''
    ? issuer
    : failed('The server names no authorization server that can be used.');
}

async function authorizationServer(
  issuer: string,
  is_own: boolean,
  fetchDocument: FetchDocument,
): Promise<AuthorizationServer | Refusal> {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  const known = '/.well-known/oauth-authorization-server';
  const openid = '/.well-known/openid-configuration';
  const places = path === '' ? [known, openid] : [`${known}${path}`, `${openid}${path}`, `${path}${openid}`];
  for (const place of places) {
    const metadata = await readMetadata(`${origin}${place}`, fetchDocument);
    if (metadata !== undefined) return readServer(issuer, metadata);
  }
  return is_own ? usualEndpoints(origin) : failed('The metadata of the server’s authorization server cannot be read.');
}

/** 2025-03-26, fallbacks for servers without metadata discovery. */
function usualEndpoints(origin: string): AuthorizationServer {
  return {
    issuer: origin,
    authorization_endpoint: `${origin}/authorize`,
    token_endpoint: `${origin}/token`,
    registration_endpoint: `${origin}/register`,
    scopes: [],
    methods: ['client_secret_basic', 'none'],
    says_iss: false,
    takes_documents: false,
    takes_dpop: false,
  };
}

function readServer(issuer: string, metadata: JsonObject): AuthorizationServer | Refusal {
  // RFC 8414, section 3.3: compared as they are. Otherwise one server could speak for another.
  if (metadata['issuer'] !== issuer) return failed('The authorization server’s metadata names another issuer.');
  const { authorization_endpoint, token_endpoint, registration_endpoint } = metadata;
  if (!isAddress(authorization_endpoint) || !isAddress(token_endpoint))
    return failed('The authorization server has no endpoints that can be used.');
  const challenges = metadata['code_challenge_methods_supported'];
  if (!Array.isArray(challenges) || !challenges.includes('S256'))
    return failed('The authorization server does not say that it takes PKCE with S256.');
  const methods = metadata['token_endpoint_auth_methods_supported'];
  return {
    issuer,
    authorization_endpoint,
    token_endpoint,
    registration_endpoint: isAddress(registration_endpoint) ? registration_endpoint : undefined,
    scopes: scopesOf(metadata['scopes_supported']),
    methods: Array.isArray(methods)
      ? CLIENT_METHODS.filter((method) => methods.includes(method))
      : ['client_secret_basic'],
    says_iss: metadata['authorization_response_iss_parameter_supported'] === true,
    takes_documents: metadata['client_id_metadata_document_supported'] === true,
    takes_dpop: takesProofs(metadata['dpop_signing_alg_values_supported']),
  };
}

/** https, or this machine: what goes there, or comes from there, is a credential. */
export function isAddress(value: unknown): value is string {
  if (typeof value !== 'string' || value.length > URL_CHARACTERS_MAX) return false;
  const url = URL.parse(value);
  if (url === null || url.username !== '' || url.password !== '') return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.test(url.hostname));
}

function scopesOf(value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length > 200) return [];
  return value.filter((scope): scope is string => readScope(scope) !== undefined && !String(scope).includes(' '));
}

/** Undefined where there is none: also what cannot be reached is not there, since each place has another behind it or is needed. */
async function readMetadata(url: string, fetchDocument: FetchDocument): Promise<JsonObject | undefined> {
  if (!isAddress(url)) return undefined;
  const answer = await fetchDocument(url, { bytes_max: BYTES_MAX, seconds_max: SECONDS_MAX });
  return isRefusal(answer) || answer.status !== 200 ? undefined : objectIn(answer);
}

export function objectIn({ body }: Document): JsonObject | undefined {
  try {
    const value = parseJson(body);
    return isJsonObject(value) ? value : undefined;
  } catch (error) {
    if (error instanceof JsonError) return undefined;
    throw error;
  }
}
