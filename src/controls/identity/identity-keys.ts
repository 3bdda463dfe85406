import { generateKeyPairSync, randomBytes, type webcrypto } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { Secret } from '../../core/secret.ts';
import { type PublicJwk, thumbprintOf } from './jwk.ts';

/** The server's own keys. They never leave the data folder; the database holds public halves only. */
export type IdentityKeys = {
  /** Signs access tokens. Each replica may have its own: all public halves stand in the database, named by `kid`. */
  signing: Secret<SigningJwk>;
  /** Seals authenticators' secrets (AES-256-GCM); the same on every replica of a fleet. */
  sealing: Secret<Uint8Array>;
};

export type SigningJwk = { kty: 'EC'; crv: 'P-256'; kid: string; x: string; y: string; d: string };

const SIGNING_FILE = 'token-signing.jwk';
const SEALING_FILE = 'identity-sealing.key';
const SEALING_BYTES = 32;

/** Reads the keys of a data folder, and makes what is missing. Removing the signing file and starting again rotates it. */
export async function loadIdentityKeys(directory: string): Promise<IdentityKeys> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const signing = await readOrMake(join(directory, SIGNING_FILE), () => JSON.stringify(makeSigningKey()));
  const sealing = await readOrMake(join(directory, SEALING_FILE), () =>
    randomBytes(SEALING_BYTES).toString('base64url'),
  );
  return { signing: new Secret(readSigningKey(signing)), sealing: new Secret(readSealingKey(sealing)) };
}

/** Keys that live as long as the process: for tests, and for the simulator. */
export function makeIdentityKeys(): IdentityKeys {
  return { signing: new Secret(makeSigningKey()), sealing: new Secret(new Uint8Array(randomBytes(SEALING_BYTES))) };
}

export function publicHalf({ x, y }: SigningJwk): PublicJwk {
  return { kty: 'EC', crv: 'P-256', x, y };
}

function makeSigningKey(): SigningJwk {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x, y, d } = privateKey.export({ format: 'jwk' }) as Required<webcrypto.JsonWebKey>;
  return { kty: 'EC', crv: 'P-256', kid: thumbprintOf({ kty: 'EC', crv: 'P-256', x, y }), x, y, d };
}

function readSigningKey(text: string): SigningJwk {
  const jwk = JSON.parse(text) as Partial<SigningJwk>;
  if (jwk.kty !== 'EC' || jwk.crv !== 'P-256' || !jwk.x || !jwk.y || !jwk.d) {
    throw new Error(`${SIGNING_FILE} is not a private P-256 key in JWK form`);
  }
  const { x, y, d } = jwk;
  return { kty: 'EC', crv: 'P-256', kid: thumbprintOf({ kty: 'EC', crv: 'P-256', x, y }), x, y, d };
}

function readSealingKey(text: string): Uint8Array {
  const bytes = Buffer.from(text.trim(), 'base64url');
  if (bytes.length !== SEALING_BYTES) throw new Error(`${SEALING_FILE} is not ${SEALING_BYTES} bytes in base64url`);
  return new Uint8Array(bytes);
}

/** Written beside its place, durable, and moved there: a crash leaves a whole key or none. Only the owner may read it. */
async function readOrMake(path: string, make: () => string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const text = make();
  const beside = `${path}.new`;
  const file = await open(beside, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(beside, path);
  return text;
}
