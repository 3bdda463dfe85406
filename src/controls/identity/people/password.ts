import { argon2, timingSafeEqual } from 'node:crypto';
import type { Random } from '../../../core/clock.ts';

/** OWASP's parameters for argon2id: 19 MiB, two passes, one lane. About 25 ms of one core. */
const PARAMETERS = { memory: 19_456, passes: 2, parallelism: 1 };
const TAG_BYTES = 32;
const SALT_BYTES = 16;
/** Two at a time leave the thread pool's other threads to everybody else; more than a few waiting is a flood. */
const HASHES_AT_ONCE_MAX = 2;
const HASHES_WAITING_MAX = 16;
/** NIST SP 800-63B: length, and nothing about which characters. */
export const PASSWORD_CHARS_MIN = 12;
export const PASSWORD_CHARS_MAX = 256;
const DIFFERENT_CHARS_MIN = 5;

const PHC = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d)\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})$/;

export interface Passwords {
  /** As a PHC string; undefined where too many are being hashed. */
  hash(password: string): Promise<string | undefined>;
  /** `stored` undefined costs the same as a wrong password: whether an account exists cannot be timed. */
  verify(password: string, stored: string | undefined): Promise<boolean | 'busy'>;
}

/** What a person should change; undefined where the password will do. */
export function passwordProblem(password: string, name: string): string | undefined {
  const length = [...password].length;
  if (length < PASSWORD_CHARS_MIN || length > PASSWORD_CHARS_MAX) {
    return `A password has ${PASSWORD_CHARS_MIN} to ${PASSWORD_CHARS_MAX} characters.`;
  }
  if (new Set(password).size < DIFFERENT_CHARS_MIN) return 'Use more different characters in the password.';
  if (name !== '' && password.toLowerCase().includes(name.toLowerCase())) return 'The password contains the name.';
  return undefined;
}

export function openPasswords(random: Random): Passwords {
  const gate = new Gate();
  // No password gives these bytes; comparing with them only takes its time.
  const nobody = Buffer.from(random(TAG_BYTES));
  return {
    async hash(password) {
      const salt = Buffer.from(random(SALT_BYTES));
      const tag = await gate.run(() => derive(password, salt, PARAMETERS));
      return tag === 'busy' ? undefined : format(salt, tag);
    },
    async verify(password, stored) {
      const known = stored === undefined ? undefined : parse(stored);
      const salt = known?.salt ?? Buffer.alloc(SALT_BYTES, 1);
      const tag = await gate.run(() => derive(password, salt, known?.parameters ?? PARAMETERS));
      if (tag === 'busy') return 'busy';
      return timingSafeEqual(tag, known?.tag ?? nobody) && known !== undefined;
    },
  };
}

type Parameters = typeof PARAMETERS;

function derive(password: string, salt: Buffer, parameters: Parameters): Promise<Buffer> {
  // The same text typed on another system may come in another normal form (NIST SP 800-63B, section 3.1.1.2).
  const message = Buffer.from(password.normalize('NFKC'), 'utf8');
  return new Promise((resolve, reject) => {
    argon2('argon2id', { message, nonce: salt, tagLength: TAG_BYTES, ...parameters }, (error, tag) => {
      if (error) reject(error);
      else resolve(tag);
    });
  });
}

function format(salt: Buffer, tag: Buffer): string {
  const { memory, passes, parallelism } = PARAMETERS;
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${unpadded(salt)}$${unpadded(tag)}`;
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}

function parse(stored: string): { parameters: Parameters; salt: Buffer; tag: Buffer } {
  const found = PHC.exec(stored);
  if (found === null) throw new Error('a stored password hash is not an argon2id PHC string');
  const [memory, passes, parallelism] = found.slice(1, 4).map(Number) as [number, number, number];
  const parameters = { memory, passes, parallelism };
  return { parameters, salt: Buffer.from(found[4]!, 'base64'), tag: Buffer.from(found[5]!, 'base64') };
}

/** So many at once, so few waiting: a flood of sign-ins is refused, and everything else goes on. */
class Gate {
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  async run<T>(work: () => Promise<T>): Promise<T | 'busy'> {
    if (this.#running >= HASHES_AT_ONCE_MAX) {
      if (this.#waiting.length >= HASHES_WAITING_MAX) return 'busy';
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#running += 1;
    try {
      return await work();
    } finally {
      // The place is handed on, so nobody slips in before who waits.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}
