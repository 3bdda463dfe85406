import type { ServerCatalog } from '../../core/manifest.ts';
import type { EntityRef } from '../../core/principal.ts';
import { type ArgumentRecord, argumentsOf, promptArgumentsOf } from './argument-types.ts';
import { UNDECLARED } from './argument-values.ts';
import { ACTIONS } from './vocabulary.ts';

/** Argument types of what is registered, by action and resource. */
export interface Registered {
  /** undefined: the tool or prompt is not registered. */
  find(action: string, resource: EntityRef): ArgumentRecord | undefined;
  /** Like `find`, for mapping: what is not registered is hidden from policy altogether. */
  argumentsOf(action: string, resource: EntityRef): ArgumentRecord;
  servers: ReadonlySet<string>;
  /** Ids of tools (`server/name`) or prompts with their arguments, in the catalogs' order. */
  entries(type: 'Tool' | 'Prompt'): readonly (readonly [string, ArgumentRecord])[];
}

/** Names of a tool's arguments that are decided element by element, as the operator configured. */
export type Each = (server: string, tool: string) => readonly string[];

export function registerCatalogs(catalogs: readonly ServerCatalog[], each: Each = () => []): Registered {
  const tools = new Map<string, ArgumentRecord>();
  const prompts = new Map<string, ArgumentRecord>();
  for (const { server, ...catalog } of catalogs) {
    for (const { name, inputSchema } of catalog.tools) {
      tools.set(`${server}/${name}`, argumentsOf(inputSchema, each(server, name)));
    }
    for (const { name, raw } of catalog.prompts) prompts.set(`${server}/${name}`, promptArgumentsOf(raw['arguments']));
  }
  const find = (action: string, resource: EntityRef): ArgumentRecord | undefined => {
    // What such an action carries reaches no policy, and is not refused.
    if (ACTIONS[action]?.args === 'none') return UNDECLARED;
    if (action === 'tool.call') return tools.get(resource.id);
    return action === 'prompt.get' ? prompts.get(resource.id) : undefined;
  };
  return {
    find,
    argumentsOf: (action, resource) => find(action, resource) ?? UNDECLARED,
    servers: new Set(catalogs.map((catalog) => catalog.server)),
    entries: (type) => [...(type === 'Tool' ? tools : prompts)],
  };
}
