import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { SigningJwk } from '../controls/identity/index.ts';
import type { Random } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import { Secret } from '../core/secret.ts';

/** The gateway's own keys: files of mode 0600 under the data folder, made at the first start. */
export type Keys = {
  /** Signs access tokens. */
  signing: Secret<SigningJwk>;
  /** Seals what the database holds of people's authenticators; the same on every replica of a fleet. */
  sealing: Secret<Uint8Array>;
  /** Wraps the keys of sealed payloads; the same on every replica of a fleet. */
  payload: Secret<Uint8Array>;
  /** Seals what is handed to agents and must come back unchanged; the same on every replica of a fleet. */
  state: Secret<Uint8Array>;
};

const KEY_BYTES = 32;

export function openKeys(folder: string, random: Random): Keys {
  const keys = join(folder, 'keys');
  mkdirSync(keys, { recursive: true, mode: 0o700 });
  chmodSync(keys, 0o700);
  const secret = (name: string) =>
    new Secret(
      Uint8Array.from(
        Buffer.from(
          keep(keys, name, () => hex(random)),
          'hex',
        ),
      ),
    );
  return {
    signing: new Secret(JSON.parse(keep(keys, 'token-signing.jwk', () => newSigningKey(random))) as SigningJwk),
    sealing: secret('sealing.key'),
    payload: secret('payload.key'),
    state: secret('state.key'),
  };
}

/** Reads the file, or writes what `make` gives: durable before it is used, and never over one that is there. */
function keep(folder: string, name: string, make: () => string): string {
  const path = join(folder, name);
  if (existsSync(path)) return readFileSync(path, 'utf8').trim();
  const text = make();
  const file = openSync(path, 'wx', 0o600);
  writeSync(file, `${text}\n`);
  fsyncSync(file);
  closeSync(file);
  return text;
}

function hex(random: Random): string {
  return Buffer.from(random(KEY_BYTES)).toString('hex');
}

function newSigningKey(random: Random): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = privateKey.export({ format: 'jwk' });
  return JSON.stringify({ ...jwk, kid: newId('key', random) });
}
