import type { Secret } from '../../core/secret.ts';

/** The server's own keys. They never leave the data folder; the database holds public halves only. */
export type IdentityKeys = {
  /** Signs access tokens: a private JWK with its `kid`. Each replica may have its own. */
  signing: Secret<SigningJwk>;
  /** Seals authenticators' secrets (AES-256-GCM); the same on every replica of a fleet. */
  sealing: Secret<Uint8Array>;
};

export type SigningJwk = { kty: 'EC'; crv: 'P-256'; kid: string; x: string; y: string; d: string };
