import { hash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Answer, Intent, Presented } from '../../core/exchange.ts';
import { isJsonObject, JsonError, type JsonObject, parseJson } from '../../core/json.ts';
import type { Caller } from '../../core/principal.ts';
import { isRefusal, type Refusal, refuse } from '../../core/refusal.ts';
import type { Attempt, ForwardIo, PassResult } from '../../enforcement/index.ts';
import { type HttpFields, presentedOf, readBody } from '../http/index.ts';
import { accessesOf, serversOf } from './accesses.ts';
import { answerOf } from './answering.ts';
import type { DecisionPoint } from './decision-point.ts';
import type { Endpoint } from './endpoints.ts';
import { type Asked, readAsked } from './reading.ts';

export type AttemptParts = {
  point: DecisionPoint;
  body_bytes_max(): number;
  /** `WWW-Authenticate` values for a refusal at `path`. */
  challenges(refusal: Refusal, path: string): Readonly<Record<string, readonly string[]>>;
};

/** Long enough for anybody's trace id, short enough to send back. */
const REQUEST_ID = /^[\x21-\x7e]{1,256}$/;

/** One question, a batch of them, or a search: asked over HTTP, answered by the decision point, and recorded like any use. */
export class AuthzenAttempt implements Attempt {
  readonly protocol = 'authzen';
  readonly presented: Presented;
  readonly trace = undefined;
  readonly continues = undefined;
  readonly #parts: AttemptParts;
  readonly #request: IncomingMessage;
  readonly #fields: HttpFields;
  readonly #endpoint: Endpoint;
  #asked: Asked | undefined;

  constructor(parts: AttemptParts, request: IncomingMessage, fields: HttpFields, endpoint: Endpoint) {
    this.#parts = parts;
    this.#request = request;
    this.#fields = fields;
    this.#endpoint = endpoint;
    this.presented = presentedOf(request, fields, endpoint.path);
  }

  async parse(caller: Caller): Promise<Intent | Refusal> {
    if (this.#request.method !== 'POST') return refuse('method_unknown', `HTTP method ${this.#request.method}`);
    const fields = {
      content_type: this.#fields.single('content-type'),
      content_encoding: this.#fields.single('content-encoding'),
    };
    const bytes = await readBody(this.#request, fields, this.#parts.body_bytes_max());
    if (isRefusal(bytes)) return bytes;
    const body = readObject(bytes);
    if (isRefusal(body)) return body;
    const asked = readAsked(this.#endpoint, body);
    if (isRefusal(asked)) return asked;
    this.#asked = asked;
    const understood = accessesOf(asked, caller);
    return {
      ...understood,
      operation: this.#endpoint.operation,
      received_digest: hash('sha256', bytes),
      received_bytes: bytes.length,
      sent: undefined,
      upstream: undefined,
      payload: { ...body, own: understood.effect === 'discover' },
    };
  }

  async forward(_intent: Intent, io: ForwardIo): Promise<Answer> {
    const asked = this.#asked as Asked;
    const servers = serversOf(asked);
    await Promise.all(servers.map((server) => this.#parts.point.prepare(server)));
    const value = answerOf(asked, this.#parts.point, io);
    return { outcome: 'completed', value, received_bytes: 0, frames: 0 };
  }

  conclude(passed: PassResult, response: ServerResponse): void {
    if (response.destroyed) return;
    const shown = plainly(passed);
    const text = JSON.stringify(shown.kind === 'answered' ? shown.answer.value : toldOf(shown));
    response.writeHead(statusOf(shown), { ...this.#headers(shown), 'content-length': Buffer.byteLength(text) });
    response.end(text);
  }

  #headers(passed: PassResult): Record<string, string | string[]> {
    const headers: Record<string, string | string[]> = {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    };
    const id = this.#fields.single('x-request-id');
    if (id !== undefined && REQUEST_ID.test(id)) headers['x-request-id'] = id;
    if (passed.receipt !== undefined) headers['sallyport-receipt'] = passed.receipt;
    if (passed.kind === 'answered') return headers;
    const challenges = this.#parts.challenges(passed.refusal, this.#endpoint.path);
    for (const [name, values] of Object.entries(challenges)) headers[name] = [...values];
    if (passed.refusal.code === 'method_unknown') headers['allow'] = 'POST';
    // What was not read is not waited for.
    if (!this.#request.complete) headers['connection'] = 'close';
    return headers;
  }
}

/** That there is a decision point is no secret: who may not ask is told so, not that there is nothing. */
function plainly(passed: PassResult): PassResult {
  if (passed.kind === 'answered' || passed.refusal.code !== 'not_found') return passed;
  return { ...passed, refusal: refuse('policy_denied', passed.refusal.reason) };
}

function statusOf(passed: PassResult): number {
  if (passed.kind === 'answered') return 200;
  return passed.refusal.code === 'method_unknown' ? 405 : passed.refusal.http;
}

function toldOf({ refusal, receipt }: PassResult & { kind: 'refused' }): JsonObject {
  return { error: refusal.code, message: refusal.public, ...(receipt === undefined ? {} : { receipt }) };
}

function readObject(bytes: Buffer): JsonObject | Refusal {
  try {
    const value = parseJson(bytes);
    return isJsonObject(value) ? value : refuse('request_malformed', 'the body is not a JSON object');
  } catch (error) {
    if (error instanceof JsonError) return refuse('request_not_canonical', error.message);
    throw error;
  }
}
