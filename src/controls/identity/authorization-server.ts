import type { IncomingMessage, ServerResponse } from 'node:http';
import * as errors from 'oidc-provider/lib/helpers/errors.js';
import { type GrantContext, Provider } from 'oidc-provider/lib/provider.js';
import type { JsonValue } from '../../core/json.ts';
import { isRefusal, publicSentence } from '../../core/refusal.ts';
import { audiencePath, TOKEN_SECONDS_MAX } from './access-token.ts';
import { transact } from './change.ts';
import type { AuthorizationServer, IdentityParts } from './contract.ts';
import { adapterFor, SIGNING_ALGORITHMS } from './oidc-adapter.ts';
import { RateLimit, sourceOf } from './rate-limits.ts';
import type { RunKeeper } from './runs.ts';
import type { AgentStanding, Standing } from './standing.ts';
import { loadRunEntry } from './store/runs.ts';
import type { Time } from './time.ts';

const TOKEN_PATH = '/oauth/token';
const KEYS_PATH = '/oauth/jwks';
const METADATA_PATH = '/.well-known/oauth-authorization-server';
/** An assertion is made for one request; a long-lived one is a password. */
const ASSERTION_SECONDS_MAX = 300;
const JTI_CHARS_MAX = 128;
const CLOCK_SECONDS_TOLERANCE = 5;
const JOB_SCOPE = /^job:(.+)$/;
/** A token costs several signatures: for each source so many at once, then so many a second. */
const REQUESTS = { burst: 100, per_second: 20 };

export type AuthorizationServerParts = Pick<
  IdentityParts,
  'db' | 'clock' | 'issuer' | 'keys' | 'refused' | 'report' | 'state' | 'record'
> & { standing: Standing; time: Time; runs: RunKeeper };

/**
 * The authorization server: client credentials with `private_key_jwt` (RFC 7523), bound to a key by DPoP, for one
 * resource (RFC 8707), as `at+jwt` (RFC 9068). oidc-provider checks and signs; it sees three addresses and two kinds of
 * rows, and whatever else it can do is out of reach.
 */
export function openAuthorizationServer(parts: AuthorizationServerParts): AuthorizationServer {
  const token = tokenEndpoint(parts);
  const limit = new RateLimit(REQUESTS, () => parts.clock.monotonic());
  return {
    serves: (path) => path.startsWith('/oauth/') || path === METADATA_PATH,
    handler(request, response) {
      const path = (request.url ?? '').split('?', 1)[0]!;
      const reads = request.method === 'GET' || request.method === 'HEAD';
      if (path === METADATA_PATH && reads) return answer(response, 200, metadata(parts.issuer));
      if (path === KEYS_PATH && reads) return answer(response, 200, publicKeys(parts.standing));
      if (path !== TOKEN_PATH) return answer(response, 404, { error: 'not_found' });
      if (request.method !== 'POST') return answer(response, 405, { error: 'invalid_request' });
      const source = request.socket.remoteAddress ?? '';
      if (!limit.take(sourceOf(source))) {
        parts.refused('rate_limited', source);
        const error_description = publicSentence('rate_limited');
        return answer(response, 429, { error: 'temporarily_unavailable', error_description });
      }
      token(request, response).catch((error: unknown) => {
        parts.report('the token endpoint failed', error);
        response.destroy();
      });
    },
  };
}

function answer(response: ServerResponse, status: number, body: JsonValue): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(text);
}

/** RFC 8414, written here so that it names what there is and nothing that is switched off. */
function metadata(issuer: string): JsonValue {
  return {
    issuer,
    token_endpoint: issuer + TOKEN_PATH,
    jwks_uri: issuer + KEYS_PATH,
    response_types_supported: [],
    grant_types_supported: ['client_credentials'],
    token_endpoint_auth_methods_supported: ['private_key_jwt'],
    token_endpoint_auth_signing_alg_values_supported: [...SIGNING_ALGORITHMS],
    dpop_signing_alg_values_supported: [...SIGNING_ALGORITHMS],
  };
}

/** Every replica's, since any of them may have signed. */
function publicKeys({ signingKeys }: Standing): JsonValue {
  return {
    keys: [...signingKeys].map(([kid, { jwk }]) => ({ ...JSON.parse(jwk), kid, use: 'sig', alg: 'ES256' })),
  };
}

function tokenEndpoint(parts: AuthorizationServerParts): (req: IncomingMessage, res: ServerResponse) => Promise<void> {
  const provider = new Provider(parts.issuer, configuration(parts));
  // The peer's address is the socket's, and addresses come from the issuer: forwarded headers mean nothing.
  provider.proxy = false;
  provider.silent = true;
  provider.on('grant.error', (context) => parts.refused('grant_refused', context.ip));
  provider.on('server_error', (_context, error) => parts.report('the token endpoint failed', error));
  return provider.callback();
}

const off = { enabled: false };

