import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { andThen } from '../../../core/and-then.ts';
import type { Answer, Intent, Presented } from '../../../core/exchange.ts';
import { isJsonObject, type JsonObject } from '../../../core/json.ts';
import { peerOf } from '../../../core/peer-certificate.ts';
import type { Caller, Run } from '../../../core/principal.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import type { Attempt, ForwardIo, PassResult } from '../../../enforcement/index.ts';
import { readBody } from '../../http/index.ts';
import { type Asking, type Carried, objectOf, type Parts, type Plan } from './asking.ts';
import { type Asked, tell } from './errors.ts';
import { knownCapabilities } from './forwarding.ts';
import { checkStandardFields, type Fields, mismatch } from './headers.ts';
import type { View } from './lists.ts';
import { type Message, readMessage } from './message.ts';
import { notFound } from './names.ts';
import { MODERN_OPERATIONS, SESSION_OPERATIONS } from './operations.ts';
import { endSession, notification, openStream, response } from './posted.ts';
import type { Reply } from './reply.ts';
import type { Session } from './sessions.ts';
import { badParams, META, MODERN, RPC, type RpcId, refuseAs, SESSION_VERSIONS } from './wire.ts';

/** Where a request arrived: `/mcp`, or `/mcp/<server>`. */
export type Door = { path: string; server: string | undefined };

const CLOSE_BYTES = 65_536;

/**
 * One HTTP request at the agents' door, as the gateway takes it through the table. Nothing of its body is read before
 * its sender is known, whatever it is: request, notification, answer, stream or the end of a session.
 */
export class McpAttempt implements Attempt {
  readonly protocol = 'mcp';
  readonly presented: Presented;
  continues: string | undefined;
  trace: string | undefined;
  readonly #parts: Parts;
  readonly #request: IncomingMessage;
  readonly #fields: Fields;
  readonly #door: Door;
  readonly #reply: Reply;
  #asked: (Asked & { id: RpcId }) | undefined;
  #session: Session | undefined;
  #plan: Plan | undefined;
  #modern = false;
  #status = 200;

  constructor(parts: Parts, request: IncomingMessage, fields: Fields, door: Door, reply: Reply) {
    this.#parts = parts;
    this.#request = request;
    this.#fields = fields;
    this.#door = door;
    this.#reply = reply;
    this.trace = traceId(fields.traceparent);
    this.presented = {
      address: request.socket.remoteAddress ?? '',
      host: fields.host,
      origin: fields.origin,
      authorization: fields.authorization,
      proofs: fields.proofs,
      peer_certificate: peerOf(request.socket),
      method: request.method ?? '',
      path: door.path,
      bytes_announced: Number(fields.content_length ?? 0) || 0,
    };
  }

