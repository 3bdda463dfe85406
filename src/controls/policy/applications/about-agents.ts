import type { DecisionRequest } from '../../../core/decision.ts';
import { isJsonObject } from '../../../core/json.ts';
import type { EntityRef } from '../../../core/principal.ts';
import type { PolicyEngine } from '../types.ts';
import { ACTIONS } from '../vocabulary.ts';
import type { Named, Question, Verdict } from './question.ts';

/** What the MCP profile of AuthZEN calls the actions that we name as Cedar does. */
const MCP_METHODS: Readonly<Record<string, string>> = {
  'tools/call': 'tool.call',
  'resources/read': 'resource.read',
  'prompts/get': 'prompt.get',
};

const TYPES: Readonly<Record<string, string>> = {
  tool: 'Tool',
  resource: 'Resource',
  prompt: 'Prompt',
  mcp_server: 'Server',
};

export const AGENT_ACTIONS: readonly string[] = Object.keys(ACTIONS).filter((action) =>
  ACTIONS[action]?.principals.includes('Agent'),
);

export type AgentFactsAsked = Omit<DecisionRequest, 'access'>;

/**
 * A question about one of this gateway's agents, decided by the gateway's own policies as a call of it would be. The
 * question's properties count for nothing here: what an agent is, its registration says. `context.arguments` are those of
 * the call.
 */
export function evaluateAgent(engine: PolicyEngine, facts: AgentFactsAsked, question: Question): Verdict {
  const action = MCP_METHODS[question.action.name] ?? question.action.name;
  const resource = resourceOf(question.resource);
  if (!AGENT_ACTIONS.includes(action) || resource === undefined) return denied('not an action or resource of an agent');
  const { arguments: args = {} } = question.context;
  if (!isJsonObject(args)) return denied('context.arguments is not an object');
  const decision = engine.decide({ ...facts, access: { action, resource, args } });
  const [isShown] = engine.visible(facts, [{ action, resource }]);
  // Hidden and nonexistent answer alike, so only what may be seen has a hint.
  const shown = isShown === true ? [...decision.notes.flatMap((note) => note.public ?? []), ...decision.hints] : [];
  return {
    decision: decision.effect === 'permit',
    policies: decision.policies,
    reason: decision.summary,
    public: shown.length === 0 ? undefined : shown.join(' '),
  };
}

function resourceOf({ type, id }: Named): EntityRef | undefined {
  const known = TYPES[type] ?? (Object.values(TYPES).includes(type) ? type : undefined);
  return known === undefined ? undefined : { type: known, id };
}

export function denied(reason: string): Verdict {
  return { decision: false, policies: [], reason, public: undefined };
}
