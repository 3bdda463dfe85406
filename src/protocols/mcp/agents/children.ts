import { hash } from 'node:crypto';
import type { Cancellation } from '../../../core/cancellation.ts';
import type { Answer } from '../../../core/exchange.ts';
import { type JsonObject, writeJson } from '../../../core/json.ts';
import { type Refusal, refuse } from '../../../core/refusal.ts';
import type { ChildResult, ForwardIo } from '../../../enforcement/index.ts';
import type { RpcOutcome } from '../upstream.ts';
import type { Asking } from './asking.ts';
import { RPC } from './wire.ts';

/** What a server may ask of an agent, and the capability that the agent's client must have said it has. */
const QUESTIONS: Readonly<Record<string, { action: string; capability: string }>> = {
  'sampling/createMessage': { action: 'sampling.create', capability: 'sampling' },
  'elicitation/create': { action: 'elicitation.create', capability: 'elicitation' },
  'roots/list': { action: 'roots.list', capability: 'roots' },
};

export type Question = { server: string; method: string; params: JsonObject };

export function isQuestion(method: string): boolean {
  return Object.hasOwn(QUESTIONS, method);
}

/** The capability that the agent lacks for a question; undefined where it has it. */
export function missingCapability(asking: Asking, method: string): string | undefined {
  const capability = QUESTIONS[method]?.capability ?? method;
  return asking.client.capabilities[capability] === undefined ? capability : undefined;
}

/**
 * A server's question is an exchange of its own, with the server as principal: nothing of it reaches the agent, or the
 * person before it, unless policy permits it to that server (DESIGN, section 10, line 11).
 */
export function decideQuestion(
  asking: Asking,
  io: ForwardIo,
  question: Question,
  carry: (cancellation: Cancellation) => Promise<Answer | Refusal>,
): Promise<ChildResult> {
  const sent = writeJson({ method: question.method, params: question.params });
  return io.child({
    upstream: question.server,
    intent: {
      effect: 'read',
      operation: question.method,
      accesses: [
        {
          action: QUESTIONS[question.method]?.action ?? 'unknown',
          resource: { type: 'Agent', id: asking.caller.agent.id },
          args: {},
        },
      ],
      received_digest: hash('sha256', sent),
      received_bytes: sent.length,
      sent,
      upstream: question.server,
      payload: { server: question.server, method: question.method, params: question.params },
    },
    carry,
  });
}

/** Asks over the stream of the agent's own request (2025-11-25), and waits for the answer. */
export async function askAgent(asking: Asking, io: ForwardIo, question: Question): Promise<RpcOutcome> {
  if (!isQuestion(question.method)) return failed(RPC.method_not_found, 'This method is not known to the gateway.');
  const { session } = asking;
  const lacking = missingCapability(asking, question.method);
  if (session === undefined || lacking !== undefined) {
    return failed(RPC.method_not_found, `The client behind the gateway does not offer ${lacking ?? 'to be asked'}.`);
  }
  const shown = named(asking, question);
  const result = await decideQuestion(asking, io, { ...question, params: shown }, async (cancellation) => {
    if (!asking.reply.accepts.stream)
      return refuse('upstream_request_denied', 'the agent reads no stream to be asked on');
    const outcome = await session.ask(question.method, shown, (text) => asking.reply.event(text), cancellation);
    return { outcome: 'completed', value: outcome as unknown as JsonObject, received_bytes: 0, frames: 0 };
  });
  if (result.kind === 'answered') return result.value as unknown as RpcOutcome;
  return failed(-31_000 - result.refusal.http, result.refusal.public);
}

/** A person who is asked sees who asks: at `/mcp` the agent's client knows only the gateway. */
export function named(asking: Asking, { server, method, params }: Question): JsonObject {
  const { message } = params;
  if (asking.server !== undefined || method !== 'elicitation/create' || typeof message !== 'string') return params;
  return { ...params, message: `${server}: ${message}` };
}

function failed(code: number, message: string): RpcOutcome {
  return { kind: 'error', error: { code, message } };
}
