import type { JsonObject } from '../../../core/json.ts';
import type { Environment } from '../cedar/environment.ts';
import type { CedarJson } from '../cedar/json-values.ts';
import { compilePolicy, evaluateConditions } from '../cedar/policy.ts';
import { type Result, UNKNOWN } from '../cedar/results.ts';
import { scopeMatches } from '../cedar/scope.ts';
import { type LoadedPolicy, loadedPolicy } from '../combine.ts';
import type { PolicySource } from '../places.ts';
import { type Cell, environmentFor } from './cell.ts';
import { chainsIn } from './expression.ts';
import { type Options, optionsOf } from './options.ts';
import { conditionsOf, type Slot, type Slots, slotsOf } from './slots.ts';

/** A policy ready to be asked about cells. */
export type Ready = {
  loaded: LoadedPolicy;
  source: PolicySource;
  /** Whether its conditions look at that variable; of `args`, at anything that depends on what is sent. */
  reads: (root: 'principal' | 'resource' | 'chain' | 'args') => boolean;
};

export function ready(sources: readonly PolicySource[]): Ready[] {
  return sources.map((source, at) => {
    const chains = conditionsOf(source).flatMap(chainsIn);
    const looked = new Set(chains.map(({ root, names }) => (root === 'context' ? whereIn(names) : root)));
    const reads = (root: string): boolean => looked.has(root);
    return { loaded: loadedPolicy(compilePolicy(source, at), source), source, reads };
  });
}

function whereIn([first]: readonly string[]): string {
  return first === 'run' || first === 'chain' || first === 'credential' || first === 'protocol' ? first : 'args';
}

const NO_SLOTS: readonly Slot[] = [];

export function inScope(policies: readonly Ready[], cell: Cell): Ready[] {
  const environment = environmentFor(cell, NO_SLOTS, new Map());
  return policies.filter(({ loaded }) => scopeMatches(loaded.scope, environment));
}

export function resultOf({ loaded }: Ready, environment: Environment): Result {
  return loaded.conjuncts === undefined ? UNKNOWN : evaluateConditions(loaded.conjuncts, environment);
}

/** What there is to walk for some policies in one cell. */
export type Space = { slots: Slots; options: Options; keysOf(policy: Ready): readonly string[] };

/** @param listedOnly take a schema's `enum` at its word: for lint, since a difference must hold for whatever is sent. */
export function spaceOf(
  cell: Cell,
  policies: readonly Ready[],
  schema: JsonObject | undefined,
  listedOnly = false,
): Space {
  const slotsFor = (json: CedarJson): readonly Slot[] => slotsOf([json], cell.action, cell.args, schema).slots;
  const sources = policies.map(({ source }) => source);
  const slots = slotsOf(sources.flatMap(conditionsOf), cell.action, cell.args, schema);
  const options = optionsOf(cell, slots, sources, slotsFor, listedOnly);
  const known = new Map<Ready, readonly string[]>();
  const keysOf = (policy: Ready): readonly string[] => {
    const keys =
      known.get(policy) ??
      conditionsOf(policy.source)
        .flatMap(slotsFor)
        .map(({ key }) => key);
    known.set(policy, keys);
    return keys;
  };
  return { slots, options, keysOf };
}

/** Cells that none of these policies can tell apart have the same key. */
export function cellKey(cell: Cell, policies: readonly Ready[]): string {
  const reads = (what: Parameters<Ready['reads']>[0]): boolean => policies.some((policy) => policy.reads(what));
  const { agent, principal, resource } = cell;
  const who = reads('principal') || reads('chain');
  return JSON.stringify([
    cell.action,
    who ? [principal, agent] : [principal.type, agent.jobs, agent.purposes],
    reads('resource') ? resource : resource.type,
    reads('args') ? resource.id : null,
  ]);
}
