import type { IncomingMessage, ServerResponse } from 'node:http';
import * as errors from 'oidc-provider/lib/helpers/errors.js';
import { type GrantContext, Provider, type UnsignedToken } from 'oidc-provider/lib/provider.js';
import { audiencePath, TOKEN_SECONDS_MAX } from '../access-token.ts';
import { loadPerson } from '../people/store.ts';
import { adapterFor } from './adapter.ts';
import { certificateFeature } from './certificates.ts';
import { clientDocuments, documentFeature } from './client-documents.ts';
import type { AuthorizationServerParts } from './contract.ts';
import { endGrant } from './end-grant.ts';
import { renderError } from './error-page.ts';
import { grantOf, registerGrants } from './grants.ts';
import { nonceSecret } from './nonces.ts';
import { grantedRun, grantRun } from './run-grant.ts';
import { ANY_JOB_SCOPE, CLOCK_SECONDS_TOLERANCE, PATHS, SECONDS_MAX, SIGNING_ALGORITHMS } from './settings.ts';
import { structuredTokens } from './structured-tokens.ts';

/** An assertion is made for one request; a long-lived one is a password. */
const ASSERTION_SECONDS_MAX = 300;
const JTI_CHARS_MAX = 128;

/** oidc-provider, as far as it is let. It checks requests and signs tokens; it sees a few addresses and rows. */
export function openProvider(parts: AuthorizationServerParts): Provider {
  const provider = new Provider(parts.issuer, configuration(parts));
  // The peer's address is the socket's, and addresses come from the issuer: forwarded headers mean nothing.
  provider.proxy = false;
  provider.silent = true;
  const refused = (context: GrantContext): void => parts.refused('grant_refused', context.ip);
  provider.on('grant.error', refused);
  provider.on('authorization.error', refused);
  provider.on('pushed_authorization_request.error', refused);
  provider.on('device_authorization.error', refused);
  provider.on('introspection.error', refused);
  provider.on('revocation.error', refused);
  provider.on('registration_create.error', refused);
  provider.on('registration_create.success', (_context, client) => recordRegistration(client.clientId, parts));
  provider.on('server_error', (_context, error) => parts.report('the authorization server failed', error));
  registerGrants(provider, parts.grants);
  provider.use(structuredTokens(parts));
  provider.use(withoutCookies(parts));
  return provider;
}

function recordRegistration(client: string, { db, record, report }: AuthorizationServerParts): void {
  const change = { event: 'client.register', by: 'gateway', subject: null, before: null, after: null } as const;
  db.transaction((tx) => record(tx, { ...change, payload: { client } })).catch((error: unknown) =>
    report('a registration could not be recorded', error),
  );
}

export type Handle = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/**
 * Cookies know no ports: one of ours would go to the console, and the console's comes here. So none is set, and none is
 * read; what oidc-provider would keep in one (which request is being resumed) comes with the ticket.
 */
function withoutCookies({ console_url }: AuthorizationServerParts) {
  return async (context: GrantContext, next: () => Promise<void>): Promise<void> => {
    await next();
    context.res.removeHeader('set-cookie');
    if (context.path === PATHS.device && context.status === 200) sendToConsole(context, console_url());
  };
}

/** RFC 8628, section 3.2: people type the code where they are signed in. */
function sendToConsole(context: GrantContext, console_url: string): void {
  const body = context.body as { user_code: string };
  const verification_uri = `${console_url}/device`;
  context.body = {
    ...body,
    verification_uri,
    verification_uri_complete: `${verification_uri}?code=${encodeURIComponent(body.user_code)}`,
  };
}

const off = { enabled: false };
const on = { enabled: true };

function configuration(parts: AuthorizationServerParts): Record<string, unknown> {
  const { db, standing, time, issuer, keys } = parts;
  const grant_types = ['client_credentials', ...parts.grants.map(({ type }) => type)];
  const now = (): number => time.now();
  return {
    adapter: (model: string) =>
      adapterFor(model, {
        db,
        standing,
        now,
        grant_types,
        svids: parts.svids,
        endGrant: async (id) => void (await endGrant(id, 'gateway', parts)),
      }),
    jwks: { keys: [{ ...keys.signing.reveal(), use: 'sig', alg: 'ES256' }] },
    routes: {
      authorization: PATHS.authorization,
      token: PATHS.token,
      jwks: PATHS.jwks,
      pushed_authorization_request: PATHS.pushed,
      device_authorization: PATHS.device,
      introspection: PATHS.introspection,
      revocation: PATHS.revocation,
      registration: PATHS.registration,
    },
    clientAuthMethods: ['private_key_jwt', 'none', 'tls_client_auth'],
    clientDefaults: {
      // Loopback addresses of any port (RFC 8252, section 7.3), and plain http to nowhere else.
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      // No id token is ever issued; oidc-provider wants to know all the same.
      id_token_signed_response_alg: 'ES256',
    },
    enabledJWA: {
      clientAuthSigningAlgValues: [...SIGNING_ALGORITHMS],
      dPoPSigningAlgValues: [...SIGNING_ALGORITHMS],
      requestObjectSigningAlgValues: [...SIGNING_ALGORITHMS],
    },
    responseTypes: ['code'],
    scopes: [ANY_JOB_SCOPE, 'offline_access'],
    clockTolerance: CLOCK_SECONDS_TOLERANCE,
    clientBasedCORS: (_context: GrantContext, origin: string) => parts.origins().has(origin),
    pkce: { required: () => true },
    ttl: {
      ClientCredentials: TOKEN_SECONDS_MAX,
      AccessToken: TOKEN_SECONDS_MAX,
      AuthorizationCode: SECONDS_MAX.code,
      DeviceCode: SECONDS_MAX.device,
      Interaction: SECONDS_MAX.interaction,
      RefreshToken: SECONDS_MAX.grant,
      Grant: SECONDS_MAX.grant,
      Session: SECONDS_MAX.interaction,
    },
    ...people(parts),
    assertJwtClientAuthClaimsAndHeader: (_context: GrantContext, claims: Record<string, unknown>) =>
      checkAssertion(claims, issuer, now()),
    extraTokenClaims: (context: GrantContext, token: UnsignedToken) => {
      const custom = grantOf(context, parts.grants);
      if (custom !== undefined) return custom.claims(context);
      return token.grantId === undefined ? grantRun(context, parts) : grantedRun(token.grantId, parts);
    },
    formats: { customizers: { jwt: tellSubject } },
    renderError,
    ...clientDocuments(parts),
    features: features(parts),
  };
}

