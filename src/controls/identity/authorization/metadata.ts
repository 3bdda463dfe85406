import type { JsonValue } from '../../../core/json.ts';
import type { AuthorizationServerParts } from './contract.ts';
import { ANY_JOB_SCOPE, PATHS, PERSONS_GRANTS, SIGNING_ALGORITHMS } from './settings.ts';

/** RFC 8414, and the two addresses of OpenID Connect Discovery that MCP clients also look at: one document. */
const METADATA_PATHS: ReadonlySet<string> = new Set([
  '/.well-known/oauth-authorization-server',
  '/.well-known/openid-configuration',
]);

export function isMetadata(path: string): boolean {
  return METADATA_PATHS.has(path);
}

/** Written here, so that it names what there is and nothing that is switched off. */
export function metadata({ issuer, grants, authorization, workloads, svids }: AuthorizationServerParts): JsonValue {
  const { registration } = authorization();
  const methods = ['private_key_jwt', 'none', ...(svids === undefined ? [] : ['tls_client_auth'])];
  const algorithms = [...SIGNING_ALGORITHMS];
  return {
    issuer,
    authorization_endpoint: issuer + PATHS.authorization,
    token_endpoint: issuer + PATHS.token,
    jwks_uri: issuer + PATHS.jwks,
    pushed_authorization_request_endpoint: issuer + PATHS.pushed,
    device_authorization_endpoint: issuer + PATHS.device,
    introspection_endpoint: issuer + PATHS.introspection,
    revocation_endpoint: issuer + PATHS.revocation,
    ...(registration ? { registration_endpoint: issuer + PATHS.registration } : {}),
    scopes_supported: [ANY_JOB_SCOPE],
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: [
      'client_credentials',
      ...PERSONS_GRANTS,
      ...workloads.grants,
      ...grants.map(({ type }) => type),
    ],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: methods,
    token_endpoint_auth_signing_alg_values_supported: algorithms,
    introspection_endpoint_auth_methods_supported: methods.filter((method) => method !== 'none'),
    introspection_endpoint_auth_signing_alg_values_supported: algorithms,
    revocation_endpoint_auth_methods_supported: methods,
    revocation_endpoint_auth_signing_alg_values_supported: algorithms,
    dpop_signing_alg_values_supported: algorithms,
    authorization_response_iss_parameter_supported: true,
    client_id_metadata_document_supported: true,
    tls_client_certificate_bound_access_tokens: svids !== undefined,
  };
}
