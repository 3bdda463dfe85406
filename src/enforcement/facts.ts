import { hash } from 'node:crypto';
import type { ExchangeDraft, OutcomeDraft } from '../controls/audit/index.ts';
import type { Decision } from '../core/decision.ts';
import type { Intent, OutcomeKind } from '../core/exchange.ts';
import { writeJson } from '../core/json.ts';
import { LOWEST_LABEL } from '../core/label.ts';
import type { Caller, Run } from '../core/principal.ts';
import { isRefusal, type Refusal } from '../core/refusal.ts';
import type { Pass } from './pass.ts';

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
  const cause = answer && (isRefusal(answer) ? answer.reason : answer.cause);
  return cause === undefined ? draft : { ...draft, payload: { cause } };
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
