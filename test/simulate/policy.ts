import type { Decision, DecisionRequest } from '../../src/core/decision.ts';
import type { Database, Row, StateWatch, Transaction } from '../../src/storage/index.ts';

/**
 * Policy as small as it can be and still be stale: a row for each agent that may call, read again whenever the state
 * changes. What Cedar makes of a request has suites of its own; here it matters only when a change of it holds.
 */
export const POLICY_TABLE = 'create table simulated_policy (agent text primary key, permitted bigint not null)';
const TOPIC = 'policy';

export type SimulatedPolicy = {
  decide(request: DecisionRequest): Decision;
  visible(request: unknown, candidates: readonly unknown[]): readonly boolean[];
  pinned(): Pick<SimulatedPolicy, 'decide' | 'visible'>;
  isOpen(grant: string): boolean;
  onChange(changed: () => void): () => void;
};

export async function openSimulatedPolicy(db: Database, state: StateWatch): Promise<SimulatedPolicy> {
  let permitted = new Set<string>();
  const refresh = async (): Promise<void> => {
    const rows = await db.query<Row & { agent: string }>('select agent from simulated_policy where permitted = 1');
    permitted = new Set(rows.map(({ agent }) => agent));
  };
  await refresh();
  state.onChange(async (_version, topics) => {
    if (topics.has(TOPIC)) await refresh();
  });
  const visible = (_request: unknown, candidates: readonly unknown[]) => candidates.map(() => true);
  const pinned = () => {
    const now = permitted;
    return { decide: ({ agent }: DecisionRequest) => (now.has(agent.id) ? PERMIT : DENY), visible };
  };
  return {
    decide: (request) => pinned().decide(request),
    visible,
    pinned,
    isOpen: () => false,
    onChange: () => () => {},
  };
}

/** In one transaction with its receipt, as every change of policy. */
export async function changePolicy(
  tx: Transaction,
  state: StateWatch,
  agent: string,
  isPermitted: boolean,
): Promise<void> {
  await state.bump(tx, TOPIC);
  await tx.query(
    `insert into simulated_policy (agent, permitted) values ($1, $2)
     on conflict (agent) do update set permitted = excluded.permitted`,
    [agent, isPermitted ? 1 : 0],
  );
}

const PERMIT: Decision = {
  effect: 'permit',
  code: undefined,
  summary: 'permitted',
  policies: ['permitted'],
  notes: [],
  errors: [],
  obligations: [],
  hints: [],
  shadow: [],
  set: 'simulated',
};
const DENY: Decision = {
  ...PERMIT,
  effect: 'deny',
  code: 'policy_denied',
  summary: 'denied',
  policies: ['default-deny'],
};
