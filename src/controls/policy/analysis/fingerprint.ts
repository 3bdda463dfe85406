import { obligationsOf } from '../annotations.ts';
import { integersIn } from '../cedar/lexer.ts';
import type { PolicySource } from '../places.ts';

const KNOWN = new WeakMap<PolicySource, string>();

/**
 * Of what a policy does: its effect, head, conditions and obligations. Its id, its reasons, its place and its layout are not
 * part of it. Large integers are rounded in the JSON, so their digits are.
 */
export function fingerprint(policy: PolicySource): string {
  const known = KNOWN.get(policy);
  if (known !== undefined) return known;
  const { effect, principal, action, resource, conditions } = policy.json;
  const asked = obligationsOf(policy).map(({ name, value }) => [name, value]);
  const large = integersIn(policy.text).filter((integer) => integer > Number.MAX_SAFE_INTEGER);
  const text = `${JSON.stringify([effect, principal, action, resource, conditions, asked])} ${large.join(' ')}`;
  KNOWN.set(policy, text);
  return text;
}
