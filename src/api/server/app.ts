import type { IncomingMessage } from 'node:http';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { People } from '../../controls/identity/index.ts';
import type { Clock } from '../../core/clock.ts';
import { JsonError, parseJson } from '../../core/json.ts';
import { isRefusal, type Refusal, refuse } from '../../core/refusal.ts';
import { OBSERVING_HEADER, type Operation, type Problem, ROUTES, type Route } from '../contract/index.ts';
import type { Call, Handlers, StreamHandlers } from '../handler.ts';
import { checkForged, checkHost, checkOrigin, type Doorplate } from './admit.ts';
import type { Pages } from './assets.ts';
import { type ApiCaller, checkCaller, findCaller, NOBODY } from './caller.ts';
import type { FlowCookie, SessionCookie } from './cookie.ts';
import { writeEvents } from './events.ts';
import { SAFE_HEADERS } from './headers.ts';
import { InputInvalid, parseInput } from './input.ts';

/** Where no route says more. */
const BODY_BYTES_MAX = 64 * 1024;
const REQUEST_MS_MAX = 30_000;
const HEADERS_MS_MAX = 10_000;
const HEADER_BYTES_MAX = 16 * 1024;
/** Strangers may fill these; the control socket, and with it the kill, has none of them. */
const CONNECTIONS_MAX = 1_024;

export type AppParts = {
  clock: Clock;
  people: Pick<People, 'session'>;
  handlers: Handlers;
  streams: StreamHandlers;
  pages: Pages;
  doorplate(): Doorplate;
  /** When observing ends; undefined while policy is enforced. */
  observingUntil(): number | undefined;
  cookie(): SessionCookie;
  flow(): FlowCookie;
  /** Requests that came over the control socket. */
  local: WeakSet<IncomingMessage>;
  /** Told of bugs; the answer says nothing of them. */
  report(problem: string, error: unknown): void;
};

declare module 'fastify' {
  interface FastifyContextConfig {
    operation?: Operation;
  }
  interface FastifyRequest {
    caller: ApiCaller;
  }
}

/** The table of routes as a server. What is not in the table, and is not a page, does not answer. */
export function buildApp(parts: AppParts): FastifyInstance {
  const app = fastify({
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_MS_MAX,
    http: { headersTimeout: HEADERS_MS_MAX, maxHeaderSize: HEADER_BYTES_MAX },
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    routerOptions: { ignoreTrailingSlash: false, maxParamLength: 200 },
  });
  app.server.maxConnections = CONNECTIONS_MAX;
  app.decorateRequest('caller');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, parseJson(body as Buffer));
    } catch (error) {
      done(error as Error);
    }
  });
  app.addHook('onRequest', (request, reply) => admit(parts, request, reply));
  for (const operation of Object.keys(ROUTES) as Operation[]) addRoute(app, parts, operation);
  app.get('/*', (request, reply) => page(parts, request, reply));
  // Never the address: who mistypes one may have pasted a secret into it.
  app.setNotFoundHandler((request, reply) =>
    refuseWith(request, reply, refuse('route_not_found', 'no route of this path')),
  );
  app.setErrorHandler((error, request, reply) => {
    const refusal = asRefusal(error);
    if (refusal === undefined) parts.report(`${request.method} ${request.routeOptions.url ?? 'unknown'}`, error);
    const issues = error instanceof InputInvalid ? error.issues : undefined;
    return refuseWith(request, reply, refusal ?? refuse('stage_failed', 'a bug; the log has it'), issues);
  });
  return app;
}

/** Everything that can be known before the body is read, cheapest first. Ends in no unless each check says yes. */
async function admit(parts: AppParts, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  reply.headers(SAFE_HEADERS);
  request.caller = NOBODY;
  const local = parts.local.has(request.raw);
  const { headers } = request;
  const wrongHost = local ? undefined : checkHost(headers, parts.doorplate());
  if (wrongHost !== undefined) return refuseWith(request, reply, wrongHost);
  if (isPage(request)) return undefined;
  const foreign = local ? undefined : checkOrigin(headers, parts.doorplate());
  if (foreign !== undefined) return refuseWith(request, reply, foreign);
  request.caller = await findCaller({ local, cookie: parts.cookie().read(headers.cookie) }, parts.people);
  const until = parts.observingUntil();
  if (until !== undefined && request.caller.kind !== 'nobody') reply.header(OBSERVING_HEADER, String(until));
  const { operation } = request.routeOptions.config;
  const route: Route | undefined = operation === undefined ? undefined : ROUTES[operation];
  // What does not exist looks to strangers like what does.
  if (route === undefined) {
    if (request.caller.kind === 'nobody') return refuseWith(request, reply, refuse('sign_in_required', 'no session'));
    return refuseWith(request, reply, refuse('route_not_found', 'no route of this path'));
  }
  const refused = checkForged(route, headers) ?? checkCaller(route, request.caller, parts.clock.now());
  return refused === undefined ? undefined : refuseWith(request, reply, refused);
}

