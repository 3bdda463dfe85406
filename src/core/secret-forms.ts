import type { Secret } from './secret.ts';

const MASK = '[secret]';
/** What is shorter stands in innocent text by chance. */
const CHARACTERS_MIN = 8;

/**
 * Replaces secrets in a text, as they are and as programs write them on: in base64 at any offset, in hex, percent-encoded,
 * escaped for JSON or HTML. It meets the server that echoes what it was sent; one that means to pass a secret on can always
 * write it in a way that nobody looks for.
 */
export type Masker = (text: string) => string;

/** Undefined where there is nothing to look for. */
export function maskerOf(secrets: readonly Secret[]): Masker | undefined {
  const forms = [...new Set(secrets.map((secret) => secret.reveal()).flatMap(formsOf))];
  if (forms.length === 0) return undefined;
  // The longest first: a form may be part of another.
  forms.sort((a, b) => b.length - a.length);
  return (text) => {
    let masked = text;
    for (const form of forms) if (masked.includes(form)) masked = masked.replaceAll(form, MASK);
    return masked;
  };
}

function formsOf(secret: string): string[] {
  if (secret.length < CHARACTERS_MIN) return [];
  const bytes = Buffer.from(secret, 'utf8');
  const hex = bytes.toString('hex');
  const percent = encodeURIComponent(secret);
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    percent,
    percent.toLowerCase(),
    percent.replaceAll('%20', '+'),
    secret.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;'),
    hex,
    hex.toUpperCase(),
    ...[0, 1, 2].flatMap((offset) => base64At(bytes, offset)),
  ];
}

/** The characters that are the same whatever stands before and after the secret, in both alphabets. */
function base64At(bytes: Uint8Array, offset: number): string[] {
  const first = Math.ceil((offset * 8) / 6);
  const end = Math.floor(((offset + bytes.length) * 8) / 6);
  const padded = Buffer.concat([Buffer.alloc(offset), bytes]);
  return [padded.toString('base64').slice(first, end), padded.toString('base64url').slice(first, end)];
}
