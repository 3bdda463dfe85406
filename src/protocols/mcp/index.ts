/**
 * The Model Context Protocol, from both sides. To agents the gateway is a server over Streamable HTTP, in the stateless
 * revision (2026-07-28) and in those with sessions (2025), on one endpoint; to the servers behind it, it is a client.
 * Between the two stands the table: a message is read to its end, understood, decided, recorded and written anew.
 *
 * Its attackers are an agent that says one thing in a header and another in the body, a server whose lists, questions and
 * addresses are made to be believed, and either of them with more bytes, frames or pages than anyone asked for. It decides
 * nothing itself. Rejected: the SDK on the request path (it costs ten times as much as forwarding, and reads JSON more
 * kindly than a gateway may), passing the agent's bytes on as they came (two readers would read them), and one shared
 * session with a server for all runs.
 */
export type { McpSettings } from './agents/asking.ts';
export type { Meaning } from './agents/meanings.ts';
export { type Mcp, type McpOptions, openMcp } from './agents/open.ts';
export { migrations, type SessionDatabase } from './agents/store.ts';
export { upstreamSettings } from './upstream/settings.ts';
export { openUpstreams, type UpstreamsOptions } from './upstream/upstreams.ts';
export type {
  ClientFacts,
  Era,
  OpenOptions,
  UpstreamLimits,
  UpstreamSession,
  UpstreamSettings,
  UpstreamStatus,
  Upstreams,
} from './upstream.ts';