  parse(caller: Caller, run: Run): Intent | Refusal | Promise<Intent | Refusal> {
    const { server } = this.#door;
    if (server !== undefined && !this.#parts.upstreams.list().includes(server))
      return notFound('no server of this name');
    switch (this.#request.method) {
      case 'POST':
        return this.#parsePost(caller, run);
      case 'GET':
      case 'DELETE':
        return this.#parseStream(caller, run, this.#request.method);
      default:
        return noSuchMethod(`HTTP method ${this.#request.method}`);
    }
  }

  forward(_intent: Intent, io: ForwardIo): Answer | Refusal | Promise<Answer | Refusal> {
    this.#reply.receipt = io.receipt;
    return andThen((this.#plan as Plan).carryOut(io), (carried) =>
      isRefusal(carried) ? carried : this.#answer(carried, io.receipt),
    );
  }

  #answer(carried: Carried, receipt: string): Answer {
    if (carried.kind === 'error') this.#status = statusOf(carried.http, this.#modern);
    const value = this.#withReceipt(carried, receipt);
    const cause = causeOf(carried);
    return {
      outcome: cause === undefined ? 'completed' : 'failed',
      value,
      released: this.#asked === undefined ? undefined : this.#textOf(value),
      received_bytes: carried.bytes,
      frames: 0,
      cause,
    };
  }

  /** Says on the wire what came of it. */
  conclude(passed: PassResult): Promise<void> | void {
    if (this.#asked) this.#session?.finish(this.#asked.id);
    this.#reply.receipt = passed.receipt;
    if (passed.kind === 'refused') return this.#refused(passed.refusal, passed.receipt);
    const { answer } = passed;
    if (this.#asked) return this.#reply.end(this.#status, answer.released ?? this.#textOf(objectOf(answer.value)));
    return this.#reply.end(this.#request.method === 'POST' ? 202 : 200, undefined);
  }

  #textOf(body: JsonObject): string {
    const message: JsonObject = { jsonrpc: '2.0' };
    if (this.#asked !== undefined) message['id'] = this.#asked.id;
    return JSON.stringify(Object.assign(message, body));
  }

  #refused(refusal: Refusal, receipt: string | undefined): Promise<void> | void {
    // A stream that answers no request has nothing to say it with: it ends, and the next attempt is told.
    if (this.#asked === undefined && this.#reply.isStreaming) return this.#reply.end(200, undefined);
    const { status, ...body } = tell(refusal, receipt, this.#asked);
    const challenges = this.#parts.challenges(refusal, this.#door.path);
    for (const [name, values] of Object.entries(challenges)) {
      for (const value of values) this.#reply.addField(name, value);
    }
    // What was not read is not waited for.
    if (!this.#request.complete && !(this.presented.bytes_announced <= CLOSE_BYTES))
      this.#reply.addField('connection', 'close');
    return this.#reply.end(status, this.#textOf(body));
  }

  #withReceipt(carried: Carried, receipt: string): JsonObject {
    if (carried.kind === 'error') {
      const { error } = carried;
      const data = error.data === undefined || isJsonObject(error.data) ? { ...error.data, receipt } : error.data;
      return { error: { ...error, data } };
    }
    const { result } = carried;
    // `{}` is the whole answer to a ping, and clients compare; the header names the receipt.
    if (!this.#modern && Object.keys(result).length === 0) return { result };
    const named = this.#modern ? { [META.server]: this.#parts.self } : {};
    return { result: { ...result, _meta: { ...named, ...objectOf(result['_meta']), [META.receipt]: receipt } } };
  }

  #parsePost(caller: Caller, run: Run): Refusal | Promise<Intent | Refusal> {
    if (!this.#reply.accepts.json && !this.#reply.accepts.stream) {
      return refuse('request_malformed', 'Accept names neither application/json nor text/event-stream');
    }
    return readBody(this.#request, this.#fields, this.#parts.settings().limits.body_bytes_max).then((body) =>
      isRefusal(body) ? body : this.#parseBody(caller, run, body),
    );
  }

  #parseBody(caller: Caller, run: Run, body: Buffer): Intent | Refusal | Promise<Intent | Refusal> {
    const message = readMessage(body);
    if (message.kind === 'unreadable') {
      if (message.id !== undefined)
        this.#asked = { id: message.id, method: '', modern: this.#fields.version === MODERN };
      return message.refusal;
    }
    const received = { digest: hash('sha256', body), bytes: body.length };
    const planned =
      message.kind === 'request'
        ? this.#planRequest(caller, run, message, received)
        : this.#planBeside(caller, run, message);
    const operation = message.kind === 'response' ? 'response' : message.method;
    return andThen(planned, (plan) => (isRefusal(plan) ? plan : this.#intent(plan, operation, received)));
  }

  #planRequest(
    caller: Caller,
    run: Run,
    message: Message & { kind: 'request' },
    received: Asking['received'],
  ): Plan | Refusal | Promise<Plan | Refusal> {
    const { id, method, params } = message;
    const meta = objectOf(params['_meta']);
    // A session is begun by negotiation, so its first request may name a version that nobody here knows.
    const begins = method === 'initialize' && this.#fields.version !== MODERN;
    this.#modern = meta[META.version] !== undefined || (!begins && isModernVersion(this.#fields.version));
    this.#asked = { id, method, modern: this.#modern };
    if (typeof meta['traceparent'] === 'string') this.trace = traceId(meta['traceparent']) ?? this.trace;
    const problem = this.#modern
      ? checkModern(this.#fields, method, params)
      : this.#enterSession(caller, run, method, id);
    if (problem !== undefined) return problem;
    const known = this.#modern ? MODERN_OPERATIONS : SESSION_OPERATIONS;
    const operation = Object.hasOwn(known, method) ? known[method] : undefined;
    if (operation === undefined) return noSuchMethod(method);
    const { parts, server, naming } = this.#view();
    return operation({
      parts,
      server,
      naming,
      caller,
      run,
      fields: this.#fields,
      reply: this.#reply,
      modern: this.#modern,
      session: this.#session,
      id,
      method,
      params,
      meta,
      client: this.#client(meta),
      received,
    });
  }

  #view(): View {
    const { server } = this.#door;
    return { parts: this.#parts, server, naming: this.#parts.naming(server) };
  }

  #client(meta: JsonObject): Asking['client'] {
    if (this.#session) return this.#session.facts;
    const { name = 'agent', version = '0' } = objectOf(meta[META.client]);
    return { capabilities: knownCapabilities(objectOf(meta[META.capabilities])), clientInfo: { name, version } };
  }

  /** 2025: every request but the first belongs to a session, and to one request of that id at a time. */
  #enterSession(caller: Caller, run: Run, method: string, id: RpcId): Refusal | undefined {
    if (method === 'initialize') return undefined;
    const session = this.#findSession(caller, run);
    if (isRefusal(session)) return session;
    const begun = session.begin(id, () => this.#reply.cancel());
    if (begun !== undefined) return begun;
    this.#session = session;
    if (session.facts.version === SESSION_VERSIONS[0]) this.#reply.keep(() => session.stream());
    return undefined;
  }

  #findSession(caller: Caller, run: Run): Session | Refusal {
    const { version, session: id } = this.#fields;
    if (version !== undefined && !SESSION_VERSIONS.includes(version)) return unsupported(version);
    if (id === undefined) return refuse('request_malformed', 'Mcp-Session-Id is missing');
    const session = this.#parts.sessions.find(id, caller, run);
    if (isRefusal(session) || session.facts.server === this.#door.server) return session;
    return refuse('session_unknown', 'the session was begun at another address');
  }

  #planBeside(caller: Caller, run: Run, message: Exclude<Message, { kind: 'request' }>): Plan | Refusal {
    const method = message.kind === 'notification' ? message.method : 'response';
    if (isModernVersion(this.#fields.version)) {
      if (message.kind === 'response') return refuse('request_malformed', 'this revision knows no answers from agents');
      return notification({ server: this.#door.server, method, session: undefined }, message);
    }
    const session = this.#findSession(caller, run);
    if (isRefusal(session)) return session;
    const from = { server: this.#door.server, method, session };
    return message.kind === 'notification' ? notification(from, message) : response(from, message);
  }

  #parseStream(caller: Caller, run: Run, method: 'GET' | 'DELETE'): Intent | Refusal {
    if (isModernVersion(this.#fields.version) || this.#fields.session === undefined) return notAllowed(method);
    const session = this.#findSession(caller, run);
    if (isRefusal(session)) return session;
    const from = { server: this.#door.server, method, session };
    const { sessions } = this.#parts;
    const plan =
      method === 'GET'
        ? openStream(from, this.#reply, this.#view(), this.#fields.last_event)
        : endSession(from, (ended) => sessions.end(ended));
    if (isRefusal(plan)) return plan;
    return this.#intent(plan, method, { digest: hash('sha256', ''), bytes: 0 });
  }

  #intent(plan: Plan, operation: string, received: Asking['received']): Intent {
    this.#plan = plan;
    this.continues = plan.continues;
    return {
      effect: plan.effect,
      operation,
      accesses: plan.accesses,
      received_digest: received.digest,
      received_bytes: received.bytes,
      sent: plan.sent,
      upstream: plan.upstream,
      offered: plan.offered,
      payload: plan.payload,
      defect: plan.defect,
    };
  }
}

/** 2026-07-28: what each request must say, and must say alike in its headers. */
function checkModern(fields: Fields, method: string, params: JsonObject): Refusal | undefined {
  const meta = params['_meta'];
  if (!isJsonObject(meta)) return badParams('_meta is missing');
  const version = meta[META.version];
  if (typeof version !== 'string') return badParams(`_meta lacks ${META.version}`);
  if (fields.version !== version) return mismatch('MCP-Protocol-Version', fields.version);
  if (version !== MODERN) return unsupported(version);
  if (!isJsonObject(meta[META.capabilities])) return badParams(`_meta lacks ${META.capabilities}`);
  return checkStandardFields(fields, method, params);
}

/** Versions of later revisions are none of ours either, and are answered as the stateless revision says. */
function isModernVersion(version: string | undefined): boolean {
  return version !== undefined && !SESSION_VERSIONS.includes(version);
}

function unsupported(requested: string): Refusal {
  const form = { code: RPC.unsupported_version, data: { supported: [MODERN], requested } };
  return refuseAs(form, 'version_unsupported', `version ${JSON.stringify(requested)}`);
}

function noSuchMethod(what: string): Refusal {
  return refuse('method_unknown', `${JSON.stringify(what)} is not known`);
}

function notAllowed(method: string): Refusal {
  return refuseAs({ code: RPC.method_not_found, status: 405 }, 'method_unknown', `${method} without a session`);
}

/** Why an answer is not what was asked for. */
function causeOf(carried: Carried): string | undefined {
  if (carried.kind === 'error') return `error ${carried.error.code}`;
  return carried.result['isError'] === true ? 'the tool reported an error' : undefined;
}

/** The server's own status, where the revision gives an error one; otherwise an error is an answer like any other. */
function statusOf(http: number | undefined, modern: boolean): number {
  return modern && (http === 400 || http === 404) ? http : 200;
}

/** The trace id of a W3C `traceparent`. */
function traceId(traceparent: string | undefined): string | undefined {
  const found = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/.exec(traceparent ?? '')?.[1];
  return found === undefined || /^0+$/.test(found) ? undefined : found;
}
