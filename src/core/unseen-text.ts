import { isJsonObject, type JsonValue } from './json.ts';

/** Text that a person does not see, or sees as another: where it stands, and what is wrong with it. */
export type Flag = { path: string; what: 'hidden' | 'bidirectional' | 'tag'; characters: string };

const FLAGS_MAX = 50;
const BIDIRECTIONAL = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;
/** Copies of ASCII that are drawn as nothing: whole sentences hide in them. */
const TAG = /[\u{e0000}-\u{e007f}]/u;
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
/** Emoji are made with joiners, selectors and tags, and are seen. */
const EMOJI = /\p{RGI_Emoji}/gv;

/** Everything in a definition that is not seen, names included. */
export function flagsOf(value: JsonValue, path = '', found: Flag[] = []): Flag[] {
  if (found.length >= FLAGS_MAX) return found;
  if (typeof value === 'string') flagText(value, path, found);
  else if (Array.isArray(value)) for (const [at, item] of value.entries()) flagsOf(item, `${path}/${at}`, found);
  else if (isJsonObject(value)) {
    for (const [key, member] of Object.entries(value)) {
      flagText(key, `${path}/${key}`, found);
      flagsOf(member, `${path}/${key}`, found);
    }
  }
  return found;
}

function flagText(text: string, path: string, found: Flag[]): void {
  const rest = text.toWellFormed().replace(EMOJI, '');
  const unseen = [...new Set(rest.match(UNSEEN) ?? [])].filter((one) => one !== '\n' && one !== '\t' && one !== '\r');
  const of = (what: Flag['what'], characters: readonly string[]) => {
    if (characters.length === 0) return;
    const shown = characters
      .slice(0, 8)
      .map((one) => `U+${(one.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`);
    found.push({ path, what, characters: shown.join(' ') });
  };
  of(
    'tag',
    unseen.filter((one) => TAG.test(one)),
  );
  of(
    'bidirectional',
    unseen.filter((one) => BIDIRECTIONAL.test(one)),
  );
  of(
    'hidden',
    unseen.filter((one) => !TAG.test(one) && !BIDIRECTIONAL.test(one)),
  );
}

/** Letters and digits of other scripts that are drawn as one of ours, each before the one that it is taken for. */
const LOOKALIKES = new Map(
  [
    'a:аɑαａᴀ',
    'b:ьЬƄᏏ',
    'c:сϲᴄⅽ',
    'd:ԁɗⅾᏧ',
    'e:еєҽεᴇ',
    'f:ẝϝƒ',
    'g:ɡցԍɢ',
    'h:һհᏂ',
    'i:іιɩıї',
    'j:јϳ',
    'k:кκᴋ',
    'l:1Iⅼ|ӏІΙǀ',
    'm:мⅿᴍ',
    'n:ոռηп',
    'o:0оοσօᴏӧ',
    'p:рρ',
    'q:ԛզ',
    'r:гᴦʀ',
    's:ѕꜱ',
    't:тτᴛ',
    'u:υսцᴜ',
    'v:νѵⅴᴠ',
    'w:ԝωѡᴡ',
    'x:хχⅹ',
    'y:уүγʏ',
    'z:ᴢʐ',
    'A:АΑᎪ',
    'B:ВΒᏴ',
    'C:СϹᏟ',
    'D:Ꭰ',
    'E:ЕΕᎬ',
    'G:ԌᏀ',
    'H:НΗᎻ',
    'J:ЈᎫ',
    'K:КΚᏦ',
    'L:Ꮮ',
    'M:МΜᎷ',
    'N:Ν',
    'O:ОΟ',
    'P:РΡᏢ',
    'S:ЅᏚ',
    'T:ТΤᎢ',
    'V:ѴᏙ',
    'W:ԜᎳ',
    'X:ХΧ',
    'Y:ҮΥ',
    'Z:ΖᏃ',
    '-:‐‑‒–—−ー',
    '_:‗ˍ',
    '.:․。',
  ].flatMap((entry) => [...entry.slice(2)].map((other) => [other, entry.charAt(0)] as const)),
);

/** A letter of another script where an ordinary one is expected: its place in the text, and what it is taken for. */
export type Lookalike = { at: number; character: string; drawn_like: string };

/**
 * Letters that pass for others: in a word with letters of ours, or in a text that has no letter which says that it is in another
 * script. A sentence in Russian has some.
 */
export function lookalikesOf(text: string): Lookalike[] {
  const says = [...text].some((one) => /(?!\p{Script=Latin})\p{L}/u.test(one) && !LOOKALIKES.has(one));
  const found: Lookalike[] = [];
  for (const word of text.matchAll(/[\p{L}\p{N}\p{M}]+/gu)) {
    if (says && !/[A-Za-z]/.test(word[0])) continue;
    let at = word.index;
    for (const character of word[0]) {
      const drawn_like = LOOKALIKES.get(character);
      if (drawn_like !== undefined && character > '\u007f') found.push({ at, character, drawn_like });
      at += character.length;
    }
  }
  return found;
}

/** A name as it is drawn: two names of one skeleton cannot be told apart by a person. */
export function skeletonOf(name: string): string {
  const plain = name.toWellFormed().normalize('NFKD').replace(UNSEEN, '').replaceAll(/\p{M}/gu, '');
  const drawn = [...plain].map((one) => LOOKALIKES.get(one) ?? one).join('');
  return drawn.replaceAll('rn', 'm').replaceAll('vv', 'w').replaceAll('O', 'o');
}
