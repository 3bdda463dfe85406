import type { EntityRef } from '../../../core/principal.ts';
import { ACTIONS, SERVED_TYPES } from '../vocabulary.ts';
import { headOf } from './head.ts';
import type { Found } from './lint.ts';
import { nearest } from './near.ts';
import type { Registration } from './registration.ts';
import type { Ready } from './scoped.ts';
import { offsetOf } from './spans.ts';
import type { Finding } from './types.ts';
import { listed } from './words.ts';
import { namedIn, type World } from './world.ts';

/**
 * Names that nobody has. A folder of files does not know all that is registered, so there a name that is merely not known
 * is no fault; one that looks like a known name is.
 */
export function unknownNames(policy: Ready, world: World, registration: Registration, matches: boolean): Found[] {
  const found = namedIn(policy.source).flatMap((entity) => unknown(policy, entity, world, registration));
  if (found.length > 0 || matches) return dedupe(found);
  return noSuchCombination(policy);
}

function dedupe(found: readonly Found[]): Found[] {
  return [...new Map(found.map((one) => [one.message, one])).values()];
}

function unknown(policy: Ready, entity: EntityRef, world: World, registration: Registration): Found[] {
  const { type, id } = entity;
  const known = knownOf(type, id, world, registration);
  if (known === undefined || known.includes(id)) return [];
  const meant = nearest(id, known);
  if (meant === undefined && !registration.complete) return [];
  const what = type === 'Agent' ? 'agent' : type.toLowerCase();
  const message = `No ${what} ${id} is registered, so ${policy.source.id} does nothing for it.`;
  return [
    {
      kind: 'unregistered',
      severity: 'warning',
      message,
      help: helpFor(what, id, meant, known),
      offset: offsetOf(policy.source, id),
    },
  ];
}

/** undefined where nobody knows which there are: a server that is configured may not have told yet what it offers. */
function knownOf(
  type: string,
  id: string,
  world: World,
  { catalogs, agents, servers }: Registration,
): string[] | undefined {
  if (type === 'Agent') return world.agentsKnown ? agents.map((agent) => agent.id) : undefined;
  const known = [...new Set([...servers, ...catalogs.map(({ server }) => server)])];
  if (known.length === 0) return undefined;
  if (type === 'Server') return known;
  if (type !== 'Tool' && type !== 'Prompt') return undefined;
  const slash = id.indexOf('/');
  // As a principal, `Tool::"github"` is the server itself.
  if (slash < 0) return known;
  const catalog = catalogs.find(({ server }) => server === id.slice(0, slash));
  if (catalog === undefined)
    return known.includes(id.slice(0, slash)) ? undefined : known.map((server) => `${server}/…`);
  return (type === 'Tool' ? catalog.tools : catalog.prompts).map(({ name }) => `${catalog.server}/${name}`);
}

function helpFor(what: string, id: string, meant: string | undefined, known: readonly string[]): string {
  if (meant !== undefined) return `Did you mean ${meant}?`;
  const some = known.length === 0 ? 'There is none.' : `There is ${listed(known)}.`;
  return what === 'agent' ? `Register it: sallyport agent add ${id} --job <job>. ${some}` : some;
}

/** Everything that it names exists, and yet nothing has all of it: the action is not one of such a resource. */
function noSuchCombination({ source }: Ready): Found[] {
  const { actions, resource, principal } = headOf(source);
  const types = [...new Set(actions.flatMap((action) => ACTIONS[action]?.resources ?? []))];
  const named = resource.kind === 'equals' ? resource.entity.type : resource.kind === 'is' ? resource.type : undefined;
  const wrongType = named !== undefined && !types.includes(named);
  const wrongServer = resource.kind === 'within' && !types.some((type) => SERVED_TYPES.includes(type));
  const wrongWho =
    principal.kind === 'equals' &&
    !actions.some((action) => ACTIONS[action]?.principals.includes(principal.entity.type));
  if (!wrongType && !wrongServer && !wrongWho) return [];
  const what = wrongWho
    ? `a ${principal.kind === 'equals' ? principal.entity.type : ''} never asks for it`
    : `it is asked of a ${listed(types)}`;
  const message = `${source.id} can never match: ${listed(actions.slice(0, 3))} in the head, and ${what}.`;
  const help = wrongWho
    ? 'Take the principal that asks: Agent, or Tool::"server" for what a server asks.'
    : `Write resource is ${types[0] ?? 'Tool'}, or name one.`;
  return [{ kind: 'unreachable', severity: 'warning', message, help }];
}

/** Of each server, the tools that nobody speaks of: nobody may call them, which may be meant. */
export function unmentioned(policies: readonly Ready[], { catalogs }: Registration): Finding[] {
  const heads = policies.map(({ source }) => headOf(source));
  const speaks = (id: string): boolean =>
    heads.some(({ resource, actions }) => {
      if (!actions.includes('tool.call')) return false;
      if (resource.kind === 'any') return true;
      if (resource.kind === 'equals') return resource.entity.type === 'Tool' && resource.entity.id === id;
      if (resource.kind === 'is') {
        return resource.type === 'Tool' && (resource.within === undefined || id.startsWith(`${resource.within.id}/`));
      }
      return resource.entities.some((entity) => entity.id === id || id.startsWith(`${entity.id}/`));
    });
  return catalogs.flatMap(({ server, tools }): Finding[] => {
    const silent = tools.map(({ name }) => `${server}/${name}`).filter((id) => !speaks(id));
    if (silent.length === 0) return [];
    const count = silent.length === tools.length ? `anything of ${server}` : listed(silent);
    return [
      {
        kind: 'unmentioned',
        severity: 'note',
        file: '.',
        line: 1,
        column: 1,
        policy: undefined,
        message: `No policy mentions ${count}: nobody may call ${silent.length === 1 ? 'it' : 'them'}.`,
        help: `If somebody should: permit (principal == Agent::"…", action == Action::"tool.call", resource == Tool::"${silent[0]}");`,
      },
    ];
  });
}
