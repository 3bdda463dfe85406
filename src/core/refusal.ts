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
  credential_wrong_scheme: { http: 401, public: 'The Authorization header names neither DPoP nor Bearer.' },
  event_malformed: { http: 400, public: 'The security event could not be read.' },
  token_malformed: { http: 401, public: 'The access token could not be read.' },
  token_unknown: { http: 401, public: 'The access token is not one this gateway issued.' },
  token_critical: { http: 401, public: 'The access token has a critical header that is not understood here.' },
  token_wrong_issuer: { http: 401, public: 'The access token was issued by somebody else.' },
  token_expired: { http: 401, public: 'The access token has expired. Ask for a new one.' },
  token_not_yet_valid: { http: 401, public: 'The access token is not valid yet.' },
  token_wrong_audience: { http: 401, public: 'The access token was issued for another audience.' },
  token_audience_ambiguous: { http: 401, public: 'The access token names several audiences. Ask for one.' },
  token_wrong_resource: { http: 401, public: 'The access token is for another server behind this gateway.' },
  token_revoked: { http: 401, public: 'The access token was revoked.' },
  token_needs_proof: { http: 401, public: 'This access token is bound to a key: send a DPoP proof with it.' },
  token_wrong_type: { http: 401, public: 'This is not an access token.' },
  token_wrong_algorithm: { http: 401, public: 'The access token is signed with an algorithm that is not accepted.' },
  token_key_unknown: { http: 401, public: 'The access token names a key that its issuer does not have.' },
  token_signature_invalid: { http: 401, public: 'The signature of the access token does not verify.' },
  token_claim_missing: { http: 401, public: 'The access token lacks a claim that is needed.' },
  token_expiry_missing: { http: 401, public: 'The access token does not say when it was issued and when it ends.' },
  token_lives_too_long: { http: 401, public: 'The access token lives longer than is accepted.' },
  token_not_bound: { http: 401, public: 'The access token is bound to no key.' },
  token_bound_twice: { http: 401, public: 'The access token is bound to a key and to a certificate. One is enough.' },
  token_delegated: { http: 401, public: 'Delegation by another issuer is not accepted.' },
  issuer_unknown: { http: 401, public: 'Tokens of this issuer are not accepted here.' },
  issuer_unavailable: { http: 503, public: 'The keys of the token’s issuer cannot be read now. Try again shortly.' },
  workload_unmapped: { http: 403, public: 'No rule says which agent this workload is.' },
  assertion_replayed: { http: 400, public: 'This assertion was used before. Ask your issuer for another.' },
  proof_missing: { http: 401, public: 'Send a DPoP proof with each request.' },
  proof_repeated: { http: 401, public: 'Send one DPoP proof, not several.' },
  proof_malformed: { http: 401, public: 'The DPoP proof could not be read.' },
  proof_invalid: { http: 401, public: 'The DPoP proof does not verify.' },
  proof_wrong_key: { http: 401, public: 'The DPoP proof was made with another key than the token is bound to.' },
  proof_wrong_type: { http: 401, public: 'This is not a DPoP proof: its type is another.' },
  proof_wrong_algorithm: { http: 401, public: 'The algorithm of the DPoP proof does not fit its key.' },
  proof_critical: { http: 401, public: 'The DPoP proof has a critical header that is not understood here.' },
  proof_key_invalid: { http: 401, public: 'The key in the DPoP proof cannot be used.' },
  proof_key_private: {
    http: 401,
    public: 'The DPoP proof carries a private key. Replace that key: others have it now.',
  },
  proof_incomplete: { http: 401, public: 'The DPoP proof lacks a claim, or one has the wrong form.' },
  proof_wrong_method: { http: 401, public: 'The DPoP proof was made for another method.' },
  proof_wrong_address: { http: 401, public: 'The DPoP proof was made for another address.' },
  proof_nonce_missing: { http: 401, public: 'The DPoP proof needs the nonce that comes with this answer.' },
  proof_nonce_stale: { http: 401, public: 'The nonce of the DPoP proof is too old. A new one comes with this answer.' },
  proof_wrong_token: { http: 401, public: 'The DPoP proof was made for another token.' },
  proof_token_missing: { http: 401, public: 'The DPoP proof does not name the token that it goes with (ath).' },
  proof_expired: { http: 401, public: 'The DPoP proof is too old. Make one per request.' },
  proof_from_future: { http: 401, public: 'The DPoP proof was made in the future. Set your clock.' },
  proof_replayed: { http: 401, public: 'The DPoP proof was used before. Make one per request.' },
  token_wrong_certificate: {
    http: 401,
    public: 'This access token is bound to another client certificate than this connection showed.',
  },
  svid_malformed: { http: 401, public: 'The client certificate could not be read.' },
  svid_id_missing: { http: 401, public: 'The client certificate carries no SPIFFE ID.' },
  svid_id_ambiguous: { http: 401, public: 'The client certificate carries more than one URI.' },
  svid_id_invalid: { http: 401, public: 'The client certificate’s URI is not the SPIFFE ID of a workload.' },
  svid_is_authority: { http: 401, public: 'The client certificate is an authority’s, not a workload’s.' },
  svid_wrong_usage: { http: 401, public: 'The client certificate’s key usage is not that of a workload.' },
  svid_expired: { http: 401, public: 'The SVID has expired. Fetch the current one.' },
  svid_not_yet_valid: { http: 401, public: 'The SVID is not valid yet.' },
  svid_domain_unknown: { http: 401, public: 'The SVID is of a trust domain that is not known here.' },
  svid_untrusted: { http: 401, public: 'The SVID does not lead to an authority of its own trust domain.' },
  svid_unmapped: { http: 403, public: 'This SPIFFE ID is not one of a registered agent.' },
  join_refused: { http: 403, public: 'The joining token is unknown, used or too old. Ask for a new one.' },
  grant_refused: { http: 400, public: 'The token request was refused.' },
  agent_unknown: { http: 401, public: 'The agent is not registered.' },
  stopped: { http: 403, public: 'This agent, run or credential has been stopped by an operator.' },
  // load run
  run_unknown: { http: 401, public: 'The run of this token is not known here. Open a new one.' },
  run_ended: { http: 401, public: 'The run has ended. Open a new one.' },
  job_not_granted: { http: 403, public: 'The agent is not registered for this job.' },
  purpose_not_granted: { http: 403, public: 'The agent is not registered for this purpose.' },
  user_not_granted: { http: 403, public: 'The agent may not act in this user’s name.' },
  delegation_unknown: { http: 401, public: 'This delegation is not known here, or has ended. Ask for a new one.' },
  delegation_forged: { http: 401, public: 'This delegation was not granted by this gateway, or was changed since.' },
  delegation_cut: { http: 401, public: 'A link of this delegation is missing or has ended. Ask for a new one.' },
  delegation_widens: {
    http: 403,
    public: 'A delegation lends no more than its lender has: fewer actions, resources and budgets, and no more time.',
  },
  delegation_too_deep: { http: 403, public: 'This delegation passes through more agents than are allowed.' },
  delegation_actor_wrong: { http: 403, public: 'This delegation was given to another agent.' },
  delegation_act_wrong: { http: 401, public: 'The token does not tell the whole delegation that its run stands on.' },
  delegation_act_missing: { http: 401, public: 'The token does not say who acts for its subject.' },
  // parse intent
  request_malformed: { http: 400, public: 'The request could not be read.' },
  request_not_canonical: { http: 400, public: 'The request uses JSON that two readers could read differently.' },
  method_unknown: { http: 404, public: 'This method is not known to the gateway.' },
  header_mismatch: { http: 400, public: 'A header disagrees with the body.' },
  arguments_invalid: { http: 400, public: 'The arguments do not fit the declared schema.' },
  version_unsupported: { http: 400, public: 'This protocol version is not supported.' },
  session_unknown: { http: 404, public: 'This session is not known. Start a new one.' },
  not_found: { http: 404, public: 'There is no such thing here that you may use.' },
  // check tool manifest
  tool_not_approved: { http: 403, public: 'A person has to approve this tool, or its server, before it can be used.' },
  tool_changed: {
    http: 403,
    public: 'This tool, or its server, changed since it was approved. It is stopped until a person has looked at it.',
  },
  // decide
  policy_denied: { http: 403, public: 'This is not permitted by policy.' },
  policy_error: { http: 403, public: 'This is not permitted: a policy could not be evaluated.' },
  argument_unmapped: { http: 403, public: 'This is not permitted: an argument has a form that policy cannot read.' },
  delegation_exceeded: { http: 403, public: 'This is more than was delegated.' },
  // hold
  approval_unavailable: { http: 403, public: 'This needs a person to approve it, and nobody can be asked here.' },
  // the life of policies, for people
  policy_tests_failed: { http: 409, public: 'The tests of this policy set do not pass.' },
  policy_changed: { http: 409, public: 'The policies changed since this was written. Look at them again.' },
  second_person_needed: { http: 403, public: 'Who proposed this may not be who approves it.' },
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
  consent_missing: {
    http: 403,
    public: 'The user in whose name you act has not let the gateway act for them at this server.',
  },
  connection_missing: {
    http: 403,
    public:
      'Nobody has connected this server for the user in whose name you act. They do so, signed in, with: sallyport connect',
  },
  connection_failed: { http: 400, public: 'The server could not be connected.' },
  upstream_credential_missing: { http: 502, public: 'The gateway has no credential for this server yet.' },
  upstream_credential_not_served: {
    http: 403,
    public: 'The gateway’s credential for this server is not for this agent, job or user.',
  },
  upstream_credential_wrong_host: {
    http: 502,
    public: 'The gateway’s credential for this server may not be sent to its address.',
  },
  upstream_credential_expired: { http: 502, public: 'The gateway’s credential for this server has expired.' },
  upstream_credential_refused: {
    http: 502,
    public: 'The gateway’s credential for this server could not be renewed. Try again later.',
  },
  upstream_credential_locked: {
    http: 503,
    public: 'The gateway cannot open its credentials now. Try again later.',
  },
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
  sign_in_lost: { http: 401, public: 'This sign-in was begun elsewhere, too long ago, or is finished. Begin again.' },
  sign_in_answer_invalid: { http: 401, public: 'Your company’s answer could not be accepted. Begin again.' },
  sign_in_provider_unavailable: { http: 503, public: 'Your company’s sign-in cannot be reached. Try again later.' },
  sign_in_without_role: { http: 403, public: 'None of your groups may use this. Ask an admin which one is needed.' },
  sign_in_unnamed: { http: 403, public: 'Your company does not say your name in a form that can be used here.' },
  sign_in_unverified: { http: 403, public: 'Your company has not verified your address of mail.' },
  passkey_refused: { http: 401, public: 'This passkey is not accepted.' },
  roles_separated: { http: 403, public: 'These roles may not be held by one person.' },
  consent_unknown: { http: 404, public: 'No request waits here. Start again from your client.' },
  consent_not_permitted: { http: 403, public: 'No rule lets you give this client this job.' },
  ticket_invalid: { http: 400, public: 'This answer was used before, is too old, or belongs to another request' },
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
