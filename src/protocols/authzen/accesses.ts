import type { Access } from '../../core/decision.ts';
import type { Intent } from '../../core/exchange.ts';
import type { Caller } from '../../core/principal.ts';
import { isRefusal } from '../../core/refusal.ts';
import type { Question } from './decision-point.ts';
import type { Asked } from './reading.ts';

/** The subject type of this gateway's own agents; all others are another application's. */
export const AGENT_TYPE = 'agent';

/** Whether a caller asks about itself: that it may always, and of nobody else. */
export function isOwn({ subject }: Question, { principal, agent }: Caller): boolean {
  return subject.type === AGENT_TYPE && subject.id === agent.id && principal.id === agent.id;
}

/**
 * What a question asks of the gateway. Asking about oneself is asking what there is (`discover`); asking about others, and
 * searching, is permitted by policy or not at all: who may ask everything knows everybody's rights.
 */
export function accessesOf(asked: Asked, caller: Caller): Pick<Intent, 'effect' | 'accesses'> {
  if (asked.kind === 'search') {
    const { subject } = asked.search;
    return { effect: 'read', accesses: [access('access.search', subject.type)] };
  }
  const others = questionsOf(asked).filter((question) => !isOwn(question, caller));
  if (others.length === 0) return { effect: 'discover', accesses: [access('access.evaluate', AGENT_TYPE)] };
  const types = new Set(others.map(({ subject }) => (subject.type === AGENT_TYPE ? AGENT_TYPE : '')));
  return { effect: 'read', accesses: [...types].map((type) => access('access.evaluate', type)) };
}

/** Servers whose tools the questions about agents concern; a search looks through all. */
export function serversOf(asked: Asked): readonly (string | undefined)[] {
  if (asked.kind === 'search') return asked.search.subject.type === AGENT_TYPE ? [undefined] : [];
  const named = questionsOf(asked).filter(({ subject }) => subject.type === AGENT_TYPE);
  return [...new Set(named.map(({ resource }) => resource.id.split('/', 1)[0] as string))];
}

function questionsOf(asked: Asked & { kind: 'question' | 'batch' }): readonly Question[] {
  const items = asked.kind === 'question' ? [asked.question] : asked.batch.items;
  return items.flatMap((item) => (isRefusal(item) ? [] : [item]));
}

function access(action: string, subject: string): Access {
  const id = subject === AGENT_TYPE ? 'gateway' : 'applications';
  return { action, resource: { type: 'DecisionPoint', id }, args: {} };
}
