import { createPrivateKey, sign } from 'node:crypto';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import type { SigningJwk } from './identity-keys.ts';

/** Three segments of base64url (RFC 7515, section 3.1), and the text that the signature covers. */
export type CompactJws = { header: string; payload: string; signature: string; signed: string };

const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/** Looks at the shape alone, so that garbage is refused for the price of one pass over at most `length_max` characters. */
export function splitJws(text: string, length_max: number): CompactJws | undefined {
  if (text.length > length_max || !COMPACT.test(text)) return undefined;
  const first = text.indexOf('.');
  const second = text.indexOf('.', first + 1);
  return {
    header: text.slice(0, first),
    payload: text.slice(first + 1, second),
    signature: text.slice(second + 1),
    signed: text.slice(0, second),
  };
}

/**
 * JSON.parse and not the gateway's strict reader: nobody else reads these bytes, so two readers cannot disagree, and each
 * member is checked for its type where it is used.
 */
export function decodeSegment(segment: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(segment, 'base64url').toString('utf8'));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** RFC 7515 with ES256, the signature as RFC 7518, section 3.4 has it. */
export function signJws(header: { typ: string }, claims: object, { kid, ...jwk }: SigningJwk): string {
  const signed = `${encode({ ...header, alg: 'ES256', kid })}.${encode(claims)}`;
  const key = createPrivateKey({ key: jwk, format: 'jwk' });
  const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
