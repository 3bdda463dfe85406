import type { PolicyEntry, Suggestion } from '../../api/contract/index.ts';
import { type Edit, editsOf, type PolicyFiles } from './policy-draft.ts';

/** What a person takes of a suggestion: ids of clauses that come, and of policies that go. */
export type Accepted = { clauses: ReadonlySet<string>; gone: ReadonlySet<string> };

/** The edits that say so. What is in force of the suggestion already stays as it is. */
export function acceptedEdits(
  { clauses, file }: Suggestion,
  accepted: Accepted,
  files: PolicyFiles,
  policies: readonly PolicyEntry[],
): Edit[] {
  const left = clauses.filter(({ id, active }) => !active && !accepted.clauses.has(id));
  const comes = clauses.some(({ id, active }) => !active && accepted.clauses.has(id));
  const text = left.reduce((now, clause) => without(now, clause.text), file.text);
  const gone = policies.filter(({ id }) => accepted.gone.has(id));
  const with_new = new Map(files);
  if (comes) with_new.set(file.name, text);
  const removals = editsOf(
    with_new,
    gone.map((policy) => ({ file: policy.file, before: policy.text, after: null })),
  );
  const all = new Map(removals.map((edit) => [edit.name, edit]));
  if (comes && !all.has(file.name)) all.set(file.name, { name: file.name, text });
  return [...all.values()];
}

/** A clause that is left goes with the empty line before it. */
function without(text: string, clause: string): string {
  return text
    .replace(clause.trim(), () => '')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trimStart();
}
