import type { Refusal, RefusalCode } from '../../core/refusal.ts';
import { RESOURCE_PATH } from './access-token.ts';
import type { ProtectedResource } from './contract.ts';
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
    resource_name: 'Sallyport',
  };
}

const PROOF_CODES: ReadonlySet<RefusalCode> = new Set([
  'proof_malformed',
  'proof_invalid',
  'proof_wrong_key',
  'proof_wrong_request',
  'proof_wrong_token',
  'proof_expired',
  'proof_replayed',
]);

/**
 * RFC 6750, section 3, RFC 9449, section 7.1, and MCP's pointer to the metadata (RFC 9728, section 5.1). Both schemes are
 * offered. Nothing of the request enters a header, but for a path that has the form of a protected one.
 */
export function challenges(refusal: Refusal, path: string, issuer: string): readonly string[] {
  if (refusal.http !== 401) return [];
  const known = protectedResource(path, issuer) === undefined ? '/mcp' : path;
  const metadata = `resource_metadata="${issuer}${METADATA_PREFIX}${known}"`;
  const error = errorOf(refusal.code);
  const said = error === undefined ? [] : [`error="${error}"`, `error_description="${refusal.code}"`];
  const bearer = error === 'invalid_dpop_proof' ? [] : said;
  return [
    `DPoP ${[...said, `algs="${ALGORITHMS.join(' ')}"`, metadata].join(', ')}`,
    `Bearer ${[...bearer, metadata].join(', ')}`,
  ];
}

/** RFC 6750, section 3.1: a request without any credential gets no error code. */
function errorOf(code: RefusalCode): string | undefined {
  if (code === 'credential_missing') return undefined;
  return PROOF_CODES.has(code) ? 'invalid_dpop_proof' : 'invalid_token';
}
