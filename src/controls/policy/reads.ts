import { asObject, type CedarJson, isArray } from './cedar/json-values.ts';
import type { PolicySource } from './places.ts';

/** Which arguments a policy's conditions look at, by its text alone. */
export type ArgumentReads = {
  /** Paths below `context.args`: `[['filter', 'name'], ['path']]`. */
  paths: readonly (readonly string[])[];
  /** Whether it looks at `context` or `context.args` as a whole, by comparing them or putting them into a set. */
  whole: boolean;
};

export function argumentReads(policy: PolicySource): ArgumentReads {
  const paths: string[][] = [];
  let whole = false;
  const visit = (json: CedarJson): void => {
    if (typeof json !== 'object') return;
    if (isArray(json)) return void json.forEach(visit);
    const chain = chainOf(json);
    if (chain === undefined) return void Object.values(json).forEach(visit);
    if (chain.length === 0 || (chain.length === 1 && chain[0] === 'args')) whole ||= !chain.asked;
    else if (chain[0] === 'args') paths.push(chain.slice(1));
  };
  for (const condition of policy.json.conditions) visit(condition.body as CedarJson);
  return { paths, whole };
}

/** Whether a policy's conditions look at the delegation's chain. */
export function readsDelegation({ json }: PolicySource): boolean {
  const visit = (part: CedarJson): boolean => {
    if (typeof part !== 'object') return false;
    if (isArray(part)) return part.some(visit);
    const chain = chainOf(part);
    if (chain === undefined) return Object.values(part).some(visit);
    return chain[0] === 'chain';
  };
  return json.conditions.some(({ body }) => visit(body as CedarJson));
}

/** Whether a policy's conditions may tell two runs of the same job, user and delegation apart. */
export function readsRunIdentity({ json }: PolicySource): boolean {
  const visit = (part: CedarJson): boolean => {
    if (typeof part !== 'object') return false;
    if (isArray(part)) return part.some(visit);
    const chain = chainOf(part);
    if (chain === undefined) return Object.values(part).some(visit);
    const isWhole = chain.length === 0 || (chain.length === 1 && chain[0] === 'run');
    return isWhole ? !chain.asked : chain[0] === 'run' && chain[1] === 'id';
  };
  return json.conditions.some(({ body }) => visit(body as CedarJson));
}

/** `asked`: the chain ends in `has`, which looks at a name and at no value. */
type Chain = string[] & { asked?: boolean };

/** The names after `context`, where the node is such a chain; undefined where it is anything else. */
function chainOf(json: CedarJson): Chain | undefined {
  if (typeof json !== 'object' || isArray(json)) return undefined;
  if (json['Var'] === 'context') return [];
  const step = json['.'] ?? json['has'];
  if (step === undefined) return undefined;
  const { left, attr } = asObject(step);
  const before: Chain | undefined = left === undefined ? undefined : chainOf(left);
  if (before === undefined) return undefined;
  const names = isArray(attr) ? attr : [attr];
  const chain: Chain = [...before, ...names.filter((name) => typeof name === 'string')];
  chain.asked = json['has'] !== undefined;
  return chain;
}