function configuration(parts: AuthorizationServerParts): Record<string, unknown> {
  const { db, standing, time, issuer, keys } = parts;
  return {
    adapter: (model: string) => adapterFor(model, { db, standing, now: () => time.now() }),
    jwks: { keys: [{ ...keys.signing.reveal(), use: 'sig', alg: 'ES256' }] },
    routes: { token: TOKEN_PATH, jwks: KEYS_PATH },
    clientAuthMethods: ['private_key_jwt'],
    enabledJWA: {
      clientAuthSigningAlgValues: [...SIGNING_ALGORITHMS],
      dPoPSigningAlgValues: [...SIGNING_ALGORITHMS],
    },
    scopes: [],
    clockTolerance: CLOCK_SECONDS_TOLERANCE,
    clientBasedCORS: () => false,
    ttl: { ClientCredentials: TOKEN_SECONDS_MAX },
    assertJwtClientAuthClaimsAndHeader: (_context: GrantContext, claims: Record<string, unknown>) =>
      checkAssertion(claims, issuer, time.now()),
    extraTokenClaims: (context: GrantContext) => grantRun(context, parts),
    renderError: (context: { type: string; body: unknown }, out: unknown) => {
      context.type = 'json';
      context.body = out;
    },
    features: {
      devInteractions: off,
      userinfo: off,
      rpInitiatedLogout: off,
      pushedAuthorizationRequests: off,
      clientCredentials: { enabled: true },
      dPoP: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => issuer,
        getResourceServerInfo: (_context: GrantContext, resource: string, client: { clientId: string }) =>
          resourceServer(resource, client.clientId, parts),
      },
    },
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

function resourceServer(
  resource: string,
  client: string,
  { issuer, standing, keys }: AuthorizationServerParts,
): object {
  if (audiencePath(resource, issuer) === undefined) {
    throw new errors.InvalidTarget('the resource is not one behind this gateway');
  }
  const jobs = standing.agents.get(client)?.jobs ?? [];
  return {
    scope: jobs.map((job) => `job:${job}`).join(' '),
    audience: resource,
    accessTokenTTL: TOKEN_SECONDS_MAX,
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg: 'ES256', kid: keys.signing.reveal().kid } },
  };
}

/** The last step before signing: everything that the request proves is proven, so a run may be opened for it. */
async function grantRun(context: GrantContext, parts: AuthorizationServerParts): Promise<Record<string, JsonValue>> {
  const agent = parts.standing.agents.get(context.oidc.client?.clientId ?? '');
  if (agent === undefined) throw new errors.AccessDenied(publicSentence('agent_unknown'));
  const { standing } = parts;
  const stop =
    standing.findStop('all', '') ?? standing.findStop('agent', agent.id) ?? standing.findStop('key', agent.thumbprint);
  if (stop !== undefined) throw new errors.AccessDenied(publicSentence('stopped'));
  const job = requestedJob(context, agent);
  const asked = formValue(context, 'run');
  const run = asked === undefined ? await openRun(agent, job, parts) : await continueRun(asked, agent, job, parts);
  return { run, job, generation: agent.generation };
}

/** Jobs are granted at registration. Which of them this run is for may be left unsaid where there is only one. */
function requestedJob(context: GrantContext, agent: AgentStanding): string {
  const scopes = (context.oidc.params?.scope ?? '').split(' ').filter((scope) => scope !== '');
  const foreign = scopes.find((scope) => !JOB_SCOPE.test(scope));
  if (foreign !== undefined) throw new errors.InvalidScope('scopes are of the form job:<name>', foreign);
  const named = new Set(scopes.map((scope) => JOB_SCOPE.exec(scope)![1]!));
  const parameter = formValue(context, 'job');
  if (parameter !== undefined) named.add(parameter);
  if (named.size > 1) throw new errors.InvalidRequest('a run is of one job');
  const job = [...named][0] ?? (agent.jobs.length === 1 ? agent.jobs[0] : undefined);
  if (job === undefined) throw new errors.InvalidRequest('say which job: the parameter job, or the scope job:<name>');
  if (!agent.jobs.includes(job)) throw new errors.InvalidScope(publicSentence('job_not_granted'), `job:${job}`);
  return job;
}

function formValue(context: GrantContext, name: string): string | undefined {
  const value = context.oidc.body?.[name];
  if (Array.isArray(value)) throw new errors.InvalidRequest(`the parameter ${name} was given twice`);
  return value === '' ? undefined : value;
}

async function openRun(agent: AgentStanding, job: string, parts: AuthorizationServerParts): Promise<string> {
  const run = await transact(parts, (tx) =>
    parts.runs.open(tx, { agent: agent.id, job, opened_by: `agent:${agent.id}` }),
  );
  if (isRefusal(run)) throw new errors.TemporarilyUnavailable(run.public);
  return run.id;
}

/** A run longer than a token lives: the same agent asks for another token of the same run and job. */
async function continueRun(
  id: string,
  agent: AgentStanding,
  job: string,
  { db, time }: AuthorizationServerParts,
): Promise<string> {
  const run = await loadRunEntry(db, id);
  const open = run !== undefined && run.ended_at === null && run.expires_at > time.now();
  if (!open || run.agent !== agent.id || run.job !== job) {
    throw new errors.InvalidRequest('there is no open run of this id, agent and job');
  }
  return run.id;
}
