import type { Sql } from '../../../storage/index.ts';
import { createPolicySet } from '../policy-set.ts';
import type { RecordedDecision } from '../recorded.ts';
import { readPolicies } from '../source.ts';
import { FULFILLABLE, GRANTS_FILE } from '../vocabulary.ts';
import { GRANT_PREFIX } from './grant-text.ts';
import type { OpenGrant } from './rules.ts';
import * as store from './store.ts';

/** What a grant's standing then is judged by. */
type Then = Pick<RecordedDecision, 'time' | 'state_version' | 'policies' | 'errors' | 'request'>;

/** Temporary privilege as it stood when something was decided. */
export interface PastGrants {
  /** Those that stood open for the agent then. */
  at(then: Then): readonly OpenGrant[];
}

/** Every grant that was open at any moment from `since` on (milliseconds since the Unix epoch). */
export async function readPastGrants(db: Sql, since: number): Promise<PastGrants> {
  return pastGrants(await store.readGrantsSince(db, since));
}

function pastGrants(rows: readonly store.GrantRow[]): PastGrants {
  const loaded = new Map<string, OpenGrant>();
  const byAgent = Map.groupBy(rows, ({ agent }) => agent);
  const load = (row: store.GrantRow): OpenGrant => {
    const known = loaded.get(row.id) ?? openGrant(row, FULFILLABLE);
    loaded.set(row.id, known);
    return known;
  };
  return {
    at: (then) => (byAgent.get(then.request.agent.id) ?? NONE).filter((row) => stoodOpen(row, then)).map(load),
  };
}

const NONE: readonly store.GrantRow[] = [];

/**
 * By the versions of the state, which are exact; its end by itself by the receipt's time, which may be a moment off. What a
 * receipt names was open, whatever the clocks say.
 */
function stoodOpen(row: store.GrantRow, { time, state_version, policies, errors }: Then): boolean {
  const id = GRANT_PREFIX + row.id;
  if (policies.includes(id) || errors.includes(id)) return true;
  const ended = row.ended_version !== null && row.ended_version <= state_version;
  return row.given_version <= state_version && !ended && time < row.expires_at;
}

export function openGrant(
  { id, agent, text, expires_at }: store.GrantRow,
  fulfillable: Readonly<Record<string, readonly string[]>>,
): OpenGrant {
  const read = readPolicies([{ name: GRANTS_FILE, text }], fulfillable);
  return { policy: GRANT_PREFIX + id, agent, expires_at, set: createPolicySet(read) };
}
