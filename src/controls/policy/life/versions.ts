import { type Refusal, refuse } from '../../../core/refusal.ts';
import type { Sql } from '../../../storage/index.ts';
import { type Change, compareSets } from '../narrowing.ts';
import { readPolicies } from '../source.ts';
import { findSets, readActive, readProposed } from '../store.ts';
import type { PolicyFile } from '../types.ts';
import { allFiles, type Folder } from './candidate.ts';
import { patchOf } from './patch.ts';
import * as store from './store.ts';

/** A set that was active or proposed. */
export type Version = Omit<store.VersionRow, 'base'> & {
  base: string | undefined;
  state: 'active' | 'canary' | 'proposed' | 'past';
  /** The last one first. */
  activations: readonly store.Activation[];
};

export type Versions = {
  active: string;
  /** What a rollback would make active. */
  before: string | undefined;
  canary: store.CanaryRow | undefined;
  versions: readonly Version[];
};

export type VersionDetail = Change & {
  version: Version;
  files: readonly PolicyFile[];
  against: string;
  patch: string;
};

/** A set as it is stored, with the cases that belong to it. */
export type StoredFolder = Folder & { digest: string };

export async function readHistory(sql: Sql): Promise<Versions> {
  const active = (await readActive(sql))?.digest ?? '';
  const canary = await store.readCanary(sql);
  const activations = await store.readActivations(sql);
  const proposed = new Set(await readProposed(sql));
  const stateOf = (digest: string): Version['state'] => {
    if (digest === active) return 'active';
    if (digest === canary?.digest) return 'canary';
    return proposed.has(digest) ? 'proposed' : 'past';
  };
  const versions = (await store.readVersions(sql)).map(
    ({ base, ...row }): Version => ({
      ...row,
      base: base === '' ? undefined : base,
      state: stateOf(row.digest),
      activations: activations.filter(({ digest }) => digest === row.digest),
    }),
  );
  const back = activations[0]?.before_n ?? 0;
  const before = back === 0 ? undefined : await store.activation(sql, back);
  return { active, before: before?.digest, canary, versions };
}

/** By a digest, or as much of one as is unique. */
export async function findFolder(sql: Sql, prefix: string): Promise<StoredFolder | Refusal> {
  const [found, other] = await findSets(sql, prefix);
  if (found === undefined) return refuse('not_found', `no policy set ${prefix} has been proposed or was active`);
  if (other !== undefined) return refuse('input_invalid', `more than one policy set begins with ${prefix}`);
  const version = await store.readVersion(sql, found.digest);
  return { digest: found.digest, policies: found.files, tests: version?.tests ?? [] };
}

export function detailOf(
  version: Version,
  folder: StoredFolder,
  against: StoredFolder,
  fulfillable: Readonly<Record<string, readonly string[]>>,
): VersionDetail {
  const read = ({ policies }: Folder) => readPolicies(policies, fulfillable).policies;
  return {
    version,
    files: allFiles(folder),
    against: against.digest,
    ...compareSets(read(against), read(folder)),
    patch: patchOf(allFiles(against), allFiles(folder)),
  };
}
