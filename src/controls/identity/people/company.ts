import * as client from 'openid-client';
import type { Clock } from '../../../core/clock.ts';
import type { Documents } from '../../../core/document.ts';
import { type Refusal, refuse } from '../../../core/refusal.ts';
import { Secret } from '../../../core/secret.ts';
import { asFetch } from '../as-fetch.ts';
import type { OidcSettings } from './contract.ts';

const DOCUMENT_BYTES_MAX = 512 * 1024;
const DOCUMENT_SECONDS_MAX = 10;
/** After this, the provider's document and keys are read anew. */
const METADATA_MS_MAX = 10 * 60_000;
/** Clocks of two companies may differ by this much. */
const CLOCK_SECONDS_TOLERANCE = 30;
/** The path of the console that the provider sends people back to. */
export const RETURN_PATH = '/signed-in';
/** How long ago a person may have shown themselves to the provider, where that is the question. */
const FRESH_SECONDS_MAX = 60;

export type CompanyParts = { clock: Clock; documents: Documents; console_url(): string; oidc: OidcSettings };

/** What must come back. */
export type Asked = { state: string; nonce: string; verifier: string; fresh: string };
export type Claims = Record<string, unknown> & { sub: string };
export type Answered = { claims: Claims; id_token: Secret };

export interface Company {
  /** Where the browser goes. `fresh`: the provider asks for the person anew, whatever session it has. */
  ask(fresh: boolean): Promise<{ url: string; asked: Asked } | Refusal>;
  /** What the provider says of who came back with `query`. */
  answer(query: string, asked: Asked): Promise<Answered | Refusal>;
}

/**
 * OpenID Connect as relying party: authorization code with PKCE, state, nonce and RFC 9207's `iss`; the ID token's signature is
 * checked though TLS brought it. openid-client does the protocol, and reaches the provider only through the egress door.
 */
export function openCompany(parts: CompanyParts): Company {
  const { oidc, clock } = parts;
  const fetchDocument = parts.documents.configured({ addresses: [oidc.issuer], ca: oidc.ca });
  const reach = asFetch(fetchDocument, { bytes_max: DOCUMENT_BYTES_MAX, seconds_max: DOCUMENT_SECONDS_MAX });
  let known: { config: client.Configuration; read_at: number } | undefined;
  const configuration = async (): Promise<client.Configuration> => {
    if (known !== undefined && clock.monotonic() - known.read_at < METADATA_MS_MAX) return known.config;
    const secret = oidc.client_secret?.reveal();
    const authentication = secret === undefined ? client.None() : client.ClientSecretPost(secret);
    const config = await client.discovery(
      new URL(oidc.issuer),
      oidc.client_id,
      { [client.clockTolerance]: CLOCK_SECONDS_TOLERANCE },
      authentication,
      {
        [client.customFetch]: (url, options) => reach(url, options as RequestInit),
        // An issuer that the operator wrote with http is another process of this machine.
        execute: oidc.issuer.startsWith('http:') ? [client.allowInsecureRequests] : [],
      },
    );
    client.enableNonRepudiationChecks(config);
    known = { config, read_at: clock.monotonic() };
    return config;
  };
  return {
    ask: (fresh) => settled(configuration, (config) => ask(config, fresh, parts)),
    answer: (query, asked) => settled(configuration, (config) => answer(config, query, asked, parts)),
  };
}

/** What the library throws is a refusal: with its reason for us, and none for whoever tried. */
async function settled<T>(
  configuration: () => Promise<client.Configuration>,
  work: (config: client.Configuration) => Promise<T | Refusal>,
): Promise<T | Refusal> {
  let config: client.Configuration;
  try {
    config = await configuration();
  } catch (error) {
    return refuse('sign_in_provider_unavailable', reasonOf(error));
  }
  try {
    return await work(config);
  } catch (error) {
    return refuse('sign_in_answer_invalid', reasonOf(error));
  }
}

/** Messages and codes of the libraries name claims and parameters, never their values. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown failure';
  const { code, error: said } = error as { code?: unknown; error?: unknown };
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return [error.message, code, said].filter((part) => typeof part === 'string').join(' ') + cause;
}

async function ask(
  config: client.Configuration,
  fresh: boolean,
  { oidc, console_url }: CompanyParts,
): Promise<{ url: string; asked: Asked } | Refusal> {
  const asked = {
    state: client.randomState(),
    nonce: client.randomNonce(),
    verifier: client.randomPKCECodeVerifier(),
    fresh: String(fresh),
  };
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: console_url() + RETURN_PATH,
    scope: oidc.scopes.join(' '),
    state: asked.state,
    nonce: asked.nonce,
    code_challenge: await client.calculatePKCECodeChallenge(asked.verifier),
    code_challenge_method: 'S256',
    ...(fresh ? { prompt: 'login', max_age: '0' } : {}),
  });
  // The address is the provider's word; a browser must not be sent to a script by it.
  if (url.protocol !== 'https:' && url.protocol !== new URL(oidc.issuer).protocol) {
    return refuse('sign_in_provider_unavailable', 'the authorization endpoint is not an https address');
  }
  return { url: url.href, asked };
}

async function answer(
  config: client.Configuration,
  query: string,
  asked: Asked,
  { oidc, console_url }: CompanyParts,
): Promise<Answered | Refusal> {
  const current = new URL(console_url() + RETURN_PATH);
  current.search = query;
  const tokens = await client.authorizationCodeGrant(config, current, {
    pkceCodeVerifier: asked.verifier,
    expectedState: asked.state,
    expectedNonce: asked.nonce,
    idTokenExpected: true,
    ...(asked.fresh === 'true' ? { maxAge: FRESH_SECONDS_MAX } : {}),
  });
  const claims = tokens.claims();
  if (claims === undefined) return refuse('sign_in_answer_invalid', 'there is no ID token');
  // A token for several is one that the others can bring here.
  if (Array.isArray(claims.aud) && claims.aud.length > 1) {
    return refuse('sign_in_answer_invalid', 'the ID token is for more than one client');
  }
  // OpenID Connect Core, section 3.1.3.7, item 5.
  if (claims.azp !== undefined && claims.azp !== oidc.client_id) {
    return refuse('sign_in_answer_invalid', 'the ID token was made for another client (azp)');
  }
  const complete = [oidc.groups_claim, oidc.name_claim].every((name) => claims[name] !== undefined);
  const id_token = new Secret(tokens.id_token ?? '');
  if (complete || config.serverMetadata().userinfo_endpoint === undefined) return { claims: { ...claims }, id_token };
  const more = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
  return { claims: { ...more, ...claims }, id_token };
}
