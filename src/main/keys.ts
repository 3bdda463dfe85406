import { generateKeyPairSync } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { IdentityKeys, SigningJwk } from '../controls/identity/index.ts';
import type { Random } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import { Secret } from '../core/secret.ts';

/** Beside identity's: `state` seals what is handed to agents and must come back unchanged. One for a whole fleet. */
export type Keys = IdentityKeys & { state: Secret<Uint8Array> };

const KEY_BYTES = 32;

/** The gateway's own keys: files of mode 0600 under the data folder, made at the first start. */
export function openKeys(folder: string, random: Random): Keys {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const bytes = (name: string) =>
    new Secret(
      readBytes(
        keep(join(folder, name), () => newBytes(random)),
        name,
      ),
    );
  const signing = keep(join(folder, 'token-signing.jwk'), () => newSigningKey(random));
  return {
    signing: new Secret(readSigningKey(signing)),
    sealing: bytes('identity-sealing.key'),
    state: bytes('agent-state.key'),
  };
}

/** Written beside its place, durable, and moved there: a crash leaves a whole key or none. */
function keep(path: string, make: () => string): string {
  if (existsSync(path)) return readFileSync(path, 'utf8').trim();
  const text = make();
  const beside = `${path}.new`;
  const file = openSync(beside, 'w', 0o600);
  writeSync(file, `${text}\n`);
  fsyncSync(file);
  closeSync(file);
  renameSync(beside, path);
  return text;
}

function newBytes(random: Random): string {
  return Buffer.from(random(KEY_BYTES)).toString('base64url');
}

function readBytes(text: string, name: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length !== KEY_BYTES) throw new Error(`${name} is not ${KEY_BYTES} bytes in base64url`);
  return new Uint8Array(bytes);
}

function newSigningKey(random: Random): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return JSON.stringify({ ...privateKey.export({ format: 'jwk' }), kid: newId('key', random) });
}

function readSigningKey(text: string): SigningJwk {
  const jwk = JSON.parse(text) as Partial<SigningJwk>;
  const { kty, crv, kid, x, y, d } = jwk;
  if (kty !== 'EC' || crv !== 'P-256' || !kid || !x || !y || !d) {
    throw new Error('token-signing.jwk is not a private P-256 key with a kid, in JWK form');
  }
  return { kty, crv, kid, x, y, d };
}
