import type { Role } from '../../../core/person.ts';
import { type Refusal, refuse } from '../../../core/refusal.ts';

/** Separation of duties: of each set, nobody holds two. */
export function checkSeparation(roles: readonly Role[], separation: readonly (readonly Role[])[]): Refusal | undefined {
  for (const set of separation) {
    const held = set.filter((role) => roles.includes(role));
    if (held.length < 2) continue;
    const sentence = `Nobody may be ${held.join(' and ')} here (people.separation).`;
    return refuse('roles_separated', sentence, { public: sentence });
  }
  return undefined;
}
