import { createPrivateKey, createSecretKey, type KeyObject } from 'node:crypto';
import { chmod, mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Random } from '../../core/clock.ts';
import { ED25519, formatVerifierKey } from './note.ts';

/** What the log is signed with and what payload keys come from. In a fleet every replica has the same. */
export type LedgerKeys = {
  /** Ed25519; signs checkpoints. Whoever holds it can sign another history: hence witnesses and kept checkpoints. */
  signing: KeyObject;
  /** Each record's own key comes from it and the record's seed. */
  payload: KeyObject;
  /** Whether this start made them. */
  created: boolean;
};

/** DER of an Ed25519 private key before its 32 bytes (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** From 32 random bytes each; the simulator makes them from its seed. */
export function makeLedgerKeys(random: Random): LedgerKeys {
  return { signing: signingKey(random(32)), payload: createSecretKey(random(32)), created: true };
}

/**
 * Reads `log-signing.key` and `log-payload.key` in `folder`, or makes them: 32 bytes in hex each, for the owner only.
 * @throws where one is there and unreadable, or only one is there: a new key would orphan what the old one sealed.
 */
export async function openLedgerKeys(folder: string, random: Random): Promise<LedgerKeys> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const paths = { signing: join(folder, 'log-signing.key'), payload: join(folder, 'log-payload.key') };
  const [signing, payload] = await Promise.all([readKey(paths.signing), readKey(paths.payload)]);
  if (signing !== undefined && payload !== undefined) {
    return { signing: signingKey(signing), payload: createSecretKey(payload), created: false };
  }
  if (signing !== undefined) throw new Error(`${paths.payload} is missing, but ${paths.signing} is there`);
  if (payload !== undefined) throw new Error(`${paths.signing} is missing, but ${paths.payload} is there`);
  const made = { signing: random(32), payload: random(32) };
  await writeKey(paths.payload, made.payload);
  await writeKey(paths.signing, made.signing);
  return { signing: signingKey(made.signing), payload: createSecretKey(made.payload), created: true };
}

/** The key that verifies the log, `NAME+HASH+KEY`: what is given to auditors. */
export function ledgerVerifierKey(keys: LedgerKeys, origin: string): string {
  return formatVerifierKey(origin, ED25519, keys.signing);
}

function signingKey(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
}

async function readKey(path: string): Promise<Buffer | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  if (!/^[0-9a-f]{64}\n$/.test(text)) throw new Error(`${path} is not a key of the log`);
  await chmod(path, 0o600);
  return Buffer.from(text, 'hex');
}

/** `wx`: a key that is already there is never overwritten. */
async function writeKey(path: string, key: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(`${Buffer.from(key).toString('hex')}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}
