import { createCipheriv, createDecipheriv, hash, type KeyObject } from 'node:crypto';
import type { Random } from '../../core/clock.ts';
import type { JsonValue } from '../../core/json.ts';
import type { EntityRef } from '../../core/principal.ts';

/**
 * Payload: names, arguments, reasons. It lies beside the log, each record under a key of its own, which lies wrapped in the
 * same row; the receipt has only digests with a salt that is sealed too. Destroying the key erases the content and, with
 * the salt, the means to confirm a guess; the receipt stays what it was.
 */
export type Sealed = {
  /** The record's key, wrapped by the ledger's (AES key wrap, RFC 3394). */
  wrapped: Uint8Array;
  /** AES-256-GCM of the salt and the content; the receipt's id is authenticated with it. */
  sealed: Uint8Array;
};

export type Content = { names: JsonValue; value: JsonValue };

const WRAP_IV = Buffer.alloc(8, 0xa6);
/** A key seals exactly one record, so its nonce need not differ from another's. */
const NONCE = Buffer.alloc(12);
const TAG_BYTES = 16;
const SALT_HEX = 64;

export class Seal {
  readonly #key: KeyObject;
  readonly #random: Random;

  constructor(key: KeyObject, random: Random) {
    this.#key = key;
    this.#random = random;
  }

  /** 32 bytes in hex, one for each record. */
  salt(): string {
    return Buffer.from(this.#random(32)).toString('hex');
  }

  /** Digest for the receipt, and what lies beside it. */
  seal(id: string, salt: string, content: Content): Sealed & { digest: string } {
    const text = JSON.stringify({ names: content.names, value: content.value });
    const key = this.#random(32);
    const cipher = createCipheriv('aes-256-gcm', key, NONCE, { authTagLength: TAG_BYTES });
    cipher.setAAD(Buffer.from(id));
    const body = cipher.update(salt + text, 'utf8');
    cipher.final();
    const wrap = createCipheriv('id-aes256-wrap', this.#key, WRAP_IV);
    return {
      digest: contentDigest(salt, text),
      wrapped: wrap.update(key),
      sealed: Buffer.concat([body, cipher.getAuthTag()]),
    };
  }

  /** @throws where key, id and content do not belong together: someone exchanged them. */
  open(id: string, digest: string, { wrapped, sealed }: Sealed): Content {
    const unwrap = createDecipheriv('id-aes256-wrap', this.#key, WRAP_IV);
    const key = Buffer.concat([unwrap.update(wrapped), unwrap.final()]);
    const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.length);
    const cipher = createDecipheriv('aes-256-gcm', key, NONCE, { authTagLength: TAG_BYTES });
    cipher.setAAD(Buffer.from(id));
    cipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    const opened = cipher.update(bytes.subarray(0, -TAG_BYTES), undefined, 'utf8') + cipher.final('utf8');
    const [salt, text] = [opened.slice(0, SALT_HEX), opened.slice(SALT_HEX)];
    if (contentDigest(salt, text) !== digest) throw new Error(`the payload of ${id} is not the one its receipt names`);
    const content = JSON.parse(text) as Content;
    return { names: content.names, value: content.value };
  }
}

/** SHA-256 of the salt in hex, `payload`, NUL and the content. */
function contentDigest(salt: string, text: string): string {
  return hash('sha256', `${salt}payload\0${text}`, 'hex');
}

/** SHA-256 of the salt in hex, `name`, NUL, the type, NUL and the id: says nothing to one who can guess the name. */
export function nameDigest(salt: string, { type, id }: EntityRef): string {
  return hash('sha256', `${salt}name\0${type}\0${id}`, 'hex');
}
