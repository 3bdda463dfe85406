import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

type Question = { challenge: string; rp?: { id: string }; rpId?: string; user?: { id: string } };
/** What a dishonest authenticator or page changes. */
export type Changes = {
  origin?: string;
  rpId?: string;
  challenge?: string;
  type?: string;
  /** Bits of the flags (WebAuthn, section 6.1). */
  flags?: number;
  counter?: number;
  crossOrigin?: boolean;
};

const PRESENT = 0x01;
const VERIFIED = 0x04;
const ATTESTED = 0x40;

/** An authenticator as small as one can be: ES256, discoverable, no attestation. It says whatever a test wants. */
export class SoftPasskey {
  readonly id = randomBytes(32).toString('base64url');
  counter = 0;
  #key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  #user = '';

  create(question: unknown, origin: string, changes: Changes = {}): Record<string, unknown> {
    const asked = question as Question;
    this.#user = asked.user?.id ?? '';
    const { x, y } = this.#key.publicKey.export({ format: 'jwk' });
    const coordinates = [x, y].map((text) => Buffer.from(text!, 'base64url'));
    // COSE (RFC 9052): {1: 2, 3: -7, -1: 1, -2: x, -3: y}
    const cose = Buffer.concat([
      Buffer.from([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]),
      coordinates[0]!,
      Buffer.from([0x22, 0x58, 0x20]),
      coordinates[1]!,
    ]);
    const id = Buffer.from(this.id, 'base64url');
    const attested = Buffer.concat([Buffer.alloc(16), Buffer.from([0, id.length]), id, cose]);
    const data = this.#data(asked.rp?.id ?? '', changes, ATTESTED, attested);
    const head = Buffer.from([0xa3, ...text('fmt'), ...text('none'), ...text('attStmt'), 0xa0, ...text('authData')]);
    const length = Buffer.from([0x59, data.length >> 8, data.length & 255]);
    const attestationObject = Buffer.concat([head, length, data]).toString('base64url');
    const clientDataJSON = client('webauthn.create', asked.challenge, origin, changes).toString('base64url');
    return this.#answer({ attestationObject, clientDataJSON, transports: ['internal'] });
  }

  get(question: unknown, origin: string, changes: Changes = {}): Record<string, unknown> {
    const asked = question as Question;
    this.counter += 1;
    const data = this.#data(asked.rpId ?? '', changes, 0, Buffer.alloc(0));
    const said = client('webauthn.get', asked.challenge, origin, changes);
    const signature = sign('sha256', Buffer.concat([data, sha256(said)]), this.#key.privateKey);
    return this.#answer({
      authenticatorData: data.toString('base64url'),
      clientDataJSON: said.toString('base64url'),
      signature: signature.toString('base64url'),
      userHandle: this.#user,
    });
  }

  #data(rpId: string, changes: Changes, flags: number, rest: Buffer): Buffer {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(changes.counter ?? this.counter);
    const all = (changes.flags ?? PRESENT | VERIFIED) | flags;
    return Buffer.concat([sha256(Buffer.from(changes.rpId ?? rpId)), Buffer.from([all]), counter, rest]);
  }

  #answer(response: Record<string, unknown>): Record<string, unknown> {
    return { id: this.id, rawId: this.id, type: 'public-key', clientExtensionResults: {}, response };
  }
}

function client(type: string, challenge: string, origin: string, changes: Changes): Buffer {
  const said = { type, challenge, origin, crossOrigin: false, ...changes };
  return Buffer.from(
    JSON.stringify({ type: said.type, challenge: said.challenge, origin: said.origin, crossOrigin: said.crossOrigin }),
  );
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** A short text in CBOR (RFC 8949, section 3). */
function text(value: string): number[] {
  return [0x60 + value.length, ...Buffer.from(value)];
}
