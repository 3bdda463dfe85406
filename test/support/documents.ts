import type { IdentityParts } from '../../src/controls/identity/index.ts';
import type { Documents } from '../../src/core/document.ts';
import { refuse } from '../../src/core/refusal.ts';

const nowhere = async () => refuse('upstream_unavailable', 'this test has no network');

/** For tests in which nothing is fetched. */
export const noDocuments: Documents = { learned: nowhere, configured: () => nowhere };

/** Where no client may sign anybody in. */
export const closedAuthorization = {
  console_url: () => 'http://127.0.0.1:2',
  origins: () => new Set<string>(),
  authorization: () => NOBODY,
} satisfies Partial<IdentityParts>;
const NOBODY = { sign_in: [], registration: false, dpop_nonces: 'off' } as const;
