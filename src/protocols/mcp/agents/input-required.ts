import { isJsonObject, type JsonObject } from '../../../core/json.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import type { ForwardIo } from '../../../enforcement/index.ts';
import type { UpstreamReply } from '../upstream.ts';
import { type Asking, type Carried, objectOf } from './asking.ts';
import { decideQuestion, isQuestion, missingCapability, named } from './children.ts';
import { CANNOT_ASK, withoutForgeries } from './results.ts';
import type { Binding } from './seal.ts';
import { badParams, RPC, refuseAs } from './wire.ts';

/** What an agent brings back when it retries a request that asked it for input (2026-07-28). */
export type Brought = { params: JsonObject; continues: string | undefined };

const QUESTIONS_MAX = 16;

/**
 * Input that came with the request. Without state it is like any argument: the agent's own statement, which the server
 * may ignore. With state it answers what was asked, so answers to anything else are dropped.
 */
export function readInput(asking: Asking, server: string): Brought | Refusal {
  const { inputResponses, requestState } = asking.params;
  if (!asking.modern) return { params: {}, continues: undefined };
  if (inputResponses !== undefined && !isResponses(inputResponses))
    return badParams('inputResponses is no map of answers');
  if (requestState === undefined) {
    return { params: inputResponses === undefined ? {} : { inputResponses }, continues: undefined };
  }
  const opened = typeof requestState === 'string' ? asking.parts.seal.open(requestState, bindingOf(asking)) : undefined;
  if (opened === undefined || opened.server !== server) {
    return refuseAs({ code: RPC.invalid_params }, 'request_malformed', 'requestState was not made for this request', {
      public: 'The requestState is not one that was given for this request, or it is too old. Make the request anew.',
    });
  }
  const answers = Object.entries(inputResponses ?? {}).filter(([key]) => opened.asked.includes(key));
  const params: JsonObject = inputResponses === undefined ? {} : { inputResponses: Object.fromEntries(answers) };
  if (opened.state !== undefined) params['requestState'] = opened.state;
  return { params, continues: opened.receipt };
}

function isResponses(value: unknown): value is Record<string, JsonObject> {
  return isJsonObject(value) && Object.values(value).every(isJsonObject);
}

function bindingOf({ caller, run, method, params }: Asking): Binding {
  return { principal: `${caller.principal.type}::${caller.principal.id}`, run: run.id, method, params };
}

export function asksForInput(reply: UpstreamReply): boolean {
  return reply.kind === 'result' && reply.result['resultType'] === 'input_required';
}

/** Each question is decided before the agent sees any; then the server's state is sealed into ours. */
export async function passQuestions(
  asking: Asking,
  io: ForwardIo,
  server: string,
  reply: UpstreamReply & { kind: 'result' },
): Promise<Carried | Refusal> {
  if (!asking.modern)
    return refuse('upstream_request_denied', 'it asks in a way that this agent cannot be asked', CANNOT_ASK);
  const requests = objectOf(reply.result['inputRequests']);
  const state = reply.result['requestState'];
  const meta = withoutForgeries(reply.result)['_meta'];
  const keys = Object.keys(requests);
  if (keys.length > QUESTIONS_MAX) return refuse('upstream_failed', `${keys.length} questions at once`);
  if (state !== undefined && typeof state !== 'string') return refuse('upstream_failed', 'requestState is no text');
  const questions: JsonObject = {};
  for (const key of keys) {
    const question = await permitted(asking, io, server, objectOf(requests[key]));
    if (isRefusal(question)) return question;
    questions[key] = question;
  }
  const sealed = asking.parts.seal.seal({ server, receipt: io.receipt, asked: keys, state }, bindingOf(asking));
  const result: JsonObject = {
    resultType: 'input_required',
    ...(keys.length > 0 ? { inputRequests: questions } : {}),
    requestState: sealed,
    ...(isJsonObject(meta) ? { _meta: meta } : {}),
  };
  return { kind: 'result', result, bytes: reply.bytes };
}

async function permitted(
  asking: Asking,
  io: ForwardIo,
  server: string,
  request: JsonObject,
): Promise<JsonObject | Refusal> {
  const method = String(request['method']);
  if (!isQuestion(method)) return refuse('upstream_failed', `a question of the kind ${JSON.stringify(method)}`);
  const lacking = missingCapability(asking, method);
  if (lacking !== undefined) {
    const form = { code: RPC.missing_capability, data: { requiredCapabilities: { [lacking]: {} } }, status: 400 };
    return refuseAs(form, 'upstream_request_denied', `it asks for ${lacking}, which the agent did not declare`, {
      public: `The server needs a client that offers ${lacking}.`,
    });
  }
  const question = { server, method, params: objectOf(request['params']) };
  const shown = { method, params: named(asking, question) };
  const decided = await decideQuestion(asking, io, { ...question, params: shown.params }, async () => ({
    outcome: 'completed',
    value: shown,
    received_bytes: 0,
    frames: 0,
  }));
  if (decided.kind === 'refused') {
    return refuse('upstream_request_denied', `${method}: ${decided.refusal.reason}`, {
      policies: decided.refusal.policies,
    });
  }
  return Object.hasOwn(request, 'params') ? shown : { method };
}
