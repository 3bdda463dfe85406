import type { Transaction } from '../../../storage/index.ts';
import type { ChangeParts } from '../change.ts';
import { digestOf } from '../digest.ts';
import { keyOf } from '../people/names.ts';
import { endSessionsOf, findBySubject, findPersonId, loadPerson } from '../people/store.ts';
import { loadRunEntry, openRunsOf } from '../store/runs.ts';
import type { SubjectId } from './events.ts';
import type { ReceiveParts, SignalTarget } from './receive.ts';

/** Finds whom an event is about among agents, people and runs, and what they have open. */
export function knownHere({
  db,
  issuer,
  standing,
  time,
}: ChangeParts & { issuer: string }): Pick<ReceiveParts, 'resolve' | 'openRuns' | 'signOut'> {
  const byId = async (id: string): Promise<SignalTarget | undefined> => {
    if (standing.agents.has(id)) return { kind: 'agent', id };
    if ((await loadPerson(db, id)) !== undefined) return { kind: 'user', id };
    return (await loadRunEntry(db, id)) === undefined ? undefined : { kind: 'run', id };
  };
  return {
    async resolve(subject: SubjectId) {
      if (subject.format === 'opaque') return byId(subject.id);
      if (subject.format === 'email') return userOf(await findPersonId(db, keyOf(subject.email)));
      const { iss, sub } = subject;
      if (iss === issuer) return byId(sub);
      return userOf((await findBySubject(db, digestOf({ issuer: iss, subject: sub })))?.id);
    },
    openRuns: async (tx: Transaction, { kind, id }: SignalTarget) =>
      kind === 'run' ? [id] : openRunsOf(tx, { kind, id }, time.now()),
    signOut: (tx: Transaction, user: string) => endSessionsOf(tx, user),
  };
}

function userOf(id: string | undefined): SignalTarget | undefined {
  return id === undefined ? undefined : { kind: 'user', id };
}
