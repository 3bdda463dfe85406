import type { RefusalCode } from '../../core/refusal.ts';
import type { Remedy } from '../contract/index.ts';

/** What is known of the exchange, as far as it came: it fills the command in. */
export type Known = {
  agent?: string | undefined;
  job?: string | undefined;
  run?: string | undefined;
  server?: string | null | undefined;
  stop?: string | undefined;
  action?: string | undefined;
  /** `Tool::files/read_file`, as delegations write it. */
  resource?: string | undefined;
};

type Way = readonly [sentence: string, command?: (known: Known) => string];

const server = ({ server: name }: Known): string => (name === null || name === undefined ? '<server>' : name);
const openRun: Way[1] = ({ agent = '<agent>', job = '<job>' }) => `sallyport agent run ${agent} --job ${job}`;
const grant: Way[1] = ({ agent = '<agent>' }) => `sallyport agent show ${agent}`;
const setKey: Way[1] = () => 'sallyport vault list';
const look: Way[1] = () => 'sallyport status';

const lend: Way[1] = ({ agent = '<agent>', action, resource }) =>
  `sallyport delegate ${agent}${action === undefined ? '' : ` --action ${action}`}${resource === undefined ? '' : ` --resource ${quoted(resource)}`}`;

const DELEGATE: Way = [
  'No policy can permit it: the delegation does not stand. Whoever lends has to lend anew, no more than they have.',
  lend,
];
const CLIENT: Way = [
  'No policy can permit it: the request is not one that the protocol allows. Its sender has to correct it.',
];
const UPSTREAM: Way = ['Policy permitted it; the server behind the gateway did not answer as it should.', look];
const GATEWAY: Way = ['The gateway could not do it then. The agent may try again.', look];

/**
 * Refusals that come after identity and that no policy can lift, with what would. The command is whole where the exchange
 * tells enough.
 */
export const WAYS: Partial<Record<RefusalCode, Way>> = {
  stopped: [
    'It is stopped by a person, and stays so whatever a policy says, until a person resumes it.',
    ({ stop }) => (stop === undefined ? 'sallyport resume' : `sallyport resume ${stop}`),
  ],
  agent_unknown: [
    'No policy can permit it: the agent is not registered.',
    ({ agent = '<agent>' }) => `sallyport agent add ${agent}`,
  ],
  run_unknown: ['No policy can permit it: the run is not known. The agent opens another.', openRun],
  run_ended: ['No policy can permit it: the run has ended. The agent opens another.', openRun],
  job_not_granted: ['No policy can permit it: the job is not one that the agent is registered for.', grant],
  purpose_not_granted: ['No policy can permit it: the purpose is not one that the agent is registered for.', grant],
  user_not_granted: [
    'No policy can permit it: the agent needs that user’s own token, or the user among its own.',
    grant,
  ],
  delegation_unknown: DELEGATE,
  delegation_forged: DELEGATE,
  delegation_cut: DELEGATE,
  delegation_widens: DELEGATE,
  delegation_too_deep: DELEGATE,
  delegation_actor_wrong: DELEGATE,
  delegation_act_wrong: DELEGATE,
  delegation_act_missing: DELEGATE,
  delegation_exceeded: [
    'No policy can permit it: it is more than was delegated. Each hop would have to lend this action on this resource.',
    lend,
  ],
  request_malformed: CLIENT,
  request_not_canonical: CLIENT,
  method_unknown: CLIENT,
  header_mismatch: CLIENT,
  version_unsupported: CLIENT,
  session_unknown: ['No policy can permit it: the session has ended. The client starts another.'],
  arguments_invalid: [
    'No policy can permit it: the arguments do not fit the schema that the tool declares. The agent has to send others.',
    (known) => `sallyport tool list ${server(known)}`,
  ],
  not_found: [
    'No policy can permit it: nothing of this name is offered.',
    (known) => `sallyport tool list ${server(known)}`,
  ],
  tool_not_approved: [
    'No policy can permit it: a person has to approve what the server offers first.',
    (known) => `sallyport tool approve ${server(known)}`,
  ],
  tool_changed: [
    'No policy can permit it: the tool changed since it was approved. A person looks at the difference first.',
    (known) => `sallyport tool diff ${server(known)}`,
  ],
  state_changed: GATEWAY,
  log_unavailable: GATEWAY,
  lease_lapsed: GATEWAY,
  gateway_stopping: GATEWAY,
  stage_failed: ['A check could not be completed, and what is not checked is not let through.', look],
  stage_timed_out: ['A check took too long, and what is not checked is not let through.', look],
  log_forked: [
    'The log does not extend what was seen before. A person has to look at it.',
    () => 'sallyport audit fork',
  ],
  rate_limited: ['Policy is not the bound: too much was asked at once. The agent waits a moment.', look],
  consent_missing: [
    'Policy permitted it; the user has not let the gateway act for them at this server.',
    (known) => `sallyport consent ${server(known)}`,
  ],
  upstream_credential_missing: ['Policy permitted it; the gateway has no credential for this server.', setKey],
  upstream_credential_not_served: [
    'Policy permitted it; the credential for this server is not for this agent, job or user.',
    setKey,
  ],
  upstream_credential_wrong_host: ['Policy permitted it; the credential may not be sent to this address.', setKey],
  upstream_credential_expired: ['Policy permitted it; the credential has expired.', setKey],
  upstream_credential_refused: ['Policy permitted it; the credential could not be renewed.', setKey],
  upstream_credential_locked: ['Policy permitted it; the gateway cannot open its credentials.', look],
  upstream_unavailable: UPSTREAM,
  upstream_failed: UPSTREAM,
  upstream_timed_out: UPSTREAM,
  answer_too_large: UPSTREAM,
  exchange_timed_out: UPSTREAM,
  caller_gone: ['Policy permitted it; the caller went away before the answer.'],
};

export function elsewhere(code: string, known: Known): Remedy {
  const way = WAYS[code as RefusalCode];
  if (way === undefined) {
    return { kind: 'elsewhere', sentence: `What would help is told at docs/errors/${code}.md.`, command: null };
  }
  const [sentence, command] = way;
  return { kind: 'elsewhere', sentence, command: command?.(known) ?? null };
}

/** For a shell: a name from the wire is an argument and nothing else. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
