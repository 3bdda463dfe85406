/**
 * Text from elsewhere, made harmless to look at. Terminal escapes, bidirectional overrides ("Trojan source"), zero-width
 * characters and invisible tags are shown as what they are, so that nothing is hidden from the reader and nothing acts.
 */
// Controls; formats, among them the bidirectional ones; line and paragraph separators; what is drawn as nothing.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

const FAMILIAR: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** One line of text in which every character can be seen: `a\u202eb` becomes `a<U+202E>b`. */
export function visibleText(text: string): string {
  return text.toWellFormed().replace(UNSEEN, (unseen) => FAMILIAR[unseen] ?? `<U+${codePoint(unseen)}>`);
}

/** The same in parts, each with its place in the text, for a page that draws what is unseen as marks of their own. */
export function visibleParts(text: string): { text: string; unseen: boolean; at: number }[] {
  const parts: { text: string; unseen: boolean; at: number }[] = [];
  const wellFormed = text.toWellFormed();
  let from = 0;
  for (const match of wellFormed.matchAll(UNSEEN)) {
    if (match.index > from) parts.push({ text: wellFormed.slice(from, match.index), unseen: false, at: from });
    parts.push({ text: FAMILIAR[match[0]] ?? `U+${codePoint(match[0])}`, unseen: true, at: match.index });
    from = match.index + match[0].length;
  }
  if (from < wellFormed.length) parts.push({ text: wellFormed.slice(from), unseen: false, at: from });
  return parts;
}

/** The same over several lines, which stay lines. */
export function visibleLines(text: string): string {
  return text.split(/\r?\n/).map(visibleText).join('\n');
}

/** JSON that stays the same value and shows nothing unseen: such characters stand as escapes. */
export function visibleJson(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, undefined, indent) ?? 'null';
  return text.replace(UNSEEN, (unseen) => (unseen === '\n' ? unseen : escapeUnits(unseen)));
}

/** How a character is named in the Unicode standard: `U+202E`. */
export function codePointName(character: string): string {
  return `U+${codePoint(character)}`;
}

function codePoint(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
}

function escapeUnits(character: string): string {
  let out = '';
  for (let at = 0; at < character.length; at += 1) {
    out += `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`;
  }
  return out;
}