/** Who decides, where and for how long: a person, each time that a client asks, on the console. */
function people({ db, console_url }: AuthorizationServerParts): Record<string, unknown> {
  return {
    interactions: { url: (_context: GrantContext, { uid }: { uid: string }) => `${console_url()}/consent/${uid}` },
    findAccount: async (_context: GrantContext, id: string) =>
      (await loadPerson(db, id)) === undefined ? undefined : { accountId: id, claims: () => ({ sub: id }) },
    expiresWithSession: () => false,
    issueRefreshToken: (_context: GrantContext, client: { grantTypeAllowed(type: string): boolean }) =>
      client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    revokeGrantPolicy: () => true,
    // Which job, where the client does not say: the person chooses.
    extraParams: {
      job: (context: GrantContext) => {
        const { params } = context.oidc;
        if (params !== undefined && params.scope === undefined) params.scope = ANY_JOB_SCOPE;
      },
    },
  };
}

/** RFC 8693, section 4.1: where somebody acts for another, `sub` is the other, and `act` who acts. */
function tellSubject(_context: GrantContext, _token: unknown, { payload }: { payload: Record<string, unknown> }): void {
  const { subject } = payload;
  if (typeof subject !== 'string') return;
  delete payload['subject'];
  payload['sub'] = subject;
}

function features(parts: AuthorizationServerParts): Record<string, unknown> {
  const { issuer, keys, authorization } = parts;
  return {
    devInteractions: off,
    userinfo: off,
    rpInitiatedLogout: off,
    claimsParameter: off,
    pushedAuthorizationRequests: on,
    clientCredentials: on,
    deviceFlow: { enabled: true, charset: 'base-20', mask: '****-****' },
    introspection: { enabled: true, allowedPolicy: () => false },
    revocation: {
      enabled: true,
      allowedPolicy: (_context: GrantContext, client: { clientId: string }, token: { clientId?: string }) =>
        token.clientId === client.clientId,
    },
    registration: { enabled: authorization().registration, issueRegistrationAccessToken: false },
    dPoP: {
      enabled: true,
      ...(authorization().dpop_nonces === 'off'
        ? {}
        : { nonceSecret: nonceSecret(keys.sealing), requireNonce: () => authorization().dpop_nonces === 'required' }),
    },
    mTLS: certificateFeature(),
    resourceIndicators: {
      enabled: true,
      defaultResource: (_context: GrantContext, _client: unknown, oneOf: string[] | undefined) => oneOf?.[0] ?? issuer,
      getResourceServerInfo: (_context: GrantContext, resource: string, client: { clientId: string }) =>
        resourceServer(resource, client.clientId, parts),
    },
    clientIdMetadataDocument: documentFeature(parts),
  };
}

/** RFC 7523bis: the issuer alone is the audience, so that an assertion made for another server is worth nothing here. */
function checkAssertion(claims: Record<string, unknown>, issuer: string, now: number): void {
  const { aud, sub, iss, jti, exp } = claims;
  if (aud !== issuer) throw new errors.InvalidClientAuth('the audience of the assertion is the issuer, alone');
  if (sub !== iss)
    throw new errors.InvalidClientAuth('iss and sub of the assertion are the client (RFC 7523, section 3)');
  if (typeof jti !== 'string' || jti.length > JTI_CHARS_MAX) throw new errors.InvalidClientAuth('the jti is too long');
  if (typeof exp !== 'number' || exp * 1000 > now + (ASSERTION_SECONDS_MAX + CLOCK_SECONDS_TOLERANCE) * 1000) {
    throw new errors.InvalidClientAuth(`an assertion lives at most ${ASSERTION_SECONDS_MAX} seconds`);
  }
}

function resourceServer(resource: string, client: string, parts: AuthorizationServerParts): object {
  const { issuer, standing, keys } = parts;
  if (audiencePath(resource, issuer) === undefined) {
    throw new errors.InvalidTarget('the resource is not one behind this gateway');
  }
  const agent = standing.agents.get(client);
  const jobs = agent?.jobs ?? parts.authorization().sign_in.flatMap((rule) => rule.jobs);
  const scopes = [...(agent === undefined ? [ANY_JOB_SCOPE] : []), ...new Set(jobs.map((job) => `job:${job}`))];
  return {
    scope: scopes.join(' '),
    audience: resource,
    accessTokenTTL: TOKEN_SECONDS_MAX,
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg: 'ES256', kid: keys.signing.reveal().kid } },
  };
}
