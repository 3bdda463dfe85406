import type { JsonObject, JsonValue } from '../../../core/json.ts';
import type { ClaimValue, WorkloadRule } from './contract.ts';

/** The first rule whose every claim the token carries. Values are compared as they are: no pattern, no case folding. */
export function ruleFor(claims: JsonObject, rules: readonly WorkloadRule[]): WorkloadRule | undefined {
  return rules.find((rule) =>
    Object.entries(rule.claims).every(
      ([name, wanted]) => Object.hasOwn(claims, name) && holds(claims[name], [wanted].flat() as ClaimValue[]),
    ),
  );
}

/** A claim that is a list, such as groups, holds a value that is in it. */
function holds(found: JsonValue | undefined, wanted: readonly ClaimValue[]): boolean {
  const values = Array.isArray(found) ? found : [found];
  return values.some((value) => wanted.some((one) => one === value));
}
