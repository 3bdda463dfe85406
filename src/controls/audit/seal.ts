import { createCipheriv, createDecipheriv, hash, type KeyObject } from 'node:crypto';
import type { Random } from '../../core/clock.ts';
import type { JsonValue } from '../../core/json.ts';
import type { EntityRef } from '../../core/principal.ts';

/**
 * Payload: names, arguments, reasons. It lies beside the log, each record under a key of its own; the receipt has only
 * digests with a salt that is sealed too. The record's key comes from the ledger's key and a random seed that lies in the
 * row (HKDF-Expand, RFC 5869): neither gives it alone. Destroying the seed destroys the key, and so the content and, with
 * the salt, the means to confirm a guess; the receipt stays what it was.
 */
export type Sealed = {
  seed: Uint8Array;
  /** AES-256-GCM of the salt and the content. That it is this record's, the digest in the receipt shows. */
  sealed: Uint8Array;
};

export type Content = { names: JsonValue; value: JsonValue };

/** A key seals exactly one record, so its nonce need not differ from another's. */
const NONCE = Buffer.alloc(12);
const SEED_BYTES = 32;
const TAG_BYTES = 16;
const SALT_HEX = 64;

export class Seal {
  readonly #expand: (info: Uint8Array) => Buffer;
  readonly #random: Random;

  constructor(key: KeyObject, random: Random) {
    this.#expand = expander(key.export());
    this.#random = random;
  }

  /** 32 bytes in hex, one for each record. */
  salt(): string {
    return Buffer.from(this.#random(32)).toString('hex');
  }

  /** Digest for the receipt, and what lies beside it. */
  seal(salt: string, content: Content): Sealed & { digest: string } {
    const text = JSON.stringify({ names: content.names, value: content.value });
    const seed = this.#random(SEED_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#expand(seed), NONCE, { authTagLength: TAG_BYTES });
    const body = cipher.update(salt + text, 'utf8');
    cipher.final();
    return { digest: contentDigest(salt, text), seed, sealed: Buffer.concat([body, cipher.getAuthTag()]) };
  }

  /** @throws where it was sealed with another key, changed, or is not the content that the receipt names. */
  open(digest: string, { seed, sealed }: Sealed): Content {
    const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.length);
    const cipher = createDecipheriv('aes-256-gcm', this.#expand(seed), NONCE, { authTagLength: TAG_BYTES });
    cipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    const opened = cipher.update(bytes.subarray(0, -TAG_BYTES), undefined, 'utf8') + cipher.final('utf8');
    const [salt, text] = [opened.slice(0, SALT_HEX), opened.slice(SALT_HEX)];
    if (contentDigest(salt, text) !== digest) throw new Error('the payload is not the one that its receipt names');
    const content = JSON.parse(text) as Content;
    return { names: content.names, value: content.value };
  }
}

/**
 * HKDF-Expand to 32 bytes: HMAC-SHA-256 of the info and 0x01. Written with the one-shot hash, which costs a third of
 * Node's HMAC; a test holds it against `node:crypto`.
 */
export function expander(key: Uint8Array): (info: Uint8Array) => Buffer {
  const [inner, outer] = [0x36, 0x5c].map((pad) => Buffer.alloc(64, pad).map((byte, at) => byte ^ (key[at] ?? 0)));
  const first = Buffer.concat([inner!, Buffer.alloc(SEED_BYTES), Buffer.of(1)]);
  const second = Buffer.concat([outer!, Buffer.alloc(32)]);
  return (info) => {
    first.set(info, 64);
    second.write(hash('sha256', first, 'hex'), 64, 'hex');
    return Buffer.from(hash('sha256', second, 'hex'), 'hex');
  };
}

/** SHA-256 of the salt in hex, `payload`, NUL and the content. */
function contentDigest(salt: string, text: string): string {
  return hash('sha256', `${salt}payload\0${text}`, 'hex');
}

/** SHA-256 of the salt in hex, `name`, NUL, the type, NUL and the id: says nothing to one who can guess the name. */
export function nameDigest(salt: string, { type, id }: EntityRef): string {
  return hash('sha256', `${salt}name\0${type}\0${id}`, 'hex');
}
