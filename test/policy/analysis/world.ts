import type { KnownAgent, Registration } from '../../../src/controls/policy/index.ts';
import { FULFILLABLE } from '../../../src/controls/policy/index.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import type { ServerCatalog } from '../../../src/core/manifest.ts';

/** Agents and servers as a small company has them: arguments of every type that policy knows, and of some that it does not. */
const TOOLS: Readonly<Record<string, JsonObject>> = {
  'files/read': {
    type: 'object',
    properties: { path: { type: 'string' }, head: { type: 'integer' } },
    required: ['path'],
  },
  'files/write': {
    type: 'object',
    properties: { path: { type: 'string' }, text: { type: ['string', 'null'] }, append: { type: 'boolean' } },
    required: ['path', 'text'],
  },
  'github/create_issue': {
    type: 'object',
    properties: {
      owner: { type: 'string' },
      repo: { type: 'string' },
      title: { type: 'string' },
      labels: { type: 'array', items: { type: 'string' } },
      milestone: { type: 'integer' },
      state: { enum: ['open', 'closed'] },
    },
    required: ['owner', 'repo', 'title'],
  },
  'pay/refund': {
    type: 'object',
    properties: {
      amount: { type: 'number' },
      customer: { type: 'string' },
      note: { type: 'object', properties: { kind: { type: 'string' }, urgent: { type: 'boolean' } } },
    },
    required: ['amount'],
  },
  'tickets/tag': {
    type: 'object',
    properties: { tags: { type: 'array', items: { enum: ['urgent', 'later'] } } },
    required: ['tags'],
  },
  'web/fetch': {
    type: 'object',
    properties: {
      host: { type: 'string' },
      port: { type: 'integer' },
      headers: { type: 'array', items: { type: 'object' } },
    },
    required: ['host'],
    additionalProperties: true,
  },
};

function catalogs(): ServerCatalog[] {
  const servers = new Map<string, ServerCatalog['tools'][number][]>();
  for (const [id, inputSchema] of Object.entries(TOOLS)) {
    const [server = '', name = ''] = id.split('/');
    servers.set(server, [...(servers.get(server) ?? []), { server, name, inputSchema, raw: {} }]);
  }
  return [...servers].map(([server, tools]) => ({
    server,
    tools,
    resources: server === 'files' ? [{ server, uri: 'file:///reports/q3', raw: {} }] : [],
    templates: [],
    prompts: server === 'files' ? [{ server, name: 'summary', raw: { arguments: [{ name: 'topic' }] } }] : [],
    digest: server,
  }));
}

const agent = (id: string, jobs: string[], purposes: string[] = []): KnownAgent => ({
  id,
  owner: 'ops',
  version: '1',
  jobs,
  purposes,
});

export const AGENTS: readonly KnownAgent[] = [
  agent('triage', ['triage', 'report'], ['support']),
  agent('builder', ['build']),
  agent('clerk', ['refund', 'triage'], ['support', 'audit']),
];

export const WORLD: Registration = {
  catalogs: catalogs(),
  agents: AGENTS,
  servers: ['asleep'],
  complete: true,
  fulfillable: FULFILLABLE,
};
export { TOOLS };
