import type { LedgerStatus } from '../../controls/audit/index.ts';
import type { PolicyStatus } from '../../controls/policy/index.ts';
import type { Fault, Status, Waiting } from '../contract/index.ts';
import type { Handlers } from '../handler.ts';
import type { ApiPorts, GatewayState, UpstreamState } from '../ports.ts';

/** The three questions of every page: enforcing or observing, what waits for a person, what is wrong. */
export function statusHandlers(ports: ApiPorts): Pick<Handlers, 'status'> {
  return { status: () => describe(ports) };
}

const STORAGE_AWAY: Fault = {
  code: 'storage_unavailable',
  what: 'The database does not answer, so what waits for a person is not known',
  remedy: 'Nothing is forwarded meanwhile; sallyport kill works all the same. Look at the database.',
  since: null,
};

async function describe(ports: ApiPorts): Promise<Status> {
  const state = ports.gateway.state();
  const upstreams = ports.gateway.upstreams();
  const log = ports.ledger.status();
  const policy = ports.policy.status();
  // The database may be away: then status still says so, for it is asked when something is wrong.
  const waits = await waiting(ports).catch(() => undefined);
  const { agents_url, faults, replica, leased, state_version, ...own } = state;
  return {
    ...own,
    now: ports.clock.now(),
    replica: { id: replica, epoch: log.epoch, leased, state_version },
    upstreams: upstreams.map(({ eras, last_error, ...upstream }) => ({
      ...upstream,
      eras: [...eras],
      last_error: last_error ?? null,
    })),
    log: {
      state: log.state,
      reason: log.reason,
      origin: log.origin,
      size: log.size,
      root: log.root,
      checkpoint_at: log.checkpoint_at,
      witnesses: [...log.witnesses],
    },
    policy: {
      set: policy.active.digest,
      policies: policy.policies,
      activated_at: policy.active.activated_at,
      activated_by: policy.active.activated_by,
    },
    stops: ports.identity.stops.list().length,
    waiting: waits ?? [],
    wrong: [
      ...faults,
      ...(waits === undefined ? [STORAGE_AWAY] : []),
      ...logFaults(log),
      ...gatewayFaults(state),
      ...upstreamFaults(upstreams),
      ...policyFaults(policy),
    ],
    addresses: { agents: agents_url, people: ports.console_url() },
  };
}

async function waiting({ identity, policy }: ApiPorts): Promise<Waiting[]> {
  const [people, proposals] = await Promise.all([identity.people.list(), policy.proposals()]);
  const items: Waiting[] = proposals.map(({ digest }) => ({
    kind: 'proposal',
    what: `Policy set ${digest.slice(0, 12)} may widen what is permitted`,
    command: `sallyport policy activate ${digest.slice(0, 12)}`,
  }));
  if (people.length === 0)
    items.push({ kind: 'setup', what: 'Nobody has an account yet', command: 'sallyport account' });
  else if (!people.some(({ authenticator }) => authenticator)) {
    items.push({
      kind: 'setup',
      what: 'Nobody has an authenticator, so nothing that needs presence can be done',
      command: 'sallyport status',
    });
  }
  for (const [server, count] of identity.manifests.waiting()) {
    items.push({
      kind: 'tool',
      what: `${server} offers ${count} ${count === 1 ? 'thing that differs' : 'things that differ'} from what was approved, or ${count === 1 ? 'is' : 'are'} new`,
      command: `sallyport tool diff ${server}`,
    });
  }
  return items;
}

function logFaults({ state, reason, checkpoint_at }: LedgerStatus): Fault[] {
  if (state === 'writing') return [];
  const remedy =
    state === 'forked'
      ? 'Find out who put an older log back. Then: sallyport audit fork'
      : 'Nothing is forwarded until it can be written. Look at the disk and the database.';
  return [{ code: `log_${state}`, what: reason ?? `The log is ${state}`, remedy, since: checkpoint_at }];
}

function gatewayFaults({ leased }: GatewayState): Fault[] {
  if (leased) return [];
  const what = 'This replica cannot learn of revocations, so it forwards nothing';
  return [{ code: 'lease_lapsed', what, remedy: 'Look at the connection to the database.', since: null }];
}

function upstreamFaults(upstreams: readonly UpstreamState[]): Fault[] {
  return upstreams
    .filter(({ state }) => state === 'waiting')
    .map(({ server, last_error }) => ({
      code: 'upstream_unavailable',
      what: `${server} does not answer: ${last_error ?? 'no reason known'}`,
      remedy: 'It is tried again with growing pauses. Look at its command or address in sallyport.yaml.',
      since: null,
    }));
}

function policyFaults({ problems, evaluator }: PolicyStatus): Fault[] {
  const faults: Fault[] = problems
    .filter(({ severity }) => severity === 'error')
    .map(({ file, line, column, message, help }) => ({
      code: 'policy_problem',
      what: `${file}:${line}:${column} ${message}`,
      remedy: help ?? 'The active set stays in force. Then: sallyport policy check',
      since: null,
    }));
  if (evaluator === 'cedar-wasm') {
    const what = 'The compiled evaluator disagreed with cedar-wasm, which decides since';
    faults.push({
      code: 'engine_disagreement',
      what,
      remedy: 'Decisions are right but slow. Report the receipt.',
      since: null,
    });
  }
  return faults;
}
