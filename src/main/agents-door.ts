import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type Refusal, refuse } from '../core/refusal.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export type AgentsDoorParts = {
  /**
   * Handlers in the order in which they are asked whether a path is theirs. `heads_itself`: it says of each answer what
   * `route` says of the others'. Written in one piece a head costs half.
   */
  handlers: readonly { serves(path: string): boolean; handle: Handler; heads_itself?: true }[];
  header_bytes_max: number;
  connections_max: number;
};

const HEADERS_MS_MAX = 10_000;
const REQUEST_MS_MAX = 60_000;
const KEEP_ALIVE_MS = 65_000;

export const HTTP_OPTIONS = {
  headersTimeout: HEADERS_MS_MAX,
  requestTimeout: REQUEST_MS_MAX,
  keepAliveTimeout: KEEP_ALIVE_MS,
  // Two readers must not disagree where a request ends.
  insecureHTTPParser: false,
  requireHostHeader: true,
};

/**
 * The port of the data plane: what agents speak, the authorization server, discovery and health. Nothing of the control
 * plane answers here, and nothing here sets a cookie.
 */
export function openAgentsDoor(parts: AgentsDoorParts): Server {
  const server = createServer(
    {
      ...HTTP_OPTIONS,
      maxHeaderSize: parts.header_bytes_max,
    },
    (request, response) => route(parts, request, response),
  );
  server.maxConnections = parts.connections_max;
  return server;
}

export function route(parts: AgentsDoorParts, request: IncomingMessage, response: ServerResponse): void {
  const path = pathOf(request);
  const handler = parts.handlers.find((candidate) => candidate.serves(path));
  if (handler?.heads_itself !== true) {
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Cache-Control', 'no-store');
  }
  if (handler) handler.handle(request, response);
  else answerRefusal(response, refuse('route_not_found', `no route ${JSON.stringify(path)}`));
}

/** The path as it stands in the request, undecoded: an encoded separator is not a separator. */
export function pathOf(request: IncomingMessage): string {
  const target = request.url ?? '/';
  const end = target.indexOf('?');
  return end < 0 ? target : target.slice(0, end);
}

export function answerRefusal(response: ServerResponse, refusal: Refusal): void {
  const body = JSON.stringify({ error: refusal.code, message: refusal.public });
  response.writeHead(refusal.http, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}

/** Discovery and health answer anyone, but only under a name that is ours (DNS rebinding). */
export function guarded(hosts: () => ReadonlySet<string>, handle: Handler): Handler {
  return (request, response) => {
    const host = request.headers.host?.toLowerCase();
    if (host !== undefined && hosts().has(host)) handle(request, response);
    else answerRefusal(response, refuse('host_not_allowed', `Host is ${JSON.stringify(host ?? null)}`));
  };
}

export function answerJson(response: ServerResponse, value: unknown): void {
  const body = JSON.stringify(value);
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}
