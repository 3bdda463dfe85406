import type { Migration } from '../../storage/index.ts';
import { connectionMigrations } from './connections/store.ts';
import { federationMigrations } from './federation/store.ts';
import { manifestMigrations } from './manifests/store.ts';
import { peopleMigrations } from './people/store.ts';
import { signalMigrations } from './signals/store.ts';
import { spiffeMigrations } from './spiffe/store.ts';
import { baseMigrations } from './store/migrations.ts';
import { upstreamTokenMigrations } from './upstream-tokens/store.ts';
import { vaultMigrations } from './vault/store.ts';

/** Each folder's tables, in an order of its own. */
export const identityMigrations: readonly Migration[] = [
  ...baseMigrations,
  ...federationMigrations,
  ...vaultMigrations,
  ...spiffeMigrations,
  ...peopleMigrations,
  ...signalMigrations,
  ...upstreamTokenMigrations,
  ...connectionMigrations,
  ...manifestMigrations,
];
