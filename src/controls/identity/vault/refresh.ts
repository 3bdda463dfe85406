import type { FetchDocument } from '../../../core/document.ts';
import type { JsonObject } from '../../../core/json.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import { askTokenEndpoint, basicAuthorization, errorCodeOf, isTokenText, lifeSecondsOf } from '../token-endpoint.ts';
import type { VaultTerms } from './contract.ts';
import type { Contents } from './shapes.ts';

/** What a token endpoint gave (RFC 6749, section 5.1). */
export type Granted = { access_token: string; refresh_token: string | undefined; seconds: number };

const LIFE_SECONDS_MAX = 86_400;

type Refreshing = Extract<Contents, { kind: 'oauth_refresh' }>;

/** RFC 6749, section 6. Nothing of the answer is quoted: it may have a token in it. */
export async function refreshToken(
  oauth: NonNullable<VaultTerms['oauth']>,
  { refresh_token, client_secret }: Refreshing,
  fetchDocument: FetchDocument,
): Promise<Granted | Refusal> {
  const { token_endpoint, client_id, scope } = oauth;
  const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token });
  if (scope !== null) form.set('scope', scope);
  if (client_secret === null) form.set('client_id', client_id);
  const authorization = client_secret === null ? undefined : basicAuthorization(client_id, client_secret);
  const more = authorization === undefined ? {} : { authorization };
  const answer = await askTokenEndpoint(token_endpoint, form, more, fetchDocument);
  if (isRefusal(answer)) return refused(`the token endpoint did not answer: ${answer.code}`);
  return answer.status === 200 ? readGranted(answer.body) : refused(`${answer.status}${errorCodeOf(answer.body)}`);
}

function readGranted(body: JsonObject): Granted | Refusal {
  const { access_token, refresh_token, token_type } = body;
  const bearer = typeof token_type === 'string' && token_type.toLowerCase() === 'bearer';
  if (!isTokenText(access_token) || !bearer) return refused('the token endpoint gave no bearer token');
  return {
    access_token,
    refresh_token: isTokenText(refresh_token) ? refresh_token : undefined,
    seconds: lifeSecondsOf(body, LIFE_SECONDS_MAX),
  };
}

function refused(why: string): Refusal {
  return refuse('upstream_credential_refused', `the access token was not renewed: ${why}`);
}
