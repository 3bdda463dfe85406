import { hash } from 'node:crypto';
import type { ExchangeDraft, OutcomeDraft } from '../controls/audit/index.ts';
import { besideOf } from '../controls/policy/index.ts';
import type { Decision } from '../core/decision.ts';
import type { Answer, Intent, OutcomeKind } from '../core/exchange.ts';
import type { JsonObject } from '../core/json.ts';
import { LOWEST_LABEL } from '../core/label.ts';
import type { Caller, Run } from '../core/principal.ts';
import { isRefusal, type Refusal } from '../core/refusal.ts';
import type { Pass } from './pass.ts';

/** Of an answer so much is sealed beside its outcome, and can be erased there: enough to see what an agent was told. */
const ANSWER_KEPT_BYTES_MAX = 4_096;

/** What a receipt says of an exchange: everything that was established by the time it is written. */
export function factsOf(pass: Pass): Partial<ExchangeDraft> {
  const { caller, run, intent, decisions, tool } = pass.established();
  return {
    protocol: pass.attempt.protocol,
    ...(caller ? callerFacts(caller) : {}),
    ...(run ? runFacts(run) : {}),
    ...(intent ? intentFacts(intent) : {}),
    ...(decisions ? { policy: policyFacts(decisions) } : {}),
    ...(tool ? { tool } : {}),
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
    tool: intent.offered === undefined ? (pass.established().tool ?? null) : pass.tool,
    ...passFacts(pass),
  };
}

function passFacts(pass: Pass) {
  return {
    ...(pass.observing === undefined ? {} : { observing: pass.observing }),
    state_version: pass.decided_under,
    checks: [...pass.checks],
    parent: pass.parent?.receipt ?? null,
    continues: pass.attempt.continues ?? null,
    trace: pass.attempt.trace ?? null,
  };
}

function runFacts(run: Run) {
  const { id, job, purpose, labels } = run;
  return { run: id, job, purpose, labels: { before: labels } };
}

function callerFacts(caller: Caller) {
  const { agent, credential } = caller;
  return {
    agent: { id: agent.id, owner: agent.owner, version: agent.version },
    credential: { kind: credential.kind, thumbprint: credential.thumbprint },
    run: caller.run,
    subject: caller.subject,
    chain: caller.chain.map(({ actor, grant, scope_digest, expires_at }) => ({
      actor,
      grant,
      scope_digest,
      expires_at,
    })),
  };
}

function intentFacts(intent: Intent) {
  return {
    operation: intent.operation,
    accesses: intent.accesses.map(({ action, resource }) => ({ action, resource })),
    upstream: intent.upstream ?? null,
    request: {
      received: intent.received_digest,
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
    shadow: shadowFacts(decisions),
  };
}

/** Outcomes of `@shadow` policies, and what a set beside would have decided. */
function shadowFacts(decisions: readonly Decision[]): string[] {
  const policies = decisions.flatMap((decision) =>
    decision.shadow.map(({ policy, satisfied }) => `${policy}:${satisfied ? 'satisfied' : 'unsatisfied'}`),
  );
  const beside = besideOf(decisions);
  return beside === undefined ? policies : [...policies, beside];
}

/** What is said of the end of an exchange, and of what its caller gets. */
export function outcomeOf(pass: Pass, ended_at: number): OutcomeDraft {
  const { answer, intent, run } = pass.established();
  const released = answer && !isRefusal(answer) ? (answer.released ?? JSON.stringify(answer.value)) : undefined;
  const released_bytes = released === undefined ? 0 : Buffer.byteLength(released);
  const draft: OutcomeDraft = {
    intent: pass.receipt,
    outcome: outcomeKind(pass, answer),
    received_bytes: answer && !isRefusal(answer) ? answer.received_bytes : 0,
    released_bytes,
    frames: pass.frames,
    released: released === undefined ? null : hash('sha256', released),
    duration_us: Math.round((ended_at - pass.started_at) * 1000),
    stop_cause: pass.stop_cause ?? (answer && isRefusal(answer) ? answer.code : null),
    listed: pass.listed ?? null,
    labels: { after: run?.labels ?? LOWEST_LABEL },
    checks: [...pass.checks],
  };
  const payload = sealedOf(answer, intent?.effect === 'discover' ? undefined : released, released_bytes);
  return payload === undefined ? draft : { ...draft, payload };
}

/**
 * For who asks why: what went wrong, and the beginning of what came back.
 * @param told undefined where nothing was, and for a list, whose count and digest say enough.
 */
function sealedOf(
  answer: Answer | Refusal | undefined,
  told: string | undefined,
  told_bytes: number,
): JsonObject | undefined {
  if (answer === undefined) return undefined;
  if (isRefusal(answer)) return { cause: answer.reason };
  const cause = answer.cause === undefined ? {} : { cause: answer.cause };
  if (told === undefined) return answer.cause === undefined ? undefined : cause;
  if (told_bytes <= ANSWER_KEPT_BYTES_MAX) return { ...cause, answered: answer.value };
  const beginning = Buffer.from(told.slice(0, ANSWER_KEPT_BYTES_MAX)).subarray(0, ANSWER_KEPT_BYTES_MAX);
  return { ...cause, answered: { beginning: beginning.toString('utf8'), bytes: told_bytes } };
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

function unique(texts: readonly string[]): string[] {
  return texts.length < 2 ? [...texts] : [...new Set(texts)];
}
