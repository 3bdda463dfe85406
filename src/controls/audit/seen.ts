import { isSignedBy, parseCheckpoint, type ReadCheckpoint } from './checkpoint.ts';
import type { VerifierKey } from './note.ts';
import type { Problems } from './verify-report.ts';

const NOTE_END = /\n\n(?:— [^\n]+\n)+/g;

/** A file of kept checkpoints: one signed note, or several one after another. */
export function splitNotes(text: string): string[] {
  const notes: string[] = [];
  let from = 0;
  for (const found of text.matchAll(NOTE_END)) {
    const end = found.index + found[0].length;
    notes.push(text.slice(from, end).replace(/^\n+/, ''));
    from = end;
  }
  if (text.slice(from).trim() !== '') notes.push(text.slice(from));
  return notes;
}

/** The kept checkpoints that can vouch for this log, smallest first; what is wrong with the others is a problem. */
export function keptCheckpoints(
  text: string | undefined,
  now: ReadCheckpoint,
  key: VerifierKey | undefined,
  problems: Problems,
  { isProof = false } = {},
): ReadCheckpoint[] {
  if (text === undefined) return [];
  const kept = splitNotes(text).map(parseCheckpoint);
  if (kept.length === 0) problems.add('seen_unreadable', null, 'the file holds no checkpoint');
  const vouching = kept.filter((seen) => {
    if (seen === undefined) problems.add('seen_unreadable', null, 'a kept checkpoint cannot be read');
    else if (seen.origin !== now.origin) {
      problems.add('seen_other_log', null, `a kept checkpoint is of the log ${seen.origin}, this is ${now.origin}`);
    } else if (key === undefined || !isSignedBy(seen, key)) {
      problems.add(
        'seen_signature',
        null,
        `the kept checkpoint of ${seen.size} entries is not signed by the verifier key`,
      );
    } else if (!isProof && seen.size > now.size) {
      problems.add(
        'log_shorter',
        now.size,
        `the log ends after ${now.size} entries, a checkpoint of ${seen.size} was kept`,
      );
    } else return true;
    return false;
  });
  return vouching.filter((seen) => seen !== undefined).toSorted((a, b) => a.size - b.size);
}
