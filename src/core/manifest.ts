import type { JsonObject } from './json.ts';

/** What an upstream says it offers, as the gateway last read it. Claims, never facts: policy reads schemas only. */
export type ToolDefinition = {
  server: string;
  name: string;
  inputSchema: JsonObject;
  /** The definition as the upstream gave it, parsed; passed on to agents, never interpreted. */
  raw: JsonObject;
};

export type ResourceDefinition = { server: string; uri: string; raw: JsonObject };
export type ResourceTemplateDefinition = { server: string; uriTemplate: string; raw: JsonObject };
export type PromptDefinition = { server: string; name: string; raw: JsonObject };

export type ServerCatalog = {
  server: string;
  tools: readonly ToolDefinition[];
  resources: readonly ResourceDefinition[];
  templates: readonly ResourceTemplateDefinition[];
  prompts: readonly PromptDefinition[];
  /** SHA-256, hex, over the canonical form of all of it. */
  digest: string;
};
