import { refuse } from '../../core/refusal.ts';
import type { StageRun } from '../pipeline.ts';

/** Policy wants a person's approval. Nobody can be asked yet, so the answer is no, with the policies that asked for it. */
export function hold(): StageRun {
  return (pass) => {
    const held = pass.decisions.filter((decision) => decision.effect === 'hold');
    if (held.length === 0) return undefined;
    const policies = held.flatMap((decision) => decision.policies);
    const notes = held.flatMap((decision) => decision.notes.map((note) => `${note.id}: ${note.reason}`));
    return refuse('approval_unavailable', `held by ${policies.join(', ')}. ${notes.join(' ')}`, { policies });
  };
}
