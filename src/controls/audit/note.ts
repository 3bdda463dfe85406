import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';

/**
 * Signed notes, C2SP signed-note v1.0.0: a text, an empty line, and one line for each signature,
 * `— <name> base64(key id ‖ signature)`. Lines of unknown keys are ignored; a known key that fails rejects the note.
 */
export type SignedNote = { text: string; signatures: readonly NoteSignature[] };
export type NoteSignature = { name: string; keyId: string; signature: Buffer; line: string };

/** Signature types of the specification that are used here. */
export const ED25519 = 0x01;
export const COSIGNATURE_V1 = 0x04;

export type VerifierKey = { name: string; keyId: string; type: typeof ED25519 | typeof COSIGNATURE_V1; key: KeyObject };

/** A note is small; whatever is larger is no note. */
const NOTE_CHARACTERS_MAX = 1_000_000;
const SIGNATURES_MAX = 100;
const SIGNATURE_LINE = /^— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/;

/** DER of an Ed25519 public key before its 32 bytes (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

export function publicBytes(key: KeyObject): Buffer {
  const open = key.type === 'private' ? createPublicKey(key) : key;
  return open.export({ type: 'spki', format: 'der' }).subarray(SPKI_PREFIX.length);
}

export function noteKeyId(name: string, type: number, publicKey: Uint8Array): string {
  const input = [Buffer.from(`${name}\n`), Buffer.of(type), publicKey];
  return createHash('sha256').update(Buffer.concat(input)).digest('hex').slice(0, 8);
}

/** `NAME+HASH+KEY`, as operators hand it to whoever verifies. */
export function formatVerifierKey(name: string, type: number, key: KeyObject): string {
  const bytes = publicBytes(key);
  const encoded = Buffer.concat([Buffer.of(type), bytes]).toString('base64');
  return `${name}+${noteKeyId(name, type, bytes)}+${encoded}`;
}

/** Undefined where the text is no verifier key of a known type. */
export function parseVerifierKey(text: string): VerifierKey | undefined {
  const found = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/.exec(text.trim());
  const [, name = '', keyId = '', encoded = ''] = found ?? [];
  const bytes = Buffer.from(encoded, 'base64');
  const type = bytes[0];
  if (bytes.length !== 33 || (type !== ED25519 && type !== COSIGNATURE_V1)) return undefined;
  if (noteKeyId(name, type, bytes.subarray(1)) !== keyId) return undefined;
  const der = Buffer.concat([SPKI_PREFIX, bytes.subarray(1)]);
  return { name, keyId, type, key: createPublicKey({ key: der, format: 'der', type: 'spki' }) };
}

/** `text` ends with a newline. */
export function signNote(text: string, name: string, key: KeyObject): string {
  const keyId = noteKeyId(name, ED25519, publicBytes(key));
  const signature = Buffer.concat([Buffer.from(keyId, 'hex'), sign(null, Buffer.from(text), key)]);
  return `${text}\n— ${name} ${signature.toString('base64')}\n`;
}

/** Undefined where it is no signed note. */
export function parseNote(note: string): SignedNote | undefined {
  const end = note.lastIndexOf('\n\n');
  if (end < 0 || !note.endsWith('\n') || note.length > NOTE_CHARACTERS_MAX || hasControl(note)) return undefined;
  const lines = note.slice(end + 2, -1).split('\n');
  if (lines.length > SIGNATURES_MAX) return undefined;
  const signatures: NoteSignature[] = [];
  for (const line of lines) {
    const [, name = '', encoded = ''] = SIGNATURE_LINE.exec(line) ?? [];
    const bytes = Buffer.from(encoded, 'base64');
    if (name === '' || bytes.length < 5) return undefined;
    const keyId = bytes.subarray(0, 4).toString('hex');
    signatures.push({ name, keyId, signature: bytes.subarray(4), line: `${line}\n` });
  }
  return { text: note.slice(0, end + 1), signatures };
}

export type NoteCheck =
  | { valid: true; by: readonly { key: VerifierKey; time: number | undefined }[] }
  | { valid: false; reason: string };

/** Which of `keys` signed the note. One that names a known key and fails rejects all of it. */
export function checkNote(note: SignedNote, keys: readonly VerifierKey[]): NoteCheck {
  const by: { key: VerifierKey; time: number | undefined }[] = [];
  for (const signature of note.signatures) {
    const key = keys.find(({ name, keyId }) => name === signature.name && keyId === signature.keyId);
    if (key === undefined || by.some((earlier) => earlier.key === key)) continue;
    const checked = checkSignature(note.text, signature.signature, key);
    if (!checked.valid) return { valid: false, reason: `the signature of ${key.name} does not verify` };
    by.push({ key, time: checked.time });
  }
  return { valid: true, by };
}

function checkSignature(text: string, signature: Buffer, key: VerifierKey): { valid: boolean; time?: number } {
  if (key.type === ED25519) return { valid: verify(null, Buffer.from(text), key.key, signature) };
  // C2SP tlog-cosignature: the time in seconds is signed before the text and carried before the signature.
  if (signature.length !== 72) return { valid: false };
  const time = Number(signature.readBigUInt64BE(0));
  const signed = Buffer.from(cosignedText(text, time));
  return { valid: verify(null, signed, key.key, signature.subarray(8)), time };
}

export function cosignedText(text: string, time: number): string {
  return `cosignature/v1\ntime ${time}\n${text}`;
}

/** Control characters other than newline could show a person another text than was signed. */
function hasControl(note: string): boolean {
  return /[\u0000-\u0009\u000b-\u001f\u007f]/.test(note) || !note.isWellFormed();
}
