import { InvalidClient } from 'oidc-provider/lib/helpers/errors.js';
import type { GrantContext, OidcClient } from 'oidc-provider/lib/provider.js';
import { asFetch } from '../as-fetch.ts';
import type { AuthorizationServerParts } from './contract.ts';
import { isNamed } from './sign-in-rules.ts';

const DOCUMENT_BYTES_MAX = 32 * 1024;
const DOCUMENT_SECONDS_MAX = 5;
/** A client that was taken over is one no longer within the hour. */
const CACHE_SECONDS = { min: 60, max: 3_600 };

/**
 * Clients that are described by a document at the address that is their id (CIMD). The address came from a stranger, so it
 * is fetched through the door for such addresses, and only where the operator named the client.
 */
export function documentFeature({ authorization }: AuthorizationServerParts): Record<string, unknown> {
  return {
    enabled: true,
    ack: 'draft-02',
    cacheDuration: CACHE_SECONDS,
    allowFetch: (_context: GrantContext | undefined, id: string) => {
      if (isNamed(id, authorization().sign_in)) return true;
      throw new InvalidClient(notNamed());
    },
    allowClient: (_context: GrantContext | undefined, client: OidcClient) =>
      isNamed(client.clientId, authorization().sign_in),
  };
}

/** Told to whoever tries; the page beside it says what an admin would write. */
export function notNamed(): string {
  return 'nobody may sign in with this client yet: authorization.sign_in names no rule for it';
}

export function clientDocuments({ documents }: AuthorizationServerParts): Record<string, unknown> {
  const ask = asFetch(documents.learned, { bytes_max: DOCUMENT_BYTES_MAX, seconds_max: DOCUMENT_SECONDS_MAX });
  return {
    fetch: async (url: string | URL, init?: RequestInit) => withoutWishes(await ask(url, init)),
    fetchResponseBodyLimits: {
      'client_id metadata document': DOCUMENT_BYTES_MAX,
      jwks_uri: DOCUMENT_BYTES_MAX,
    },
  };
}

/** Scopes that the client knows from elsewhere are no reason to refuse it: what it may do is ours to say. */
async function withoutWishes(response: Response): Promise<Response> {
  if (response.status !== 200) return response;
  const text = await response.text();
  const { status, headers } = response;
  try {
    const { scope: _, ...rest } = JSON.parse(text);
    return new Response(JSON.stringify(rest), { status, headers });
  } catch {
    return new Response(text, { status, headers });
  }
}
