import type { Refusal, RefusalCode } from '../../core/refusal.ts';
import { RESOURCE_PATH } from './access-token.ts';
import { ANY_JOB_SCOPE } from './authorization/settings.ts';
import type { Challenges, ProtectedResource } from './contract.ts';
import { ALGORITHMS } from './jwk.ts';

export const METADATA_PREFIX = '/.well-known/oauth-protected-resource';

/** What is protected and has a metadata document of its own: the gateway's MCP endpoint, and each server behind it. */
const MCP_PATH = /^\/mcp(?:\/[A-Za-z0-9._~-]{1,128})?$/;

export function protectedResource(path: string, issuer: string): ProtectedResource | undefined {
  if (!MCP_PATH.test(path) || !RESOURCE_PATH.test(path)) return undefined;
  return {
    resource: issuer + path,
    authorization_servers: [issuer],
    bearer_methods_supported: ['header'],
    dpop_signing_alg_values_supported: [...ALGORITHMS],
    // Clients that can only send a header get a bearer token of the gateway's own.
    dpop_bound_access_tokens_required: false,
    scopes_supported: [ANY_JOB_SCOPE],
    resource_name: 'Sallyport',
  };
}

/**
 * RFC 6750, section 3, RFC 9449, section 7.1, and MCP's pointer to the metadata (RFC 9728, section 5.1). Both schemes are
 * offered. Nothing of the request enters a header, but for a path that has the form of a protected one.
 */
export function challenges(
  refusal: Refusal,
  path: string,
  { issuer, nonce }: { issuer: string; nonce: string | undefined },
): Challenges {
  if (refusal.http !== 401) return {};
  const known = protectedResource(path, issuer) === undefined ? '/mcp' : path;
  const metadata = `resource_metadata="${issuer}${METADATA_PREFIX}${known}"`;
  const error = errorOf(refusal.code);
  const said = error === undefined ? [] : [`error="${error}"`, `error_description="${refusal.code}"`];
  const bearer = error === 'invalid_token' ? said : [];
  return {
    'www-authenticate': [
      `DPoP ${[...said, `algs="${ALGORITHMS.join(' ')}"`, metadata].join(', ')}`,
      `Bearer ${[...bearer, `scope="${ANY_JOB_SCOPE}"`, metadata].join(', ')}`,
    ],
    ...(nonce === undefined ? {} : { 'dpop-nonce': [nonce] }),
  };
}

/** RFC 6750, section 3.1: a request without any credential gets no error code. */
function errorOf(code: RefusalCode): string | undefined {
  if (code === 'credential_missing') return undefined;
  if (code === 'proof_nonce_missing' || code === 'proof_nonce_stale') return 'use_dpop_nonce';
  return code.startsWith('proof_') ? 'invalid_dpop_proof' : 'invalid_token';
}
