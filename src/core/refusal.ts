/**
 * Every refusal has a stable code, an operator's reason and a public sentence. The code and the sentence cross the wire
 * (with the receipt's id); the reason stays with the operator. One page per code stands under docs/errors/.
 */

/** `http`: the status a protocol over HTTP answers with. `public`: what the agent is told when nothing better is known. */
const CODES = {
  // admit connection
  host_not_allowed: { http: 403, public: 'This host name is not one the gateway answers to.' },
  origin_not_allowed: { http: 403, public: 'Requests from this origin are not accepted.' },
  request_too_large: { http: 413, public: 'The request is larger than the gateway accepts.' },
  rate_limited: { http: 429, public: 'Too many requests from this source. Try again shortly.' },
  route_not_found: { http: 404, public: 'There is nothing at this address.' },
  // check identity
  credential_missing: { http: 401, public: 'Present an access token of this gateway.' },
  credential_malformed: { http: 401, public: 'The credential could not be read.' },
  token_unknown: { http: 401, public: 'The access token is not one this gateway issued.' },
  token_expired: { http: 401, public: 'The access token has expired. Ask for a new one.' },
  token_not_yet_valid: { http: 401, public: 'The access token is not valid yet.' },
  token_wrong_audience: { http: 401, public: 'The access token was issued for another audience.' },
  token_revoked: { http: 401, public: 'The access token was revoked.' },
  token_needs_proof: { http: 401, public: 'This access token is bound to a key: send a DPoP proof with it.' },
  proof_malformed: { http: 401, public: 'The DPoP proof could not be read.' },
  proof_invalid: { http: 401, public: 'The DPoP proof does not verify.' },
  proof_wrong_key: { http: 401, public: 'The DPoP proof was made with another key than the token is bound to.' },
  proof_wrong_request: { http: 401, public: 'The DPoP proof was made for another method or address.' },
  proof_wrong_token: { http: 401, public: 'The DPoP proof was made for another token.' },
  proof_expired: { http: 401, public: 'The DPoP proof is too old or from the future. Make one per request.' },
  proof_replayed: { http: 401, public: 'The DPoP proof was used before. Make one per request.' },
  grant_refused: { http: 400, public: 'The token request was refused.' },
  agent_unknown: { http: 401, public: 'The agent is not registered.' },
  stopped: { http: 403, public: 'This agent, run or credential has been stopped by an operator.' },
  // load run
  run_unknown: { http: 401, public: 'The run of this token is not known here. Open a new one.' },
  run_ended: { http: 401, public: 'The run has ended. Open a new one.' },
  job_not_granted: { http: 403, public: 'The agent is not registered for this job.' },
  // parse intent
  request_malformed: { http: 400, public: 'The request could not be read.' },
  request_not_canonical: { http: 400, public: 'The request uses JSON that two readers could read differently.' },
  method_unknown: { http: 404, public: 'This method is not known to the gateway.' },
  header_mismatch: { http: 400, public: 'A header disagrees with the body.' },
  arguments_invalid: { http: 400, public: 'The arguments do not fit the declared schema.' },
  version_unsupported: { http: 400, public: 'This protocol version is not supported.' },
  session_unknown: { http: 404, public: 'This session is not known. Start a new one.' },
  not_found: { http: 404, public: 'There is no such thing here that you may use.' },
  // decide
  policy_denied: { http: 403, public: 'This is not permitted by policy.' },
  policy_error: { http: 403, public: 'This is not permitted: a policy could not be evaluated.' },
  argument_unmapped: { http: 403, public: 'This is not permitted: an argument has a form that policy cannot read.' },
  // hold
  approval_unavailable: { http: 403, public: 'This needs a person to approve it, and nobody can be asked here.' },
  // record intent
  state_changed: { http: 503, public: 'The rules changed while this was being decided. Try again.' },
  log_unavailable: { http: 503, public: 'The gateway cannot record this now, so it does not do it.' },
  lease_lapsed: {
    http: 503,
    public: 'The gateway cannot learn of revocations now, so it forwards nothing. Try again.',
  },
  log_forked: { http: 503, public: 'The log does not extend what was seen before. An operator must look at it.' },
  // runner, forward and after
  stage_failed: { http: 500, public: 'A check could not be completed, so the request was refused.' },
  stage_timed_out: { http: 503, public: 'A check took too long, so the request was refused.' },
  upstream_unavailable: { http: 502, public: 'The server behind the gateway is not available. Try again later.' },
  upstream_failed: { http: 502, public: 'The server behind the gateway answered in a way that cannot be passed on.' },
  upstream_timed_out: { http: 504, public: 'The server behind the gateway did not answer in time.' },
  answer_too_large: { http: 502, public: 'The answer is larger than the gateway passes on.' },
  upstream_request_denied: { http: 403, public: 'The server asked for something that policy does not permit.' },
  exchange_timed_out: { http: 504, public: 'The exchange took longer than the gateway allows.' },
  caller_gone: { http: 499, public: 'The caller went away.' },
  gateway_stopping: { http: 503, public: 'The gateway is stopping. Try again shortly.' },
  // people, on the control plane
  sign_in_required: { http: 401, public: 'Sign in first.' },
  sign_in_failed: { http: 401, public: 'The name or the password is wrong.' },
  setup_link_invalid: { http: 401, public: 'This set-up link is unknown, used or too old. Ask for a new one.' },
  role_missing: { http: 403, public: 'Your roles do not allow this.' },
  presence_required: { http: 403, public: 'This needs you here: enter a code from your authenticator.' },
  presence_failed: { http: 403, public: 'This code is wrong, too old or used before.' },
  request_forged: { http: 403, public: 'This request did not come from the console or the command line.' },
  input_invalid: { http: 400, public: 'The request does not have the expected form.' },
  already_exists: { http: 409, public: 'There is one of this name already.' },
} as const satisfies Record<string, { http: number; public: string }>;

export type RefusalCode = keyof typeof CODES;

export const REFUSAL_CODES = Object.keys(CODES) as readonly RefusalCode[];

/** A failure that the caller must handle, so a value and never thrown. */
export type Refusal = {
  readonly kind: 'refusal';
  readonly code: RefusalCode;
  readonly http: number;
  /** For the operator: which check, which value, which clause. May name things the agent must not learn. */
  readonly reason: string;
  /** For the agent: what would be allowed. Comes from `@public` texts and from the table above, nothing else. */
  readonly public: string;
  /** Ids of the policies that determined it, where policy did. */
  readonly policies: readonly string[];
};

export function refuse(
  code: RefusalCode,
  reason: string,
  more: { public?: string | undefined; policies?: readonly string[] } = {},
): Refusal {
  const known = CODES[code];
  return {
    kind: 'refusal',
    code,
    http: known.http,
    reason,
    public: more.public ?? known.public,
    policies: more.policies ?? [],
  };
}

export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === 'refusal';
}

/** The code's default public sentence. */
export function publicSentence(code: RefusalCode): string {
  return CODES[code].public;
}
