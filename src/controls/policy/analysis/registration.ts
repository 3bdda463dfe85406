import type { ServerCatalog } from '../../../core/manifest.ts';
import type { Each } from '../catalog.ts';
import type { KnownAgent } from './types.ts';

/** What there is: agents and servers, as a gateway or a file of cases knows them. Empty where nothing is known. */
export type Registration = {
  catalogs: readonly ServerCatalog[];
  agents: readonly KnownAgent[];
  /** Servers that are configured. One that has not told yet what it offers has no catalog. */
  servers: readonly string[];
  /** Whether this is all that there is: a gateway knows, a folder of files does not. */
  complete: boolean;
  each?: Each | undefined;
  fulfillable: Readonly<Record<string, readonly string[]>>;
};
