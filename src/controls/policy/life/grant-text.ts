import type { Decision } from '../../../core/decision.ts';
import type { EntityRef } from '../../../core/principal.ts';
import type { LoadedOutcome } from '../combine.ts';
import { ACTIONS } from '../vocabulary.ts';
import type { OpenGrant } from './rules.ts';

/** Ids of grants' policies begin so; no policy of a set may. */
export const GRANT_PREFIX = 'grant:';

export type GrantAsked = {
  agent: string;
  actions: readonly string[];
  resource: EntityRef;
  /** Cedar condition over `principal`, `resource` and `context`. */
  when: string | undefined;
};

/** A grant as Cedar: one permit, for one agent, that names what it permits. */
export function grantText(id: string, { agent, actions, resource, when }: GrantAsked, reason: string): string {
  const named = actions.map((action) => `Action::${quoted(action)}`);
  const action = named.length === 1 ? `action == ${named[0]}` : `action in [${named.join(', ')}]`;
  const entity = `${resource.type}::${quoted(resource.id)}`;
  const scope = `principal == Agent::${quoted(agent)}, ${action}, resource ${holds(actions, resource) ? 'in' : '=='} ${entity}`;
  // On lines of its own, so that a comment at its end takes nothing with it.
  const condition = when === undefined ? '' : `\nwhen {\n  ${when}\n}`;
  return `@id(${quoted(GRANT_PREFIX + id)}) @reason(${quoted(reason)})\npermit (${scope})${condition};`;
}

/** A server, where the action is on what it serves. */
function holds(actions: readonly string[], { type }: EntityRef): boolean {
  return type === 'Server' && !actions.every((action) => ACTIONS[action]?.resources.includes('Server') ?? false);
}

/** A string literal of Cedar's: nothing that is quoted ends it. */
function quoted(text: string): string {
  const literal = text.replace(/["\\\p{Cc}]/gu, (character) =>
    character === '"' || character === '\\' ? `\\${character}` : `\\u{${character.charCodeAt(0).toString(16)}}`,
  );
  return `"${literal}"`;
}

/** Says of a permit that only temporary privilege gives until when it holds. */
export function restsOn(
  decision: Decision,
  outcomes: readonly LoadedOutcome[],
  grants: readonly OpenGrant[],
): Decision {
  if (grants.length === 0 || decision.effect === 'deny') return decision;
  const permits = outcomes.filter(({ policy, result }) => policy.role === 'permit' && result === true);
  const ids = permits.map(({ policy }) => policy.id);
  const found = grants.filter(({ policy }) => ids.includes(policy));
  if (found.length < ids.length) return decision;
  const until = Math.max(...found.map(({ expires_at }) => expires_at));
  return { ...decision, rests_on: { grants: found.map(({ policy }) => policy), until } };
}
