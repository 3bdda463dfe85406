import type { Decision } from '../../core/decision.ts';
import { DEFAULT_DENY, LIST_WHAT_YOU_MAY_USE } from './vocabulary.ts';

/**
 * Everybody may ask what there is, for the answer shows only what they may use; where no policy speaks of it, that is the
 * rule. A `forbid` counts, and so does one that fails.
 */
export function discovered(decision: Decision): Decision {
  const own = ruled(decision);
  // The same rule holds for a set beside.
  return own.beside?.isUndecided === true ? { ...own, beside: { ...own.beside, effect: 'permit' } } : own;
}

function ruled(decision: Decision): Decision {
  const isUndecided = decision.effect === 'deny' && decision.policies[0] === DEFAULT_DENY;
  if (!isUndecided || decision.errors.length > 0) return decision;
  return { ...decision, effect: 'permit', code: undefined, policies: [LIST_WHAT_YOU_MAY_USE] };
}
