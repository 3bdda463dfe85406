import type { KeyObject } from 'node:crypto';
import type { Hash } from './merkle.ts';
import {
  checkNote,
  ED25519,
  parseNote,
  parseVerifierKey,
  type SignedNote,
  signNote,
  type VerifierKey,
} from './note.ts';

/** C2SP tlog-checkpoint v1.0.0: what a log was at one moment, as a signed note. */
export type Checkpoint = { origin: string; size: number; root: Hash };

const BODY = /^([^\n]+)\n(0|[1-9]\d{0,15})\n([A-Za-z0-9+/]{43}=)\n(?:[^\n]+\n)*$/;

export function checkpointBody({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${Buffer.from(root, 'hex').toString('base64')}\n`;
}

export function signCheckpoint(checkpoint: Checkpoint, key: KeyObject): string {
  return signNote(checkpointBody(checkpoint), checkpoint.origin, key);
}

export type ReadCheckpoint = Checkpoint & { note: SignedNote };

/** The text of a checkpoint, signatures unchecked; undefined where it is none. */
export function parseCheckpoint(text: string): ReadCheckpoint | undefined {
  const note = parseNote(text);
  const found = note === undefined ? null : BODY.exec(note.text);
  if (note === undefined || found === null) return undefined;
  const size = Number(found[2]);
  if (!Number.isSafeInteger(size)) return undefined;
  return { origin: found[1]!, size, root: Buffer.from(found[3]!, 'base64').toString('hex'), note };
}

/** Whether the log's own key signed it. */
export function isSignedBy(checkpoint: ReadCheckpoint, key: VerifierKey): boolean {
  const checked = checkNote(checkpoint.note, [key]);
  return checked.valid && checked.by.length === 1;
}

/** The log's verifier key, for its origin. */
export function logVerifier(text: string): VerifierKey | undefined {
  const key = parseVerifierKey(text);
  return key?.type === ED25519 ? key : undefined;
}