/** By the route that was found, never by the text of the address: `/%61pi/status` is a route like any other. */
function isPage(request: FastifyRequest): boolean {
  return request.routeOptions.url === '/*' && !/^\/api(?:[/?]|$)/.test(request.url);
}

function addRoute(app: FastifyInstance, parts: AppParts, operation: Operation): void {
  const route: Route = ROUTES[operation];
  app.route({
    method: route.method,
    url: route.path,
    bodyLimit: route.body_bytes_max,
    config: { operation },
    handler: (request, reply) =>
      operation === 'exchanges.live'
        ? stream(parts, operation, request, reply)
        : answer(parts, operation, request, reply),
  });
}

async function answer(
  parts: AppParts,
  operation: keyof Handlers,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const route: Route = ROUTES[operation];
  // The table pairs each operation with its handler; TypeScript cannot follow the pair through a variable.
  const handler = parts.handlers[operation] as (input: unknown, call: Call) => unknown;
  const value = await handler(parseInput(route, request), callOf(parts, request, reply));
  if (isRefusal(value)) return refuseWith(request, reply, value);
  // Strict schemas: a field that the contract does not name is a bug, never a leak.
  const checked = route.response.parse(value);
  return reply
    .type(route.answers === 'text' ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8')
    .send(route.answers === 'text' ? checked : JSON.stringify(checked));
}

async function stream(
  parts: AppParts,
  operation: keyof StreamHandlers,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const route: Route = ROUTES[operation];
  const gone = new AbortController();
  request.raw.once('close', () => gone.abort());
  reply.raw.once('close', () => gone.abort());
  const input = parseInput(route, request) as Parameters<StreamHandlers[typeof operation]>[0];
  const id = request.headers['last-event-id'];
  const events = await parts.streams[operation](input, {
    ...callOf(parts, request, reply),
    last_event_id: typeof id === 'string' ? id : undefined,
    signal: gone.signal,
  });
  if (isRefusal(events)) return refuseWith(request, reply, events);
  reply.hijack();
  const stillMay = async () => {
    const local = parts.local.has(request.raw);
    const caller = await findCaller({ local, cookie: parts.cookie().read(request.headers.cookie) }, parts.people);
    return checkCaller(route, caller, parts.clock.now()) === undefined;
  };
  await writeEvents({ response: reply.raw, events, signal: gone.signal, clock: parts.clock, stillMay });
  return reply;
}

function callOf(parts: AppParts, request: FastifyRequest, reply: FastifyReply): Call {
  return {
    caller: request.caller,
    source: request.socket.remoteAddress ?? 'local',
    cookie: {
      set: (signedIn) => reply.header('set-cookie', parts.cookie().set(signedIn, parts.clock.now())),
      clear: () => reply.header('set-cookie', parts.cookie().clear()),
    },
    flow: {
      read: () => parts.flow().read(request.headers.cookie),
      set: (flow) => reply.header('set-cookie', parts.flow().set(flow)),
      clear: () => reply.header('set-cookie', parts.flow().clear()),
    },
  };
}

function page(parts: AppParts, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const found = parts.pages.find(request.url, request.headers['accept-encoding']);
  if (found === undefined) return refuseWith(request, reply, refuse('route_not_found', 'no route of this path'));
  return reply.headers(found.headers).send(found.body);
}

function refuseWith(
  request: FastifyRequest,
  reply: FastifyReply,
  refusal: Refusal,
  issues?: Problem['issues'],
): FastifyReply {
  const problem: Problem = { code: refusal.code, message: refusal.public };
  // The operator's reason is for people who are known; a stranger learns the code alone.
  if (request.caller !== undefined && request.caller.kind !== 'nobody') problem.detail = refusal.reason;
  if (issues !== undefined) problem.issues = issues;
  return reply.code(refusal.http).type('application/json; charset=utf-8').send(JSON.stringify(problem));
}

function asRefusal(error: unknown): Refusal | undefined {
  if (error instanceof InputInvalid) return refuse('input_invalid', error.message);
  if (error instanceof JsonError) return refuse('request_malformed', error.message);
  const code = (error as { code?: unknown }).code;
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return refuse('request_too_large', 'more bytes than this route reads');
  if (typeof code === 'string' && code.startsWith('FST_ERR_CTP')) return refuse('request_malformed', code);
  return undefined;
}
