import type { JsonObject } from '../../core/json.ts';
import type { Caller, Run } from '../../core/principal.ts';

/** An entity of a question. Properties are the asker's word. */
export type Named = { type: string; id: string; properties: JsonObject };
export type Action = { name: string; properties: JsonObject };
export type Question = { subject: Named; action: Action; resource: Named; context: JsonObject };

/** `reason` and `policies` are for who looks after the policies; `public` may be shown to the subject. */
export type Verdict = { decision: boolean; policies: readonly string[]; reason: string; public: string | undefined };

export type Asker = { caller: Caller; run: Run };

/** Who decides. What it knows is all that a search looks through. */
export interface DecisionPoint {
  /** Finds out what has to be known of this server's tools before; of every server's, where none is named. */
  prepare(server: string | undefined): Promise<void>;
  /** Synchronous: a question costs microseconds, and a batch of them is one exchange. */
  evaluate(question: Question, asker: Asker): Verdict;
  /** Ids of the entities of this type. */
  known(type: string): readonly string[];
  isKnown(type: string, id: string): boolean;
  /** Names of the actions that a subject of this type may be asked about. */
  actions(subject: string): readonly string[];
}

export type Searched = 'subject' | 'resource' | 'action';
export type SearchQuestion = {
  searched: Searched;
  subject: Omit<Named, 'id'> & { id?: string };
  action: Action | undefined;
  resource: Omit<Named, 'id'> & { id?: string };
  context: JsonObject;
};

/** More would be a report, not an answer. */
export const CANDIDATES_MAX = 10_000;

/** Section 8: whom, what, or which actions the policies permit, among what is known. Unknown entities match nothing. */
export function search(point: DecisionPoint, question: SearchQuestion, asker: Asker): readonly JsonObject[] {
  const { searched, context } = question;
  const permitted = (asked: Omit<Question, 'context'>): boolean =>
    areKnown(point, asked) && point.evaluate({ ...asked, context }, asker).decision;
  return candidates(point, question)
    .filter((name) => permitted(withCandidate(question, name)))
    .map((name) => (searched === 'action' ? { name } : { type: question[searched].type, id: name }));
}

function candidates(point: DecisionPoint, { searched, subject, resource }: SearchQuestion): readonly string[] {
  const names = searched === 'action' ? point.actions(subject.type) : point.known({ subject, resource }[searched].type);
  return names.slice(0, CANDIDATES_MAX);
}

function withCandidate(
  { searched, subject, action, resource }: SearchQuestion,
  name: string,
): Omit<Question, 'context'> {
  return {
    subject: { ...subject, id: searched === 'subject' ? name : (subject.id ?? '') },
    action: searched === 'action' ? { name, properties: {} } : (action ?? { name: '', properties: {} }),
    resource: { ...resource, id: searched === 'resource' ? name : (resource.id ?? '') },
  };
}

function areKnown(point: DecisionPoint, { subject, resource }: Omit<Question, 'context'>): boolean {
  return point.isKnown(subject.type, subject.id) && point.isKnown(resource.type, resource.id);
}
