import { generateKeyPairSync } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type {
  AuthorityKeys,
  AuthorityShelf,
  IdentityKeys,
  SignalsJwk,
  SigningJwk,
  Succession,
} from '../controls/identity/index.ts';
import type { Random } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import { Secret } from '../core/secret.ts';

/**
 * Beside identity's: `state` seals what is handed to agents and must come back unchanged, `vault` what upstreams are shown where
 * the configuration names no other key. One for a whole fleet.
 */
export type Keys = IdentityKeys & {
  state: Secret<Uint8Array>;
  vault: Secret<Uint8Array>;
  /** Of the trust domain; each replica holds its own. */
  authorities: AuthorityShelf;
  /** Signs security events; made when it is first asked for. One for a whole fleet. */
  signals(): Secret<SignalsJwk>;
};

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
  const keys: Keys = {
    signing: signingKey(join(folder, SIGNING), random),
    succession: succession(folder, random, (key) => {
      keys.signing = key;
    }),
    sealing: bytes('identity-sealing.key'),
    pins: bytes('manifest-pins.key'),
    state: bytes('agent-state.key'),
    vault: bytes('vault.key'),
    authorities: authorityShelf(join(folder, 'spiffe'), random),
    signals: once(
      () =>
        new Secret(JSON.parse(keep(join(folder, 'signals-signing.jwk'), () => newSignalsKey(random))) as SignalsJwk),
    ),
  };
  return keys;
}

const SIGNING = 'token-signing.jwk';
const SIGNING_NEXT = 'token-signing-next.jwk';

function signingKey(path: string, random: Random): Secret<SigningJwk> {
  const text = keep(path, () => JSON.stringify(newSigningKey(random)));
  return new Secret(readSigningKey(JSON.parse(text), path));
}

function succession(folder: string, random: Random, taken: (key: Secret<SigningJwk>) => void): Succession {
  const next = join(folder, SIGNING_NEXT);
  return {
    next: () => signingKey(next, random),
    take() {
      const key = signingKey(next, random);
      renameSync(next, join(folder, SIGNING));
      taken(key);
    },
  };
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function newSignalsKey(random: Random): string {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  return JSON.stringify({ ...privateKey.export({ format: 'jwk' }), kid: newId('key', random) });
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

function newSigningKey(random: Random): SigningJwk {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...(privateKey.export({ format: 'jwk' }) as Omit<SigningJwk, 'kid'>), kid: newId('key', random) };
}

function readSigningKey(jwk: Partial<SigningJwk>, name: string): SigningJwk {
  const { kty, crv, kid, x, y, d } = jwk;
  if (kty !== 'EC' || crv !== 'P-256' || !kid || !x || !y || !d) {
    throw new Error(`${name} is not a private P-256 key with a kid, in JWK form`);
  }
  return { kty, crv, kid, x, y, d };
}

/** One file for each authority, named by it. The folder is made with the first. */
function authorityShelf(folder: string, random: Random): AuthorityShelf {
  const fileOf = (kid: string): string => join(folder, `${kid}.json`);
  const read = (path: string): Secret<AuthorityKeys> => {
    const { x509, jwt } = JSON.parse(readFileSync(path, 'utf8')) as AuthorityKeys;
    return new Secret({ x509: readSigningKey(x509, path), jwt: readSigningKey(jwt, path) });
  };
  return {
    list: () =>
      existsSync(folder)
        ? readdirSync(folder)
            .filter((file) => file.endsWith('.json'))
            .map((file) => read(join(folder, file)))
        : [],
    make() {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const keys: AuthorityKeys = { x509: newSigningKey(random), jwt: newSigningKey(random) };
      keep(fileOf(keys.x509.kid), () => JSON.stringify(keys));
      return new Secret(keys);
    },
    remove: (kid) => rmSync(fileOf(kid), { force: true }),
  };
}
