import type { Beside, Decision } from '../../../core/decision.ts';
import type { Environment } from '../cedar/environment.ts';
import { combine } from '../combine.ts';
import type { PolicySet } from '../policy-set.ts';
import { DEFAULT_DENY } from '../vocabulary.ts';

/** What the set beside says of the same request. Whatever goes wrong in it is said, and changes nothing. */
export function askBeside(set: PolicySet, environment: Environment, unmapped: readonly string[]): Beside {
  try {
    const { effect, policies, errors } = combine(set.evaluate(environment, unmapped), set.digest);
    const isUndecided = effect === 'deny' && policies[0] === DEFAULT_DENY && errors.length === 0;
    return { set: set.digest, effect, isUndecided };
  } catch {
    return { set: set.digest, effect: 'failed', isUndecided: false };
  }
}

/** Characters of the digest in a receipt: enough to tell sets apart that ran here. */
const DIGEST_CHARACTERS = 12;

/** As it stands in a receipt, beside the outcomes of `@shadow` policies: `set:3f9a2c51d0e4:deny`. */
export function besideFact(set: string, effect: Beside['effect']): string {
  return `set:${set.slice(0, DIGEST_CHARACTERS)}:${effect}`;
}

/** For an exchange: as its decisions are taken together. Undefined where no set ran beside. */
export function besideOf(decisions: readonly Decision[]): string | undefined {
  const set = decisions.find(({ beside }) => beside !== undefined)?.beside?.set;
  if (set === undefined) return undefined;
  const effects = decisions.map(({ beside, effect }) => beside?.effect ?? effect);
  const effect = (['failed', 'deny', 'hold'] as const).find((one) => effects.includes(one)) ?? 'permit';
  return besideFact(set, effect);
}

/** Whether a receipt says what this set would have decided. */
export function ranBeside(shadow: readonly string[], set: string): boolean {
  return factOf(shadow, set) !== undefined;
}

/** Whether a receipt says that this set would have decided otherwise than `effect`. */
export function differsBeside(shadow: readonly string[], set: string, effect: Decision['effect']): boolean {
  const found = factOf(shadow, set);
  return found !== undefined && found !== besideFact(set, effect);
}

function factOf(shadow: readonly string[], set: string): string | undefined {
  const prefix = `set:${set.slice(0, DIGEST_CHARACTERS)}:`;
  return shadow.find((fact) => fact.startsWith(prefix));
}
