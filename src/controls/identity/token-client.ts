import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import type { FetchDocument } from '../../core/document.ts';
import { isRefusal, type Refusal } from '../../core/refusal.ts';
import type { Secret } from '../../core/secret.ts';
import type { ProofKey, SenderProofs } from './sender-proofs.ts';
import { askTokenEndpoint, basicAuthorization, type TokenAnswer } from './token-endpoint.ts';

/** How a client shows who it is (RFC 8414's names). `private_key_jwt` without a key of its own is signed by the gateway's. */
export const CLIENT_METHODS = ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'] as const;
export type ClientMethod = (typeof CLIENT_METHODS)[number];

/** How the gateway is known at a token endpoint. */
export type TokenClient = {
  token_endpoint: string;
  /** Audience of assertions; the token endpoint's origin without it. */
  issuer?: string | undefined;
  client_id: string;
  /** Without it: by the secret where there is one, else by key. */
  method?: ClientMethod | undefined;
  client_secret?: Secret | undefined;
  /** PEM (PKCS 8): a key that was registered for this client alone. */
  client_key?: Secret | undefined;
  scope?: string | undefined;
};

export type Form = Readonly<Record<string, string | undefined>>;

/** The gateway's own word, signed: an assertion for whoever is named as its audience. */
export type Assert = (audience: string, claims: Readonly<Record<string, unknown>>) => string;
/** Claims of an assertion whose signer is another key than the gateway's: `iat`, `exp` and `jti` are filled in. */
export type AssertionClaims = (audience: string, claims: Readonly<Record<string, unknown>>) => object;

export type TokenAsking = {
  fetchDocument: FetchDocument;
  assert: Assert;
  claims: AssertionClaims;
  /** Asks for a token that is bound to this key. */
  proof?: { key: ProofKey; proofs: SenderProofs } | undefined;
};

const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** Where assertions for this client are addressed (RFC 7523bis: the issuer). */
export function audienceOf({ issuer, token_endpoint }: TokenClient): string {
  return issuer ?? new URL(token_endpoint).origin;
}

/**
 * One request at a token endpoint, as this client; once more where a nonce of the server's is wanted, with what it gave (RFC
 * 9449, section 8).
 */
export async function requestToken(
  client: TokenClient,
  form: Form,
  asking: TokenAsking,
): Promise<TokenAnswer | Refusal> {
  const first = await requestOnce(client, form, asking);
  if (isRefusal(first) || asking.proof === undefined || first.nonce === undefined) return first;
  asking.proof.proofs.heard(client.token_endpoint, first.nonce);
  return first.body['error'] === 'use_dpop_nonce' ? requestOnce(client, form, asking) : first;
}

function requestOnce(client: TokenClient, form: Form, asking: TokenAsking): Promise<TokenAnswer | Refusal> {
  const body = new URLSearchParams();
  for (const [name, value] of Object.entries(form)) if (value !== undefined) body.set(name, value);
  const authorization = authenticate(client, body, asking);
  const { proof, fetchDocument } = asking;
  const dpop = proof?.proofs.make(proof.key, { method: 'POST', url: client.token_endpoint });
  const headers = {
    ...(authorization === undefined ? {} : { authorization }),
    ...(dpop === undefined ? {} : { dpop }),
  };
  return askTokenEndpoint(client.token_endpoint, body, headers, fetchDocument);
}

/** @returns the Authorization header, where the client does not authenticate in the form. */
function authenticate(client: TokenClient, body: URLSearchParams, asking: TokenAsking): string | undefined {
  const {
    client_id,
    client_secret,
    method = client_secret === undefined ? 'private_key_jwt' : 'client_secret_basic',
  } = client;
  if (method === 'client_secret_basic') return basicAuthorization(client_id, client_secret?.reveal() ?? '');
  body.set('client_id', client_id);
  if (method === 'client_secret_post') body.set('client_secret', client_secret?.reveal() ?? '');
  if (method === 'private_key_jwt') {
    body.set('client_assertion_type', JWT_BEARER);
    body.set('client_assertion', assertionOf(client, asking));
  }
  return undefined;
}

function assertionOf(client: TokenClient, { assert, claims }: TokenAsking): string {
  const who = { iss: client.client_id, sub: client.client_id };
  const { client_key } = client;
  if (client_key === undefined) return assert(audienceOf(client), who);
  return signWith(createPrivateKey(client_key.reveal()), claims(audienceOf(client), who));
}

type Signing = { alg: string; digest: string | null };

/** What is signed with, by the kind of key; undefined for a kind that no server takes. */
export function signingOf(key: KeyObject): Signing | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === 'ed25519') return { alg: 'EdDSA', digest: null };
  if (type === 'rsa' && (details?.modulusLength ?? 0) >= 2_048) return { alg: 'RS256', digest: 'sha256' };
  if (type !== 'ec') return undefined;
  if (details?.namedCurve === 'prime256v1') return { alg: 'ES256', digest: 'sha256' };
  return details?.namedCurve === 'secp384r1' ? { alg: 'ES384', digest: 'sha384' } : undefined;
}

function signWith(key: KeyObject, claims: object): string {
  const { alg, digest } = signingOf(key)!;
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${encode({ typ: 'JWT', alg })}.${encode(claims)}`;
  const signature = sign(digest, Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}
