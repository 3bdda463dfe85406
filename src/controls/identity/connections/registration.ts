import type { Random } from '../../../core/clock.ts';
import type { FetchDocument } from '../../../core/document.ts';
import type { JsonObject } from '../../../core/json.ts';
import { isRefusal, type Refusal } from '../../../core/refusal.ts';
import type { Database } from '../../../storage/index.ts';
import type { IdentityKeys } from '../identity-keys.ts';
import { seal, unseal } from '../people/sealed.ts';
import type { Time } from '../time.ts';
import { CLIENT_METHODS, type ClientMethod } from '../token-client.ts';
import type { ConnectSource } from './contract.ts';
import { type AuthorizationServer, failed, objectIn } from './discovery.ts';
import { findClient, keepClient, type RegisteredClient } from './store.ts';

/** Who the gateway is at one authorization server. Never used at another (MCP 2026-07-28, authorization server binding). */
export type Client = {
  client_id: string;
  method: ClientMethod;
  client_secret: string | null;
  client_key: string | null;
  /** It registered itself, so that it may do so again. */
  registered: boolean;
};

export type ClientParts = {
  db: Database;
  time: Time;
  random: Random;
  keys: IdentityKeys;
  /** Of the gateway's own authorization server, and of its metadata as a client. */
  issuer: string;
  redirect_uri: string;
  fetchDocument: FetchDocument;
};

const NAME = 'Sallyport';
const GRANTS = ['authorization_code', 'refresh_token'];
const BYTES_MAX = 64 * 1024;
const ID_CHARACTERS_MAX = 1_024;
const SECONDS_MAX = 10;
/** Where the gateway's metadata as a client is, below its public address. */
export const CLIENT_DOCUMENT_PATH = '/oauth/client.json';

/** MCP 2026-07-28, client registration: by hand, else by a metadata document, else by registering. */
export async function clientAt(
  server: AuthorizationServer,
  source: ConnectSource,
  parts: ClientParts & { dpop: boolean },
): Promise<Client | Refusal> {
  if (source.client_id !== undefined) return byHand(source.client_id, source, server);
  if (server.takes_documents && parts.issuer.startsWith('https:')) {
    const client_id = `${parts.issuer}${CLIENT_DOCUMENT_PATH}`;
    return { client_id, method: 'none', client_secret: null, client_key: null, registered: false };
  }
  const { issuer } = server;
  const known = await findClient(parts.db, { issuer, redirect_uri: parts.redirect_uri });
  if (known !== undefined && (known.expires_at ?? Number.POSITIVE_INFINITY) > parts.time.now())
    return opened(known, parts);
  const made = await register(server, parts);
  if (isRefusal(made)) return made;
  await keepClient(parts.db, made);
  return opened((await findClient(parts.db, made)) ?? made, parts);
}

function byHand(client_id: string, source: ConnectSource, { methods }: AuthorizationServer): Client {
  const { client_secret, client_key } = source;
  const secret = methods.includes('client_secret_basic') || !methods.includes('client_secret_post') ? 'basic' : 'post';
  const unsaid: ClientMethod =
    client_secret !== undefined
      ? `client_secret_${secret}`
      : client_key !== undefined || !(methods.includes('none') || client_id.startsWith('https:'))
        ? 'private_key_jwt'
        : 'none';
  return {
    client_id,
    method: source.method ?? unsaid,
    client_secret: client_secret?.reveal() ?? null,
    client_key: client_key?.reveal() ?? null,
    registered: false,
  };
}

/** Where the console takes people who come back. */
export const CONNECTED_PATH = '/connected';

/** A client's id is the address of its metadata (CIMD): what stands there is vouched for by that address. */
export function clientDocument(
  path: string,
  { issuer, redirect_uri }: { issuer: string; redirect_uri: string },
): JsonObject | undefined {
  if (path !== CLIENT_DOCUMENT_PATH) return undefined;
  return { client_id: `${issuer}${CLIENT_DOCUMENT_PATH}`, client_uri: issuer, ...clientMetadata(redirect_uri) };
}

/** What the gateway says of itself: at `CLIENT_DOCUMENT_PATH`, and when it registers. */
export function clientMetadata(redirect_uri: string): JsonObject {
  return {
    client_name: NAME,
    redirect_uris: [redirect_uri],
    grant_types: GRANTS,
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    application_type: redirect_uri.startsWith('https:') ? 'web' : 'native',
  };
}

/** RFC 7591. */
async function register(
  server: AuthorizationServer,
  parts: ClientParts & { dpop: boolean },
): Promise<RegisteredClient | Refusal> {
  const { registration_endpoint, issuer, methods } = server;
  if (registration_endpoint === undefined) {
    return failed(
      'The authorization server takes no client that registers itself. Register Sallyport there, and set credential.connect.client_id.',
    );
  }
  const asked = (['client_secret_basic', 'client_secret_post', 'none'] as const).find((one) => methods.includes(one));
  if (asked === undefined) return failed('The authorization server takes clients in no way that can be registered.');
  const bound = parts.dpop ? { dpop_bound_access_tokens: true } : {};
  const metadata = { ...clientMetadata(parts.redirect_uri), ...bound, token_endpoint_auth_method: asked };
  const answer = await parts.fetchDocument(registration_endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(metadata)),
    bytes_max: BYTES_MAX,
    seconds_max: SECONDS_MAX,
  });
  if (isRefusal(answer)) return failed('The authorization server did not answer when Sallyport registered.');
  const given = answer.status === 200 || answer.status === 201 ? objectIn(answer) : undefined;
  return (
    (given && readRegistered(given, asked, { ...parts, issuer })) ??
    failed('The authorization server did not register Sallyport.')
  );
}

function readRegistered(
  given: JsonObject,
  asked: ClientMethod,
  { redirect_uri, issuer, keys, random, time }: ClientParts,
): RegisteredClient | undefined {
  const { client_id, client_secret, client_secret_expires_at, token_endpoint_auth_method: said } = given;
  if (typeof client_id !== 'string' || client_id === '' || client_id.length > ID_CHARACTERS_MAX) return undefined;
  const method = CLIENT_METHODS.find((known) => known === said) ?? asked;
  const secret = typeof client_secret === 'string' && client_secret !== '' ? client_secret : undefined;
  if (method === 'private_key_jwt' || (method !== 'none' && secret === undefined)) return undefined;
  const ends = typeof client_secret_expires_at === 'number' && client_secret_expires_at > 0;
  return {
    issuer,
    redirect_uri,
    client_id,
    method,
    secret:
      method === 'none'
        ? null
        : seal(Buffer.from(secret!), about({ issuer, redirect_uri, client_id }), keys.sealing, random),
    registered_at: Math.floor(time.now()),
    expires_at: ends ? client_secret_expires_at * 1_000 : null,
  };
}

function opened(client: RegisteredClient, { keys }: ClientParts): Client {
  const { client_id, method, secret } = client;
  const client_secret =
    secret === null ? null : Buffer.from(unseal(secret, about(client), keys.sealing)).toString('utf8');
  return { client_id, method, client_secret, client_key: null, registered: true };
}

/** Whoever can write to the database cannot have a secret sent to another authorization server. */
function about({
  issuer,
  redirect_uri,
  client_id,
}: Pick<RegisteredClient, 'issuer' | 'redirect_uri' | 'client_id'>): string {
  return JSON.stringify(['connection client', issuer, redirect_uri, client_id]);
}
