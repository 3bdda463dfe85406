import { hash } from 'node:crypto';
import type { ExchangeDraft, OutcomeDraft } from '../controls/audit/index.ts';
import type { Decision } from '../core/decision.ts';
import type { Answer, Intent, OutcomeKind } from '../core/exchange.ts';
import { type JsonObject, writeJson } from '../core/json.ts';
import { LOWEST_LABEL } from '../core/label.ts';
import type { Caller, Run } from '../core/principal.ts';
import { isRefusal, type Refusal } from '../core/refusal.ts';
import type { Pass } from './pass.ts';

/** Of an answer so much is sealed beside its outcome, and can be erased there: enough to see what an agent was told. */
const ANSWER_KEPT_BYTES_MAX = 4_096;

/** What a receipt says of an exchange: everything that was established by the time it is written. */
export function factsOf(pass: Pass): Partial<ExchangeDraft> {
  const { caller, run, intent, decisions } = pass.established();
  return {
    protocol: pass.attempt.protocol,
    ...(caller ? callerFacts(caller) : {}),
    ...(run ? runFacts(run) : {}),
    ...(intent ? intentFacts(intent) : {}),
    ...(decisions ? { policy: policyFacts(decisions) } : {}),
    ...passFacts(pass),
  };
}

/** The same for an intent, where nothing may be missing: reading an absent fact refuses the pass. */
export function completeFactsOf(pass: Pass): ExchangeDraft {
  const { caller, run, intent, decisions } = pass;
  return {
    protocol: pass.attempt.protocol,
    ...callerFacts(caller),
    ...runFacts(run),
    ...intentFacts(intent),
    policy: policyFacts(decisions),
    ...passFacts(pass),
  };
}

function passFacts(pass: Pass) {
  return {
    state_version: pass.decided_under,
    checks: [...pass.checks],
    parent: pass.parent?.receipt ?? null,
    continues: pass.attempt.continues ?? null,
    trace: pass.attempt.trace ?? null,
  };
}

function runFacts(run: Run) {
  return { run: run.id, job: run.job, labels: { before: run.labels } };
}

function callerFacts(caller: Caller) {
  const { agent, credential } = caller;
  return {
    agent: { id: agent.id, owner: agent.owner, version: agent.version },
    credential: { kind: credential.kind, thumbprint: credential.thumbprint },
    run: caller.run,
  };
}

function intentFacts(intent: Intent) {
  return {
    operation: intent.operation,
    accesses: intent.accesses.map(({ action, resource }) => ({ action, resource })),
    upstream: intent.upstream ?? null,
    request: {
      received: hex(intent.received_digest),
      sent: intent.sent ? hash('sha256', intent.sent) : null,
      bytes: intent.received_bytes,
    },
  };
}

function policyFacts(decisions: readonly Decision[]) {
  return {
    set: decisions[0]?.set ?? '',
    ids: unique(decisions.flatMap((decision) => decision.policies)),
    errors: unique(decisions.flatMap((decision) => decision.errors.map((error) => error.policy))),
    obligations: decisions.flatMap((decision) => decision.obligations.map(({ name, policy }) => `${name}@${policy}`)),
    shadow: decisions.flatMap((decision) =>
      decision.shadow.map(({ policy, satisfied }) => `${policy}:${satisfied ? 'satisfied' : 'unsatisfied'}`),
    ),
  };
}

/** What is said of the end of an exchange, and of what its caller gets. */
export function outcomeOf(pass: Pass, ended_at: number): OutcomeDraft {
  const { answer } = pass.established();
  const released = answer && !isRefusal(answer) ? (answer.released ?? writeJson(answer.value)) : undefined;
  const draft: OutcomeDraft = {
    intent: pass.receipt,
    outcome: outcomeKind(pass, answer),
    received_bytes: answer && !isRefusal(answer) ? answer.received_bytes : 0,
    released_bytes: released?.byteLength ?? 0,
    frames: pass.frames,
    released: released ? hash('sha256', released) : null,
    duration_us: Math.round((ended_at - pass.started_at) * 1000),
    stop_cause: pass.stop_cause ?? (answer && isRefusal(answer) ? answer.code : null),
    listed: pass.listed ?? null,
    labels: { after: pass.established().run?.labels ?? LOWEST_LABEL },
    checks: [...pass.checks],
  };
  const payload = sealedOf(pass, answer, released);
  return payload === undefined ? draft : { ...draft, payload };
}

/** For who asks why: what went wrong, and the beginning of what came back. A list's count and digest say enough. */
function sealedOf(
  pass: Pass,
  answer: Answer | Refusal | undefined,
  released: Uint8Array | undefined,
): JsonObject | undefined {
  if (answer === undefined) return undefined;
  if (isRefusal(answer)) return { cause: answer.reason };
  const cause = answer.cause === undefined ? {} : { cause: answer.cause };
  const isList = pass.established().intent?.effect === 'discover';
  if (isList || released === undefined) return answer.cause === undefined ? undefined : cause;
  if (released.byteLength <= ANSWER_KEPT_BYTES_MAX) return { ...cause, answered: answer.value };
  const beginning = Buffer.from(released.subarray(0, ANSWER_KEPT_BYTES_MAX)).toString('utf8');
  return { ...cause, answered: { beginning, bytes: released.byteLength } };
}

function outcomeKind(pass: Pass, answer: { outcome: OutcomeKind } | Refusal | undefined): OutcomeKind {
  switch (pass.live.cause) {
    case 'stopped':
    case 'timed_out':
    case 'gateway_stopping':
      return 'cut';
    case 'caller_gone':
      return 'cancelled';
    case undefined:
      if (answer === undefined) return 'unknown';
      return isRefusal(answer) ? 'failed' : answer.outcome;
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}
