import type { Documents, FetchDocument } from '../../../core/document.ts';
import type { JsonObject } from '../../../core/json.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import { Secret } from '../../../core/secret.ts';
import { proofKeyOf, type SenderProofs } from '../sender-proofs.ts';
import { type Assert, type AssertionClaims, requestToken, type TokenClient } from '../token-client.ts';
import { errorCodeOf, isTokenText, lifeSecondsOf } from '../token-endpoint.ts';
import type { VaultOauth } from './contract.ts';
import type { Renewable } from './shapes.ts';

/** What a token endpoint gave (RFC 6749, section 5.1). */
export type Granted = { access_token: string; refresh_token: string | undefined; seconds: number };

/** How token endpoints are reached, and what the gateway shows there. */
export type RefreshParts = {
  /** Reaches token endpoints: public ones, and private ones that the configuration names. */
  fetchDocument: FetchDocument;
  documents: Documents;
  assert: Assert;
  claims: AssertionClaims;
  proofs: SenderProofs;
};

const LIFE_SECONDS_MAX = 86_400;
/** After these another attempt is for nothing: the person has to sign in again. */
const OVER = /^(?:invalid_grant|invalid_client|unauthorized_client)$/;

/** RFC 6749, section 6. Nothing of the answer is quoted: it may have a token in it. */
export async function refreshToken(
  oauth: VaultOauth,
  contents: Renewable,
  parts: RefreshParts,
): Promise<Granted | Refusal> {
  const { refresh_token } = contents;
  if (refresh_token === null) return ended('its access token ended, and it has nothing to renew it with');
  const { resource, scope } = oauth;
  const form = { grant_type: 'refresh_token', refresh_token, resource, scope: scope ?? undefined };
  const { assert, claims, documents, proofs } = parts;
  const { dpop_key } = contents.kind === 'connection' ? contents : { dpop_key: null };
  const proof = dpop_key === null ? undefined : { key: proofKeyOf(new Secret(dpop_key)), proofs };
  const fetchDocument = oauth.named ? documents.configured({ addresses: [oauth.token_endpoint] }) : parts.fetchDocument;
  const answer = await requestToken(clientOf(oauth, contents), form, { fetchDocument, assert, claims, proof });
  if (isRefusal(answer)) return refused(`the token endpoint did not answer: ${answer.code}`);
  if (answer.status === 200) return readGranted(answer.body, oauth.dpop === true ? 'dpop' : 'bearer');
  const why = `${answer.status}${errorCodeOf(answer.body)}`;
  return contents.kind === 'connection' && OVER.test(String(answer.body['error'])) ? ended(why) : refused(why);
}

function clientOf({ token_endpoint, client_id, issuer, method }: VaultOauth, contents: Renewable): TokenClient {
  const { client_secret } = contents;
  const client_key = contents.kind === 'connection' ? contents.client_key : null;
  return {
    token_endpoint,
    issuer,
    client_id,
    method: method ?? (client_secret === null ? 'none' : 'client_secret_basic'),
    client_secret: client_secret === null ? undefined : new Secret(client_secret),
    client_key: client_key === null ? undefined : new Secret(client_key),
  };
}

function readGranted(body: JsonObject, wanted: 'bearer' | 'dpop'): Granted | Refusal {
  const { access_token, refresh_token, token_type } = body;
  const fits = typeof token_type === 'string' && token_type.toLowerCase() === wanted;
  if (!isTokenText(access_token) || !fits) return refused(`the token endpoint gave no ${wanted} token`);
  return {
    access_token,
    refresh_token: isTokenText(refresh_token) ? refresh_token : undefined,
    seconds: lifeSecondsOf(body, LIFE_SECONDS_MAX),
  };
}

function refused(why: string): Refusal {
  return refuse('upstream_credential_refused', `the access token was not renewed: ${why}`);
}

function ended(why: string): Refusal {
  return refuse('connection_missing', `the connection is over: ${why}`);
}
