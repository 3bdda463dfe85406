import { useSyncExternalStore } from 'react';

/** Files of policies by name; null where an edit removes one. */
export type PolicyFiles = ReadonlyMap<string, string>;
export type Edit = { name: string; text: string | null };
type Draft = { base: string; edits: Readonly<Record<string, string | null>> };

const KEY = 'sallyport-policy-draft';
const listeners = new Set<() => void>();
let draft: Draft | undefined = kept();

/** What somebody has typed and not proposed: it survives another page and a reload, in this tab alone. */
export function useDraft(): Draft | undefined {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => draft,
  );
}

/** Edits of `base`, over those that are there already where they are of the same set. */
export function putEdits(base: string, edits: readonly Edit[]): void {
  const before = draft?.base === base ? draft.edits : {};
  keep({ base, edits: { ...before, ...Object.fromEntries(edits.map(({ name, text }) => [name, text])) } });
}

/** One edit is as if it had not been. */
export function dropEdit(name: string): void {
  if (draft === undefined) return;
  const { [name]: _, ...rest } = draft.edits;
  keep(Object.keys(rest).length === 0 ? undefined : { ...draft, edits: rest });
}

export function dropDraft(): void {
  keep(undefined);
}

function keep(next: Draft | undefined): void {
  draft = next;
  if (next === undefined) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, JSON.stringify(next));
  for (const listener of listeners) listener();
}

function kept(): Draft | undefined {
  const text = sessionStorage.getItem(KEY);
  return text === null ? undefined : (JSON.parse(text) as Draft);
}

/** The files with the edits over them, by name. */
export function withEdits(files: PolicyFiles, edits: Draft['edits']): Map<string, string> {
  const all = new Map(files);
  for (const [name, text] of Object.entries(edits)) {
    if (text === null) all.delete(name);
    else all.set(name, text);
  }
  return new Map([...all].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The edits that say something else than the files. */
export function realEdits(files: PolicyFiles, edits: Draft['edits']): Edit[] {
  return Object.entries(edits)
    .filter(([name, text]) => (files.get(name) ?? null) !== text)
    .map(([name, text]) => ({ name, text }));
}

/** Changes of single policies as edits of the files that they stand in; what is new goes to the end of its file. */
export function editsOf(
  files: PolicyFiles,
  changes: readonly { file: string; before: string | null; after: string | null }[],
): Edit[] {
  const texts = new Map<string, string>();
  for (const { file, before, after } of changes) {
    const text = texts.get(file) ?? files.get(file) ?? '';
    texts.set(file, before === null ? appended(text, after ?? '') : text.replace(before, () => after ?? ''));
  }
  return [...texts].map(([name, text]) => ({ name, text }));
}

function appended(text: string, policy: string): string {
  return text.trim() === '' ? `${policy.trim()}\n` : `${text.trimEnd()}\n\n${policy.trim()}\n`;
}
