import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Random } from '../../../core/clock.ts';
import type { JsonObject } from '../../../core/json.ts';
import { Secret } from '../../../core/secret.ts';
import type { VaultKind, VaultTerms } from './contract.ts';

/**
 * Each version of an entry has a data key of its own, wrapped by the key-encryption key: a rotation of that key wraps data
 * keys anew and touches no secret. Whoever can write to the database can delete or keep back an entry, and nothing else:
 * name, kind, version and everything that says whom it serves and where it may go are bound into the seal.
 */
export type Bound = { id: string; name: string; kind: VaultKind; version: number; terms: VaultTerms };

export type Envelope = {
  /** Which key-encryption key wrapped the data key. Says nothing about the key. */
  kek: string;
  wrapped: string;
  sealed: string;
};

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export function keyId(kek: Secret<Uint8Array>): string {
  return Buffer.from(hkdfSync('sha256', kek.reveal(), '', 'sallyport vault key id', 12)).toString('hex');
}

export function sealNew(contents: JsonObject, bound: Bound, kek: Secret<Uint8Array>, random: Random): Envelope {
  const data_key = new Secret(random(KEY_BYTES));
  return {
    kek: keyId(kek),
    wrapped: encrypt(data_key.reveal(), kek, wrapping(bound), random),
    sealed: sealWith(data_key, contents, 'contents', bound, random),
  };
}

/** @throws where the key is another, or anything that is bound was changed. */
export function openKey(envelope: Envelope, bound: Bound, kek: Secret<Uint8Array>): Secret<Uint8Array> {
  return new Secret(new Uint8Array(decrypt(envelope.wrapped, kek, wrapping(bound))));
}

export function rewrap(
  envelope: Envelope,
  bound: Bound,
  keys: { from: Secret<Uint8Array>; to: Secret<Uint8Array> },
  random: Random,
): Envelope {
  const data_key = openKey(envelope, bound, keys.from);
  return { ...envelope, kek: keyId(keys.to), wrapped: encrypt(data_key.reveal(), keys.to, wrapping(bound), random) };
}

/** `part` keeps what is sealed under one data key apart: the entry's contents, and the access token that they gave. */
export type Part = 'contents' | 'access';

export function sealWith(key: Secret<Uint8Array>, value: JsonObject, part: Part, bound: Bound, random: Random): string {
  return encrypt(Buffer.from(JSON.stringify(value), 'utf8'), key, sealing(bound, part), random);
}

/** @throws as `openKey` does. */
export function openWith(key: Secret<Uint8Array>, sealed: string, part: Part, bound: Bound): JsonObject {
  return JSON.parse(decrypt(sealed, key, sealing(bound, part)).toString('utf8')) as JsonObject;
}

function wrapping({ id, name, version }: Bound): Buffer {
  return Buffer.from(canonicalize(['sallyport vault data key', id, name, version]) as string);
}

function sealing({ id, name, kind, version, terms }: Bound, part: Part): Buffer {
  return Buffer.from(canonicalize(['sallyport vault', part, id, name, kind, version, terms]) as string);
}

function encrypt(plain: Uint8Array, key: Secret<Uint8Array>, bound: Buffer, random: Random): string {
  const nonce = random(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key.reveal(), nonce);
  cipher.setAAD(bound);
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url');
}

function decrypt(text: string, key: Secret<Uint8Array>, bound: Buffer): Buffer {
  const bytes = Buffer.from(text, 'base64url');
  const decipher = createDecipheriv(CIPHER, key.reveal(), bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(bound);
  decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
}
