import { isJsonObject, JsonError, type JsonObject, parseJson } from '../../../core/json.ts';
import { Secret } from '../../../core/secret.ts';
import type { ConnectionSecrets, VaultKind, VaultTerms } from './contract.ts';

/** What a kind of entry holds, once it is open. */
export type Contents =
  | { kind: 'api_key' | 'bearer' | 'database_password'; value: string }
  | { kind: 'basic'; user: string; password: string }
  | { kind: 'header_set'; headers: Record<string, string> }
  | { kind: 'oauth_refresh'; refresh_token: string; client_secret: string | null }
  | ({ kind: 'connection' } & ConnectionSecrets);

/** Of these kinds a server is shown an access token, which is renewed. */
export type Renewable = Extract<Contents, { kind: 'oauth_refresh' | 'connection' }>;

export function isRenewable(contents: Contents): contents is Renewable {
  return contents.kind === 'oauth_refresh' || contents.kind === 'connection';
}

/** What is shorter could not be looked for in answers: it stands in innocent text by chance. */
const SECRET_CHARACTERS_MIN = 8;
const SECRET_BYTES_MAX = 16 * 1024;
const HEADERS_MAX = 16;
const FIELD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/;
/** Framing, and what says who asks for what: an entry shows itself and changes nothing else about a request. */
const OWN_FIELDS =
  /^(?:host|connection|content-.*|transfer-encoding|te|trailer|upgrade|expect|keep-alive|accept|accept-encoding|last-event-id|mcp-.*|proxy-.*)$/i;
/** What may stand in a header, and on one line of an environment. */
const VALUE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

export function isField(name: string): boolean {
  return FIELD.test(name) && !OWN_FIELDS.test(name);
}

/** What was typed or piped, read as the kind has it; else a sentence, which quotes nothing of it. */
export function readSecret(kind: VaultKind, given: Secret): Contents | string {
  const text = given.reveal();
  if (Buffer.byteLength(text) > SECRET_BYTES_MAX) return `A secret has at most ${SECRET_BYTES_MAX} bytes.`;
  switch (kind) {
    case 'api_key':
    case 'bearer':
    case 'database_password':
      return valueProblem(text) ?? { kind, value: text };
    case 'basic':
      return readBasic(text);
    case 'header_set':
      return readHeaders(text);
    case 'oauth_refresh':
      return readRefresh(text);
    case 'connection':
      return 'A connection is made by signing in: sallyport connect.';
  }
}

function valueProblem(text: string): string | undefined {
  if (text.length < SECRET_CHARACTERS_MIN) return `A secret has at least ${SECRET_CHARACTERS_MIN} characters.`;
  return VALUE.test(text) ? undefined : 'A secret is one line of printable ASCII, without spaces around it.';
}

/** RFC 7617: the first colon ends the user. */
function readBasic(text: string): Contents | string {
  const [, user, password] = /^([^:]+):(.+)$/s.exec(text) ?? [];
  if (user === undefined || password === undefined) return 'Give USER:PASSWORD.';
  if (!VALUE.test(user)) return 'A user is printable ASCII.';
  return valueProblem(password) ?? { kind: 'basic', user, password };
}

function readHeaders(text: string): Contents | string {
  const given = readObject(text);
  if (given === undefined) return 'Give a JSON object of header fields and their values.';
  const entries = Object.entries(given);
  if (entries.length === 0 || entries.length > HEADERS_MAX) return `Give 1 to ${HEADERS_MAX} header fields.`;
  const headers: Record<string, string> = {};
  for (const [name, value] of entries) {
    if (!isField(name)) return 'One of the names is not that of a header field that an entry may set.';
    const problem = typeof value === 'string' ? valueProblem(value) : 'A header has text.';
    if (problem !== undefined) return problem;
    headers[name.toLowerCase()] = value as string;
  }
  return { kind: 'header_set', headers };
}

/** A bare refresh token, or an object that has the client's secret beside it. */
function readRefresh(text: string): Contents | string {
  const given = readObject(text) ?? { refresh_token: text };
  const { refresh_token, client_secret = null, ...others } = given;
  const known = typeof refresh_token === 'string' && (client_secret === null || typeof client_secret === 'string');
  if (!known || Object.keys(others).length > 0)
    return 'Give a refresh token, or {"refresh_token":…,"client_secret":…}.';
  return (
    valueProblem(refresh_token) ??
    (client_secret === null ? undefined : valueProblem(client_secret)) ?? {
      kind: 'oauth_refresh',
      refresh_token,
      client_secret,
    }
  );
}

function readObject(text: string): JsonObject | undefined {
  if (!text.trimStart().startsWith('{')) return undefined;
  try {
    const value = parseJson(text);
    return isJsonObject(value) ? value : undefined;
  } catch (error) {
    if (error instanceof JsonError) return undefined;
    throw error;
  }
}

type Shown = { headers: Record<string, Secret>; value: Secret | undefined; secrets: Secret[] };

/** What a server is shown. `access` is the token that an `oauth_refresh` gave. */
export function shownOf(
  contents: Contents,
  { header, oauth }: Pick<VaultTerms, 'header' | 'oauth'>,
  access: Secret | undefined,
): Shown {
  switch (contents.kind) {
    case 'api_key':
      return single(header ?? 'x-api-key', contents.value, contents.value);
    case 'bearer':
      return single('authorization', `Bearer ${contents.value}`, contents.value);
    case 'basic': {
      const pair = `${contents.user}:${contents.password}`;
      const shown = single('authorization', `Basic ${Buffer.from(pair).toString('base64')}`, pair);
      return { ...shown, secrets: [...shown.secrets, new Secret(contents.password)] };
    }
    case 'header_set': {
      const headers = Object.entries(contents.headers).map(([name, value]) => [name, new Secret(value)] as const);
      return { headers: Object.fromEntries(headers), value: undefined, secrets: headers.map(([, value]) => value) };
    }
    case 'database_password':
      // No server speaks HTTP with it: it goes into a child's variable, or nowhere.
      return { headers: {}, value: new Secret(contents.value), secrets: [new Secret(contents.value)] };
    case 'oauth_refresh':
    case 'connection': {
      const scheme = oauth?.dpop === true ? 'DPoP' : 'Bearer';
      return access === undefined
        ? { headers: {}, value: undefined, secrets: [] }
        : single('authorization', `${scheme} ${access.reveal()}`, access.reveal());
    }
  }
}

function single(name: string, shown: string, value: string): Shown {
  return { headers: { [name]: new Secret(shown) }, value: new Secret(value), secrets: [new Secret(value)] };
}
