/**
 * The control plane: what people and the command line may see and do. Its attackers are an agent that looks for a route
 * that takes its token, a web page that makes a signed-in browser act, a person whose role should not reach so far, and
 * text from upstreams that wants to become markup. So one table says for every route who may call it and whether they must
 * be present; cookies are for people, the socket for the operator of this machine, and no token of the data plane is even
 * looked at; writes carry what a foreign page cannot send. Reading names or arguments leaves a receipt like any change.
 * Rejected: bearer tokens for people (they get copied into scripts), CORS (no page but ours has business here), GraphQL
 * (who may read what would no longer be a column).
 */
export type { Fault, Upstream } from './contract/index.ts';
export type { ApiPorts, GatewayPort, GatewayState, LedgerPort, UpstreamState } from './ports.ts';
export type { Api, ApiOptions } from './server/open.ts';
export { openApi } from './server/open.ts';
export { openApiDocument } from './server/openapi.ts';
