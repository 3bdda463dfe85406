import type { IncomingMessage, ServerResponse } from 'node:http';
import { parse } from 'node:querystring';
import type { Clock, Random } from '../../../core/clock.ts';
import type { JsonObject } from '../../../core/json.ts';
import type { ProofClaim } from '../../../core/principal.ts';
import { isRefusal, type Refusal, type RefusalCode, refuse } from '../../../core/refusal.ts';
import { audiencePath, TOKEN_SECONDS_MAX } from '../access-token.ts';
import { type ChangeParts, transact } from '../change.ts';
import { digestOf } from '../digest.ts';
import type { IdentityKeys } from '../identity-keys.ts';
import { signJws } from '../jws.ts';
import type { ProofReader } from '../proof.ts';
import type { RunKeeper } from '../runs.ts';
import { insertAssertion } from '../store/claims.ts';
import { type Federation, openFor } from './federation.ts';

export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const FORM_BYTES_MAX = 32 * 1024;
const FORM = /^application\/x-www-form-urlencoded(?:;|$)/i;

export type WorkloadTokenParts = ChangeParts & {
  clock: Clock;
  random: Random;
  issuer: string;
  keys: IdentityKeys;
  federation: Federation;
  proofs: ProofReader;
  runs: RunKeeper;
  refused: (code: RefusalCode, address: string) => void;
};

export interface WorkloadTokens {
  /** What the metadata says of it: nothing where no issuer is trusted. */
  readonly grants: readonly string[];
  /** Answers where the form asks for RFC 7523's grant; false leaves the request as it was, for whoever comes next. */
  answers(request: IncomingMessage, response: ServerResponse): Promise<boolean>;
}

/**
 * A workload's JWT of another issuer becomes a token of ours (RFC 7523, section 2.1). It stands before oidc-provider, which
 * knows a client before it knows a grant: here the assertion says who the client is, and nothing else does.
 */
export function openWorkloadTokens(parts: WorkloadTokenParts): WorkloadTokens {
  const { trusts } = parts.federation;
  return {
    grants: trusts ? [JWT_BEARER] : [],
    async answers(request, response) {
      if (!trusts) return false;
      const text = await peek(request);
      const form = text === undefined ? {} : parse(text);
      if (form['grant_type'] !== JWT_BEARER) return false;
      const answer = await grant(form, request, parts);
      request.resume();
      if (isRefusal(answer)) parts.refused(answer.code, request.socket.remoteAddress ?? '');
      send(response, answer);
      return true;
    },
  };
}

/** The form, read and put back. Undefined where it does not come whole and at once: that is none of ours. */
async function peek(request: IncomingMessage): Promise<string | undefined> {
  const length = Number(request.headers['content-length']);
  if (!(length > 0 && length <= FORM_BYTES_MAX) || !FORM.test(request.headers['content-type'] ?? '')) return undefined;
  while (request.readableLength < length) {
    if (request.readableEnded || request.destroyed) return undefined;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        for (const event of ['readable', 'end', 'close', 'error']) request.off(event, done);
        resolve();
      };
      for (const event of ['readable', 'end', 'close', 'error']) request.once(event, done);
      request.read(0);
    });
  }
  const bytes: Buffer | null = request.read();
  if (bytes !== null) request.unshift(bytes);
  return bytes?.toString('utf8');
}

type Form = Readonly<Record<string, string | string[] | undefined>>;
async function grant(form: Form, request: IncomingMessage, parts: WorkloadTokenParts): Promise<JsonObject | Refusal> {
  const { assertion, resource = parts.issuer } = form;
  if (Object.values(form).some(Array.isArray)) return refuse('grant_refused', 'a parameter was given twice');
  if (typeof assertion !== 'string') return refuse('grant_refused', 'there is no assertion');
  if (typeof resource !== 'string' || audiencePath(resource, parts.issuer) === undefined) {
    return { error: 'invalid_target', error_description: 'grant_refused' };
  }
  const proof = await proofOf(request, parts);
  if (isRefusal(proof)) return proof;
  const workload = await parts.federation.exchange(assertion);
  if (isRefusal(workload)) return workload;
  const { agent, job } = workload;
  const stop =
    parts.standing.findStop('all', '') ??
    parts.standing.findStop('agent', agent) ??
    parts.standing.findStop('key', proof.jkt);
  if (stop !== undefined) return refuse('stopped', `${stop.kind} was stopped: ${stop.stop}`);
  const generation = parts.standing.agents.get(agent)!.generation;
  const run = await transact(parts, (tx) => openFor(workload, tx, parts));
  if (isRefusal(run)) return run;
  const iat = Math.floor(parts.time.now() / 1000);
  const claims = {
    iss: parts.issuer,
    aud: resource,
    sub: agent,
    client_id: agent,
    iat,
    exp: iat + TOKEN_SECONDS_MAX,
    jti: Buffer.from(parts.random(16)).toString('base64url'),
    scope: `job:${job}`,
    cnf: { jkt: proof.jkt },
    ...{ run: run.id, job, generation },
  };
  const access_token = signJws({ typ: 'at+jwt' }, claims, parts.keys.signing.reveal());
  return { access_token, token_type: 'DPoP', expires_in: TOKEN_SECONDS_MAX, scope: claims.scope };
}

/** The token is bound to the key that this request proves; whose key that is, the assertion cannot say. */
async function proofOf(request: IncomingMessage, parts: WorkloadTokenParts): Promise<ProofClaim | Refusal> {
  const { dpop } = request.headers;
  if (typeof dpop !== 'string' || dpop.includes(',')) return refuse('token_needs_proof', 'one DPoP header is needed');
  const path = (request.url ?? '').split('?', 1)[0]!;
  const proof = await parts.proofs.read(dpop, { method: 'POST', path, ath: undefined, jkt: undefined });
  if (isRefusal(proof)) return proof;
  const claim = digestOf({ jkt: proof.jkt, jti: proof.jti });
  return (await insertAssertion(parts.db, { claim, expires_at: proof.expires_at }))
    ? proof
    : refuse('proof_replayed', 'the DPoP proof was used before (RFC 9449, section 11.1)');
}

/** RFC 6749, section 5.2, with our own code as the description: a program can tell why. */
function send(response: ServerResponse, answer: JsonObject | Refusal): void {
  const body = isRefusal(answer) ? { error: errorOf(answer), error_description: answer.code } : answer;
  const text = JSON.stringify(body);
  response.writeHead('error' in body ? (isRefusal(answer) && answer.http === 503 ? 503 : 400) : 200, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(text);
}

function errorOf({ code, http }: Refusal): string {
  if (code.startsWith('proof_') || code === 'token_needs_proof') return 'invalid_dpop_proof';
  if (code === 'grant_refused') return 'invalid_request';
  if (code === 'stopped') return 'access_denied';
  return http === 503 ? 'temporarily_unavailable' : 'invalid_grant';
}
