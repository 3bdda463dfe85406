import { createHash } from 'node:crypto';
import type { Clause, Expr, PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import type { DecisionRequest } from '../../../core/decision.ts';
import { obligationsOf } from '../annotations.ts';
import type { CedarJson } from '../cedar/json-values.ts';
import { integersIn } from '../cedar/lexer.ts';
import type { Conjunct } from '../cedar/policy.ts';
import { Failure } from '../cedar/results.ts';
import type { LoadedOutcome, LoadedPolicy } from '../combine.ts';
import type { PolicySource } from '../places.ts';
import { and, exactly, headOf, type Named, or, policyText, unlessText, withFirstClause } from './cedar-text.ts';
import type { Evaluated } from './evaluation.ts';
import { type Pin, pinsOf } from './pins.ts';

/** One policy of the change: `before` is undefined where it is new. */
export type Edit = { policy: string; file: string; before: PolicySource | undefined; after: string };

/** Refused accesses of one exchange that name the same principal, action and resource. */
export type Refused = { named: Named; accesses: readonly Known[] };
export type Known = Evaluated & { environment: NonNullable<Evaluated['environment']> };

export type Words = 'kept' | 'pinned';

const FILE_OF_NEW = 'exceptions.cedar';

/**
 * What would have to be written to permit these accesses, and nothing beside them: every prohibition that stood in the way
 * gets an exemption for exactly them, and where no permit held, one is added after the nearest that did not.
 * @param words `kept`: clauses of the nearest permit that held are written again; `pinned`: this call's values stand for them
 *   too, since a clause may be one that would not load anew.
 * @returns undefined where Cedar cannot be made to say it.
 */
export function editsFor(refused: readonly Refused[], taken: ReadonlySet<string>, words: Words): Edit[] | undefined {
  const edits: (Edit | undefined)[] = obstacles(refused).map((policy) => exemption(policy, refused));
  const ids = new Set(taken);
  for (const group of refused) {
    const accesses = unpermitted(group.accesses);
    if (accesses.length === 0) continue;
    const added = newPermit({ ...group, accesses }, ids, words);
    if (added !== undefined) ids.add(added.policy);
    edits.push(added);
  }
  const whole = edits.filter((edit) => edit !== undefined);
  return whole.length === edits.length ? whole : undefined;
}

/** Prohibitions that hold or fail, and permits that fail on what policy cannot see: each alone is a refusal. */
function obstacles(refused: readonly Refused[]): LoadedPolicy[] {
  const stopping = refused.flatMap(({ accesses }) => accesses.flatMap(({ outcomes }) => outcomes.filter(isObstacle)));
  return [...new Set(stopping.map(({ policy }) => policy))];
}

function isObstacle({ policy, result }: LoadedOutcome): boolean {
  const unreadable = result instanceof Failure && result.kind === 'unmapped';
  const prohibits = policy.effect === 'forbid' && (result === true || result instanceof Failure);
  return policy.role !== 'shadow' && (unreadable || prohibits);
}

function unpermitted(accesses: readonly Known[]): Known[] {
  return accesses.filter(
    ({ outcomes }) => !outcomes.some(({ policy, result }) => policy.role === 'permit' && result === true),
  );
}

function exemption(policy: LoadedPolicy, refused: readonly Refused[]): Edit | undefined {
  const { id, file, text } = policy.source;
  let after: string | undefined = text;
  for (const { named, accesses } of refused) {
    const stopped = accesses.filter(({ outcomes }) => outcomes.some((one) => one.policy === policy && isObstacle(one)));
    if (stopped.length === 0 || after === undefined) continue;
    const shapes = stopped.map((one) => [...work(one), ...pinsOf(policy.conjuncts ?? [], one.environment)]);
    const clause = unlessText(and([...exactly(named), ...oneOf(shapes)]));
    after = clause && withFirstClause(after, clause);
  }
  if (after === undefined) return undefined;
  return { policy: id, file, before: policy.source, after };
}

/** One shape as its own conditions; several as a choice between them. */
function oneOf(shapes: readonly (readonly Pin[])[]): CedarJson[] {
  const each = new Map(shapes.map((shape) => [JSON.stringify(shape), shape]));
  const [first = [], ...more] = each.values();
  return more.length === 0 ? [...first] : [or([first, ...more].map(and))];
}

/** What the run is of: granted, so no request can claim another. */
function work({ request: { principal, run } }: Evaluated): Pin[] {
  if (principal.type !== 'Agent') return [];
  const job: CedarJson = { '.': { left: { '.': { left: { Var: 'context' }, attr: 'run' } }, attr: 'job' } };
  return [{ '==': { left: job, right: { Value: run.job } } }];
}

/** After the nearest permit in scope: its clauses that held stay, those that failed become this call's own values. */
function newPermit({ named, accesses }: Refused, taken: ReadonlySet<string>, words: Words): Edit | undefined {
  const nearest = nearestPermit(accesses);
  const clauses = nearest?.conjuncts ?? [];
  const kept = clauses.filter((one) => words === 'kept' && accesses.every((access) => holds(one, access)));
  const failed = clauses.filter((one) => !kept.includes(one));
  const shapes = accesses.map((access) => [...work(access), ...pinsOf(failed, access.environment)]);
  const asked = kept.filter(({ negated }) => !negated).map(({ expression }) => expression);
  const id = nameOf(named, nearest?.policy.id, taken);
  const json: PolicyJson = {
    effect: 'permit',
    ...headOf(named),
    annotations: annotationsOf(id, named, nearest?.policy),
    conditions: [when([...oneOf(shapes), ...asked]), ...kept.filter(({ negated }) => negated).map(unless)],
  };
  const after = policyText(json);
  if (after === undefined) return undefined;
  return { policy: id, file: nearest?.policy.source.file ?? FILE_OF_NEW, before: undefined, after };
}

function when(parts: readonly CedarJson[]): Clause {
  const each = new Map(parts.map((part) => [JSON.stringify(part), part]));
  return { kind: 'when', body: and([...each.values()]) as Expr };
}

function unless({ expression }: Conjunct): Clause {
  return { kind: 'unless', body: expression as Expr };
}

function holds(conjunct: Conjunct, { environment }: Known): boolean {
  return conjunct.evaluate(environment) === true;
}

type Nearest = { policy: LoadedPolicy; conjuncts: readonly Conjunct[] };

/** The permit that failed in the fewest clauses, of those whose head matches all accesses. */
function nearestPermit(accesses: readonly Known[]): Nearest | undefined {
  const [first] = accesses;
  let best: (Nearest & { failed: number }) | undefined;
  for (const { policy } of first?.outcomes ?? []) {
    const { conjuncts } = policy;
    if (policy.role !== 'permit' || conjuncts === undefined || !isPlain(policy.source)) continue;
    const failed = conjuncts.filter((one) => !accesses.every((access) => holds(one, access))).length;
    if (best === undefined || failed < best.failed) best = { policy, conjuncts, failed };
  }
  return best;
}

/** Cedar's JSON form rounds integers beyond 2^53: a clause written again from it would say something else. */
function isPlain({ text }: PolicySource): boolean {
  return integersIn(text).every((integer) => integer <= BigInt(Number.MAX_SAFE_INTEGER));
}

const ID_CHARACTERS_MAX = 80;

function nameOf(named: Named, nearest: string | undefined, taken: ReadonlySet<string>): string {
  const { principal, action, resource } = named;
  const words = [nearest ?? `allow-${action.id}-${resource.id}`, 'for', principal.id].join('-');
  const plain = words
    .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
    .slice(0, ID_CHARACTERS_MAX)
    .replace(/^[^A-Za-z0-9]+/, '');
  const digest = createHash('sha256')
    .update(JSON.stringify([named, nearest]))
    .digest('hex');
  const free = [plain, `${plain}-${digest.slice(0, 8)}`, `${plain}-${digest.slice(0, 16)}`].find(
    (id) => !taken.has(id),
  );
  return free ?? `allow-${digest.slice(0, 32)}`;
}

/** What the nearest permit asks of whoever uses it (masks, limits) is asked here too. */
function annotationsOf(
  id: string,
  { principal, action, resource }: Named,
  nearest: LoadedPolicy | undefined,
): Record<string, string> {
  const obligations = nearest === undefined ? [] : obligationsOf(nearest.source);
  return {
    id,
    reason: oneLine(
      `${principal.id} may ${action.id} on ${resource.id}${nearest === undefined ? '' : `, beside ${nearest.id}`}.`,
    ),
    ...Object.fromEntries(obligations.map(({ name, value }) => [name, value])),
  };
}

/** Names come from the wire; an annotation is one sentence without control characters. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?').slice(0, 400);
}

/** The request's own three names, as Cedar writes them. */
export function namedBy({ principal, access }: DecisionRequest): Named {
  const { action, resource } = access;
  return { principal, action: { type: 'Action', id: action }, resource };
}
