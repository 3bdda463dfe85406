import type { Person } from '../../core/person.ts';
import type { Subject } from '../../core/principal.ts';
import { type Refusal, refuse } from '../../core/refusal.ts';
import type { Sql } from '../../storage/index.ts';
import { keyOf } from './people/names.ts';
import { findPersonByName } from './people/store.ts';
import type { AgentStanding } from './standing.ts';

export type Granted = { purpose: string | null; subject: Subject | null };

/**
 * What a run is for and in whose name, as far as it was granted: at registration, or by the user, who is `own`. A purpose
 * may be left unsaid where there is one.
 */
export async function grantedOf(
  sql: Sql,
  agent: AgentStanding,
  asked: { purpose?: string | undefined; user?: string | undefined },
  own?: Pick<Person, 'id' | 'name'>,
): Promise<Granted | Refusal> {
  const purpose = asked.purpose ?? (agent.purposes.length === 1 ? agent.purposes[0]! : null);
  if (purpose !== null && !agent.purposes.includes(purpose)) {
    return refuse('purpose_not_granted', `agent ${agent.id} is not registered for the purpose ${purpose}`);
  }
  if (asked.user === undefined) return { purpose, subject: null };
  const key = keyOf(asked.user);
  if (own !== undefined && keyOf(own.name) === key) return { purpose, subject: { id: own.id, name: own.name } };
  const person = agent.users.some((user) => keyOf(user) === key) ? await findPersonByName(sql, key) : undefined;
  // Whether there is such a person is not for who may not act for them to know.
  if (person === undefined) {
    return refuse('user_not_granted', `agent ${agent.id} may not act for ${asked.user}, or there is no such person`);
  }
  return { purpose, subject: { id: person.id, name: person.name } };
}
