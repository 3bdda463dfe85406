import {
  CLIENT_HEADER,
  type Input,
  type Operation,
  type Output,
  type Problem,
  problem,
  ROUTES,
  type Route,
} from '../contract/index.ts';
import { serverEvents } from './events.ts';
import type { Transport, TransportAnswer } from './transport.ts';

/** A call that did not succeed. `status` is 0 where the gateway could not be reached at all. */
export type Failure = { kind: 'failure'; status: number; problem: Problem };
export type Result<T> = { kind: 'ok'; value: T } | Failure;

/** Operations that answer with a stream of events. */
export type Streaming = { [O in Operation]: (typeof ROUTES)[O]['answers'] extends 'events' ? O : never }[Operation];
export type Calling = Exclude<Operation, Streaming>;

export type CallOptions = { signal?: AbortSignal; headers?: Record<string, string> };
export type StreamOptions = CallOptions & { last_event_id?: string };

export interface Client {
  /** One call. Never throws but for a bug: what went wrong is a value. */
  call<O extends Calling>(operation: O, input: Input<O>, options?: CallOptions): Promise<Result<Output<O>>>;
  /** Events with their ids as they arrive. Ends when the connection does; the caller takes it up again with the last id. */
  stream<O extends Streaming>(
    operation: O,
    input: Input<O>,
    options?: StreamOptions,
  ): AsyncGenerator<StreamItem<Output<O>>>;
}

export type StreamItem<T> = { kind: 'open' } | { kind: 'event'; id: string | undefined; value: T } | Failure;

/** `name` is what the caller calls itself in the header that forged requests cannot carry: `console`, `cli`. */
export function createClient(transport: Transport, name: string): Client {
  return {
    async call(operation, input, options = {}) {
      const answer = await send(transport, name, operation, input, options);
      if ('kind' in answer) return answer;
      return receive(operation, answer);
    },
    async *stream(operation, input, options = {}) {
      const headers: Record<string, string> = { ...options.headers };
      if (options.last_event_id !== undefined) headers['last-event-id'] = options.last_event_id;
      const answer = await send(transport, name, operation, input, { ...options, headers });
      if ('kind' in answer) yield answer;
      else if (answer.status !== 200) yield failed(answer.status, await readText(answer));
      else yield* events(operation, answer);
    },
  };
}

async function* events<O extends Streaming>(
  operation: O,
  answer: TransportAnswer,
): AsyncGenerator<StreamItem<Output<O>>> {
  yield { kind: 'open' };
  try {
    for await (const event of serverEvents(answer.body)) {
      const value = ROUTES[operation].response.safeParse(safeJson(event.data));
      if (!value.success) {
        yield unexpected(answer.status);
        return;
      }
      yield { kind: 'event', id: event.id, value: value.data as Output<O> };
    }
  } catch (error) {
    yield unreachable(error);
  }
}

async function send(
  transport: Transport,
  name: string,
  operation: Operation,
  input: RouteInput,
  options: CallOptions,
): Promise<TransportAnswer | Failure> {
  const route: Route = ROUTES[operation];
  const headers: Record<string, string> = { accept: 'application/json', [CLIENT_HEADER]: name, ...options.headers };
  const body = route.method === 'POST' ? JSON.stringify(input.body ?? {}) : undefined;
  if (body !== undefined) headers['content-type'] = 'application/json';
  try {
    return await transport({
      method: route.method,
      path: address(route, input),
      headers,
      body,
      signal: options.signal,
    });
  } catch (error) {
    return unreachable(error);
  }
}

type RouteInput = { params?: unknown; query?: unknown; body?: unknown };

/** Path with parameters filled in, then the query; `undefined` is left out. */
export function address(route: Pick<Route, 'path'>, input: RouteInput): string {
  const params = (input.params ?? {}) as Record<string, unknown>;
  const path = route.path.replaceAll(/:([a-z_]+)/g, (_, key: string) => encodeURIComponent(String(params[key])));
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries((input.query ?? {}) as Record<string, unknown>)) {
    if (value !== undefined) query.set(key, String(value));
  }
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}

async function receive<O extends Calling>(operation: O, answer: TransportAnswer): Promise<Result<Output<O>>> {
  let text: string;
  try {
    text = await readText(answer);
  } catch (error) {
    return unreachable(error);
  }
  if (answer.status !== 200) return failed(answer.status, text);
  const route: Route = ROUTES[operation];
  const value = route.response.safeParse(route.answers === 'text' ? text : safeJson(text));
  return value.success ? { kind: 'ok', value: value.data as Output<O> } : unexpected(answer.status);
}

async function readText(answer: TransportAnswer): Promise<string> {
  const utf8 = new TextDecoder();
  let text = '';
  for await (const chunk of answer.body) text += utf8.decode(chunk, { stream: true });
  return text + utf8.decode();
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function failed(status: number, text: string): Failure {
  const known = problem.safeParse(safeJson(text));
  return known.success ? { kind: 'failure', status, problem: known.data } : unexpected(status);
}

function unreachable(error: unknown): Failure {
  const detail = error instanceof Error ? error.message : String(error);
  return {
    kind: 'failure',
    status: 0,
    problem: { code: 'unreachable', message: 'The gateway does not answer.', detail },
  };
}

function unexpected(status: number): Failure {
  const message = 'The answer is not one this version understands. Gateway and client may be of different versions.';
  return { kind: 'failure', status, problem: { code: 'answer_unexpected', message } };
}
