import { createPublicKey, type KeyObject } from 'node:crypto';
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../../../core/json.ts';
import { type ParsedCertificate, readCertificate } from './certificate.ts';

/** SPIFFE Trust Domain and Bundle, section 4: what verifies the SVIDs of one trust domain. */
export type Bundle = {
  trust_domain: string;
  authorities: readonly ParsedCertificate[];
  /** Keys of JWT-SVIDs by `kid`. */
  keys: ReadonlyMap<string, BundleKey>;
  sequence: number | undefined;
  refresh_seconds: number | undefined;
};

export type BundleKey = { key: KeyObject; jwk: JsonObject };

export const BUNDLE_BYTES_MAX = 256 * 1024;
const KEYS_MAX = 100;
const KID_CHARS_MAX = 256;

/** @returns why not, where it is none. Keys of other uses are passed over, as section 4.2.2 asks. */
export function readBundle(text: string, trust_domain: string): Bundle | string {
  if (Buffer.byteLength(text) > BUNDLE_BYTES_MAX) return `it has more than ${BUNDLE_BYTES_MAX} bytes`;
  const document = parsed(text);
  const keys = document?.keys;
  if (document === undefined || !Array.isArray(keys)) return 'it is not a JSON object with keys';
  if (keys.length > KEYS_MAX) return `it has more than ${KEYS_MAX} keys`;
  const authorities: ParsedCertificate[] = [];
  const jwt = new Map<string, BundleKey>();
  for (const jwk of keys.filter(isJsonObject)) {
    const problem = readKey(jwk, authorities, jwt);
    if (problem !== undefined) return problem;
  }
  const { spiffe_sequence: sequence, spiffe_refresh_hint: hint } = document;
  return {
    trust_domain,
    authorities,
    keys: jwt,
    sequence: Number.isSafeInteger(sequence) ? (sequence as number) : undefined,
    refresh_seconds: Number.isSafeInteger(hint) ? (hint as number) : undefined,
  };
}

function parsed(text: string): JsonObject | undefined {
  try {
    const document = parseJson(Buffer.from(text));
    return isJsonObject(document) ? document : undefined;
  } catch {
    return undefined;
  }
}

function readKey(jwk: JsonObject, authorities: ParsedCertificate[], keys: Map<string, BundleKey>): string | undefined {
  if (jwk.use === 'x509-svid') {
    const certificate = certificateOf(jwk.x5c);
    if (certificate === undefined) return 'an x509-svid key has not exactly one readable certificate in x5c';
    if (!certificate.authority) return 'an x509-svid key is a certificate without CA:TRUE';
    authorities.push(certificate);
  } else if (jwk.use === 'jwt-svid') {
    const { kid } = jwk;
    const key = publicKeyOf(jwk);
    if (typeof kid !== 'string' || kid === '' || kid.length > KID_CHARS_MAX || keys.has(kid)) {
      return 'a jwt-svid key has no kid of its own';
    }
    if (key === undefined) return 'a jwt-svid key cannot be read';
    keys.set(kid, { key, jwk });
  }
  return undefined;
}

function certificateOf(x5c: JsonValue | undefined): ParsedCertificate | undefined {
  if (!Array.isArray(x5c) || x5c.length !== 1 || typeof x5c[0] !== 'string') return undefined;
  return readCertificate(Buffer.from(x5c[0], 'base64'));
}

function publicKeyOf(jwk: JsonObject): KeyObject | undefined {
  if ('d' in jwk || (jwk.kty !== 'EC' && jwk.kty !== 'RSA')) return undefined;
  try {
    return createPublicKey({ key: jwk as Record<string, string>, format: 'jwk' });
  } catch {
    return undefined;
  }
}

/** The same as others read it. */
export function writeBundle({ authorities, keys, sequence, refresh_seconds }: Bundle): JsonObject {
  return {
    keys: [
      ...authorities.map(({ der, x509 }) => ({
        ...(x509.publicKey.export({ format: 'jwk' }) as JsonObject),
        use: 'x509-svid',
        x5c: [der.toString('base64')],
      })),
      ...[...keys].map(([kid, { jwk }]) => ({ ...jwk, kid, use: 'jwt-svid' })),
    ],
    ...(sequence === undefined ? {} : { spiffe_sequence: sequence }),
    ...(refresh_seconds === undefined ? {} : { spiffe_refresh_hint: refresh_seconds }),
  };
}
