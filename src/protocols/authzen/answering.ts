import type { JsonObject, JsonValue } from '../../core/json.ts';
import { isRefusal, type Refusal } from '../../core/refusal.ts';
import { isOwn } from './accesses.ts';
import { type Asker, type DecisionPoint, type Question, search, type Verdict } from './decision-point.ts';
import type { Asked, Batch } from './reading.ts';

/** Section 5.2, 6.3, 8.4 to 8.6: the body of the answer. */
export function answerOf(asked: Asked, point: DecisionPoint, asker: Asker): JsonObject {
  switch (asked.kind) {
    case 'question':
      return decide(asked.question, point, asker);
    case 'batch':
      return { evaluations: decideEach(asked.batch, point, asker) };
    case 'search':
      return { results: [...search(point, asked.search, asker)] };
  }
}

function decideEach({ items, semantic }: Batch, point: DecisionPoint, asker: Asker): JsonValue[] {
  const answers: JsonObject[] = [];
  const last = { execute_all: undefined, deny_on_first_deny: false, permit_on_first_permit: true }[semantic];
  for (const item of items) {
    const answer = isRefusal(item) ? unreadable(item) : decide(item, point, asker);
    answers.push(answer);
    if (answer['decision'] === last) break;
  }
  return answers;
}

/** Section 6.4: an item that cannot be read is denied, and says so; the others are answered. */
function unreadable(refusal: Refusal): JsonObject {
  return { decision: false, context: { error: { status: refusal.http, message: refusal.public } } };
}

function decide(question: Question, point: DecisionPoint, asker: Asker): JsonObject {
  const verdict = point.evaluate(question, asker);
  const context = isOwn(question, asker.caller) ? toldToSubject(verdict) : toldToEnforcer(verdict);
  return Object.keys(context).length === 0 ? { decision: verdict.decision } : { decision: verdict.decision, context };
}

/** Policies are not for agents to read: they are told what would be allowed, where the policy says so itself. */
function toldToSubject({ decision, public: sentence }: Verdict): JsonObject {
  return decision || sentence === undefined ? {} : { reason_user: { en: sentence } };
}

function toldToEnforcer(verdict: Verdict): JsonObject {
  return { ...toldToSubject(verdict), reason_admin: { en: verdict.reason }, policies: [...verdict.policies] };
}
