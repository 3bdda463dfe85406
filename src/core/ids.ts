import type { Random } from './clock.ts';

const ALPHABET = '0123456789abcdefghijklmnopqrstuv';

/** What an id names; the prefix lets a person tell one from another in a message. */
export type IdKind = 'rcp' | 'run' | 'tok' | 'key' | 'ses' | 'usr' | 'rep' | 'lst' | 'stp';

/** `<kind>_<26 characters>`: 130 random bits, so that an id says nothing about order, volume or time. */
export function newId(kind: IdKind, random: Random): string {
  const bytes = random(26);
  let text = '';
  for (const byte of bytes) text += ALPHABET[byte & 31];
  return `${kind}_${text}`;
}

export function isId(kind: IdKind, text: string): boolean {
  return text.length === kind.length + 27 && text.startsWith(`${kind}_`) && /^[0-9a-v]{26}$/.test(text.slice(-26));
}
