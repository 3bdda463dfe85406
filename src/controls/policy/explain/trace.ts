import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import type { Decision } from '../../../core/decision.ts';
import type { Closure, Environment } from '../cedar/environment.ts';
import { compileExpression } from '../cedar/expression.ts';
import { asObject, type CedarJson, isArray } from '../cedar/json-values.ts';
import { integerOfDouble } from '../cedar/literals.ts';
import type { Conjunct } from '../cedar/policy.ts';
import { Failure } from '../cedar/results.ts';
import { describeValue } from '../cedar/values.ts';
import type { LoadedOutcome, LoadedPolicy } from '../combine.ts';
import type { ClauseValue, PolicyTrace } from '../types.ts';
import { DEFAULT_DENY } from '../vocabulary.ts';

/** The slow half of a refusal: which clause of each policy in scope failed, and what it saw. */
export function explainOutcomes(outcomes: readonly LoadedOutcome[], environment: Environment): PolicyTrace[] {
  return outcomes.map(({ policy, result }) => ({
    id: policy.id,
    effect: policy.effect,
    at: policy.note.at,
    outcome: result === true ? 'satisfied' : result instanceof Failure ? 'error' : 'unsatisfied',
    shadow: policy.role === 'shadow',
    error: result instanceof Failure ? result.message : undefined,
    clause: clauseOf(policy, environment),
  }));
}

const VALUE_CHARACTERS_MAX = 200;
const CLAUSES_MAX = 3;

/** For the operator's reason: the clauses that decided, with what they saw. A few microseconds, and only for a deny. */
export function clausesBehind(
  decision: Decision,
  outcomes: readonly LoadedOutcome[],
  environment: Environment,
): string {
  const isImplicit = decision.policies[0] === DEFAULT_DENY;
  const deciding = outcomes.filter(({ policy }) =>
    isImplicit ? policy.role === 'permit' : decision.policies.includes(policy.id),
  );
  const lines = deciding.slice(0, CLAUSES_MAX).flatMap(({ policy, result }) => {
    const clause = result === true ? lastClauseOf(policy, environment) : clauseOf(policy, environment);
    return clause === undefined ? [] : [`${policy.id}: ${clause.text}${seen(clause.values)}`];
  });
  return lines.join('. ');
}

function seen(values: readonly ClauseValue[]): string {
  return values.length === 0 ? '' : `, where ${values.map(({ path, value }) => `${path} is ${value}`).join(', ')}`;
}

/** Of a policy that is satisfied: the conjunct that came last. */
export function lastClauseOf(policy: LoadedPolicy, environment: Environment): PolicyTrace['clause'] {
  const last = policy.conjuncts?.at(-1);
  return last === undefined ? undefined : readClause(last, environment);
}

/** The first conjunct that is not true; undefined where all are, or where closures do not run the policy. */
function clauseOf(policy: LoadedPolicy, environment: Environment): PolicyTrace['clause'] {
  const failing = policy.conjuncts?.find((conjunct) => conjunct.evaluate(environment) !== true);
  return failing === undefined ? undefined : readClause(failing, environment);
}

function readClause(conjunct: Conjunct, environment: Environment): NonNullable<PolicyTrace['clause']> {
  const { text, paths } = clauseOfConjunct(conjunct);
  return { text, values: paths.map(({ path, read }) => ({ path, value: shorten(describeValue(read(environment))) })) };
}

type ReadClause = { text: string; paths: readonly { path: string; read: Closure }[] };

/** Made once for each clause that ever failed: what is left for later refusals is reading the values. */
const CLAUSES = new WeakMap<Conjunct, ReadClause>();

function clauseOfConjunct(conjunct: Conjunct): ReadClause {
  const known = CLAUSES.get(conjunct);
  if (known !== undefined) return known;
  const clause = { text: clauseText(conjunct), paths: pathsOf(conjunct.expression) };
  CLAUSES.set(conjunct, clause);
  return clause;
}

/** Cedar's own spelling, since the JSON form has lost the author's. Its reader of JSON goes less deep than its parser. */
function clauseText({ expression, negated }: Conjunct): string {
  const kind = negated ? 'unless' : 'when';
  const all = { op: 'All' } as const;
  const conditions: cedar.Clause[] = [{ kind, body: expression as cedar.Expr }];
  try {
    const answer = cedar.policyToText({ effect: 'permit', principal: all, action: all, resource: all, conditions });
    if (answer.type === 'failure') return NOT_SHOWN;
    return answer.text.slice(answer.text.indexOf(kind)).replace(/;\s*$/, '');
  } catch {
    return NOT_SHOWN;
  }
}

const NOT_SHOWN = '(a clause that is too deep to be shown)';

/** Every attribute path in the clause, each once. */
function pathsOf(expression: CedarJson): ReadClause['paths'] {
  const paths = new Map(pathsIn(expression).map(({ path, node }) => [path, node]));
  return [...paths].map(([path, node]) => ({ path, read: compileExpression(node, integerOfDouble) }));
}

function shorten(text: string): string {
  return text.length > VALUE_CHARACTERS_MAX ? `${text.slice(0, VALUE_CHARACTERS_MAX)}…` : text;
}

type Path = { path: string; node: CedarJson };

function pathsIn(json: CedarJson): Path[] {
  if (typeof json !== 'object') return [];
  if (isArray(json)) return json.flatMap(pathsIn);
  const path = pathOf(json);
  if (path !== undefined) return path.includes('.') ? [{ path, node: json }] : [];
  const asked = json['has'] === undefined ? undefined : asObject(json['has'])['left'];
  const inside = asked === undefined ? Object.values(json) : [asked];
  return inside.flatMap(pathsIn);
}

function pathOf(json: CedarJson | undefined): string | undefined {
  if (typeof json !== 'object' || isArray(json)) return undefined;
  if (typeof json['Var'] === 'string') return json['Var'];
  if (json['.'] === undefined) return undefined;
  const { left, attr } = asObject(json['.']);
  const before = pathOf(left);
  return before === undefined || typeof attr !== 'string' ? undefined : `${before}.${attr}`;
}
