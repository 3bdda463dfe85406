import type { Decided } from '../../src/controls/policy/index.ts';
import { isReplayable, readRecorded } from '../../src/controls/policy/index.ts';
import type { JsonObject, JsonValue } from '../../src/core/json.ts';
import { LOWEST_LABEL } from '../../src/core/label.ts';
import type { Run } from '../../src/core/principal.ts';
import { facts } from '../support/ledger.ts';
import { type Dice, fuzz } from './harness.ts';

/**
 * Payloads of receipts, as whoever could write the database might have left them: each is a decision with an access for each
 * that its receipt names, or it is said to be lost. Nothing throws, and no access has arguments that are not an object.
 */
const KEYS = ['asked', 'arguments', 'each', 'own', 'name', 'type', 'id', 'names', 'value', '__proto__', 'line'];
const SCALARS: readonly JsonValue[] = [null, true, '', 'line', 'Tool', 'journal/append', 0, -1, 2 ** 53 - 1];

function value(dice: Dice, depth: number): JsonValue {
  if (depth > 4 || dice.integer(10) < 3) return dice.pick(SCALARS);
  if (dice.integer(3) === 0) return Array.from({ length: dice.integer(5) }, () => value(dice, depth + 1));
  return Object.fromEntries(Array.from({ length: dice.integer(5) }, () => [dice.pick(KEYS), value(dice, depth + 1)]));
}

const RUN: Run = {
  id: 'run_1',
  agent: 'triage',
  job: 'support',
  opened_by: 'agent:triage',
  purpose: null,
  subject: null,
  chain: [],
  scopes: [],
  opened_at: 0,
  expires_at: 1,
  labels: LOWEST_LABEL,
};

/** Half of them have names that fit, so that what lies behind is reached. */
function namesFor(dice: Dice, count: number): JsonValue {
  if (dice.integer(2) === 0) return value(dice, 0);
  return Array.from({ length: count }, (): JsonObject => ({ type: 'Tool', id: 'journal/append' }));
}

await fuzz('recorded', 2_000, async (dice) => {
  const count = 1 + dice.integer(3);
  const own = facts();
  const accesses = Array.from({ length: count }, () => ({
    action: 'tool.call',
    resource_type: 'Tool',
    resource_digest: '',
  }));
  const receipt = {
    ...own,
    kind: dice.pick(['intent', 'refusal', 'hold']),
    id: 'rcp_1',
    time: 1,
    code: 'policy_denied',
    accesses,
    chain: [],
    tool: { manifest: 'digest', pin_approval: 'pin_1' },
  } as unknown as Decided;
  const recorded = await readRecorded(
    receipt,
    { names: namesFor(dice, count), value: value(dice, 0) },
    {
      agent: () => ({ ...own.agent, jobs: ['support'] }),
      run: () => RUN,
      definition: () => ({ inputSchema: { type: 'object' } }),
    },
  );
  if (!isReplayable(recorded)) return;
  if (recorded.accesses.length !== count) throw new Error(`${recorded.accesses.length} accesses of ${count}`);
  for (const { args } of recorded.accesses) {
    if (typeof args !== 'object' || args === null || Array.isArray(args)) throw new Error('arguments are no object');
  }
});
