import type { Random } from './clock.ts';

const ALPHABET = '0123456789abcdefghijklmnopqrstuv';
const CHARACTERS = 26;

/** What an id names; the prefix lets a person tell one from another in a message. */
export type IdKind =
  | 'rcp'
  | 'run'
  | 'tok'
  | 'key'
  | 'ses'
  | 'usr'
  | 'rep'
  | 'lst'
  | 'stp'
  | 'dlg'
  | 'ven'
  | 'set'
  | 'pin'
  | 'prv'
  | 'sim';

/** `<kind>_<26 characters>`: 130 random bits, so that an id says nothing about order, volume or time. */
export function newId(kind: IdKind, random: Random): string {
  const bytes = random(CHARACTERS);
  const text = Buffer.allocUnsafe(CHARACTERS);
  for (let at = 0; at < CHARACTERS; at += 1) text[at] = ALPHABET.charCodeAt((bytes[at] as number) & 31);
  return `${kind}_${text.toString('latin1')}`;
}

export function isId(kind: IdKind, text: string): boolean {
  return text.length === kind.length + 27 && text.startsWith(`${kind}_`) && /^[0-9a-v]{26}$/.test(text.slice(-26));
}
