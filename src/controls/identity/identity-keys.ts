import type { Secret } from '../../core/secret.ts';
import type { PublicJwk } from './jwk.ts';

/** The server's own keys. Their private halves never leave the data folder; the database holds public halves only. */
export type IdentityKeys = {
  /** Signs access tokens. Each replica may have its own: all public halves stand in the database, named by `kid`. */
  signing: Secret<SigningJwk>;
  /** How it is replaced while the gateway runs. */
  succession: Succession;
  /** Seals authenticators' secrets (AES-256-GCM); the same on every replica of a fleet. */
  sealing: Secret<Uint8Array>;
  /** Seed of the Ed25519 key that signs pins of manifests; the same on every replica of a fleet. */
  pins: Secret<Uint8Array>;
};

export interface Succession {
  /** The key that comes next, durable; the same one until it is taken. */
  next(): Secret<SigningJwk>;
  /** Puts it, durable too, where `signing` is. */
  take(): void;
}

export type SigningJwk = { kty: 'EC'; crv: 'P-256'; kid: string; x: string; y: string; d: string };

export function publicHalf({ x, y }: SigningJwk): PublicJwk {
  return { kty: 'EC', crv: 'P-256', x, y };
}
