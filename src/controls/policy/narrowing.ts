import { obligationsOf } from './annotations.ts';
import { integersIn } from './cedar/lexer.ts';
import type { PolicySource } from './places.ts';
import type { PolicyChange, Proposal } from './types.ts';

/**
 * Whether an edit can only take away. Judged by structure and not by meaning: a permit that is in any way new may widen, a
 * prohibition that is not there unchanged may widen. What is not enforced (`@shadow`) does not count.
 */
export type Change = Pick<Proposal, 'added' | 'removed' | 'widens' | 'changes'>;

export function compareSets(before: readonly PolicySource[], after: readonly PolicySource[]): Change {
  const old = new Set(before.map(fingerprint));
  const now = new Set(after.map(fingerprint));
  const added = after.filter((policy) => !old.has(fingerprint(policy)));
  const removed = before.filter((policy) => !now.has(fingerprint(policy)));
  const widens = [
    ...added
      .filter(isEnforced)
      .flatMap((policy) => (policy.effect === 'permit' ? [`the permit ${policy.id} is new or changed`] : [])),
    ...removed.filter(isEnforced).flatMap(widensByGoing),
  ];
  const ids = (policies: readonly PolicySource[]): string[] => [...new Set(policies.map((policy) => policy.id))];
  return { added: ids(added), removed: ids(removed), widens, changes: textsOf(removed, added) };
}

/** Side by side by id. Ids are unique in a set. */
function textsOf(removed: readonly PolicySource[], added: readonly PolicySource[]): PolicyChange[] {
  const textOf = (policies: readonly PolicySource[], id: string) => policies.find((policy) => policy.id === id)?.text;
  const ids = new Set([...added, ...removed].map(({ id }) => id));
  return [...ids].map((id) => ({ id, before: textOf(removed, id), after: textOf(added, id) }));
}

function isEnforced(policy: PolicySource): boolean {
  return policy.annotations['shadow'] === undefined;
}

function widensByGoing(policy: PolicySource): string[] {
  if (policy.effect === 'forbid') return [`the forbid ${policy.id} is gone or changed`];
  // Obligations of all satisfied permits apply, so another permit would go on without these.
  const asked = obligationsOf(policy).map(({ name }) => `@${name}`);
  return asked.length === 0 ? [] : [`the permit ${policy.id} is gone or changed, and with it ${asked.join(', ')}`];
}

const FINGERPRINTS = new WeakMap<PolicySource['json'], string>();

/** Of everything that the policy says; layout and comments are not part of it. Large integers are rounded in the JSON. */
function fingerprint(policy: PolicySource): string {
  const known = FINGERPRINTS.get(policy.json);
  if (known !== undefined) return known;
  const large = integersIn(policy.text).filter((integer) => integer > Number.MAX_SAFE_INTEGER);
  const made = `${JSON.stringify(policy.json)} ${large.join(' ')}`;
  FINGERPRINTS.set(policy.json, made);
  return made;
}
