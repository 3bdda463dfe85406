import { randomBytes } from 'node:crypto';
import type { IdentityParts } from '../../src/controls/identity/index.ts';
import { Secret } from '../../src/core/secret.ts';

/** A vault under a key of this test's. */
export function vaultParts(
  key: Secret<Uint8Array> = new Secret(new Uint8Array(randomBytes(32))),
): IdentityParts['vault'] {
  return { keys: { current: async () => key, previous: () => [] }, addresses: [] };
}
