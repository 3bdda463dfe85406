import type { FetchDocument } from '../../../core/document.ts';
import type { JsonObject } from '../../../core/json.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import { askTokenEndpoint, basicAuthorization, errorCodeOf, isTokenText, lifeSecondsOf } from '../token-endpoint.ts';
import type { TokenClient } from './contract.ts';

const LIFE_SECONDS_MAX = 3_600;

export type Form = Readonly<Record<string, string | undefined>>;
export type Given = { token: string; issued_type: string | undefined; token_type: string; seconds: number };

/** The gateway's own word, signed: an assertion for whoever is named as its audience. */
export type Assert = (audience: string, claims: Readonly<Record<string, unknown>>) => string;

const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** Where assertions for this client are addressed (RFC 7523bis: the issuer). */
export function audienceOf({ issuer, token_endpoint }: TokenClient): string {
  return issuer ?? new URL(token_endpoint).origin;
}

/** One request at a token endpoint. Nothing of its answer is quoted: a token may be in it. */
export async function askForToken(
  client: TokenClient,
  form: Form,
  { fetchDocument, assert }: { fetchDocument: FetchDocument; assert: Assert },
): Promise<Given | Refusal> {
  const body = new URLSearchParams();
  for (const [name, value] of Object.entries(form)) if (value !== undefined) body.set(name, value);
  if (client.scope !== undefined && !body.has('scope')) body.set('scope', client.scope);
  let authorization: string | undefined;
  if (client.client_secret === undefined) {
    body.set('client_id', client.client_id);
    body.set('client_assertion_type', JWT_BEARER);
    const who = { iss: client.client_id, sub: client.client_id };
    body.set('client_assertion', assert(audienceOf(client), who));
  } else authorization = basicAuthorization(client.client_id, client.client_secret.reveal());
  const answer = await askTokenEndpoint(client.token_endpoint, body, authorization, fetchDocument);
  if (isRefusal(answer)) return notGiven(client, `did not answer: ${answer.code}`);
  if (answer.status !== 200) return notGiven(client, `answered ${answer.status}${errorCodeOf(answer.body)}`);
  return readGiven(answer.body) ?? notGiven(client, 'answered without a token');
}

function readGiven(body: JsonObject): Given | undefined {
  const { access_token, issued_token_type, token_type } = body;
  if (!isTokenText(access_token) || typeof token_type !== 'string') return undefined;
  return {
    token: access_token,
    issued_type: typeof issued_token_type === 'string' ? issued_token_type : undefined,
    token_type: token_type.toLowerCase(),
    seconds: lifeSecondsOf(body, LIFE_SECONDS_MAX),
  };
}

export function notGiven({ token_endpoint }: TokenClient, why: string): Refusal {
  return refuse('upstream_credential_refused', `${new URL(token_endpoint).host} ${why}`);
}
