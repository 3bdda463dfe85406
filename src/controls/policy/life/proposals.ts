import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import type { Transaction } from '../../../storage/index.ts';
import type { Engine } from '../engine.ts';
import { loadPolicies } from '../folder.ts';
import type { PolicyParts } from '../open.ts';
import { digestOf } from '../source.ts';
import { readActive, writeProposal } from '../store.ts';
import type { PolicyFile, Proposed, TestRun } from '../types.ts';
import { storeFolder } from './activation.ts';
import {
  allFiles,
  type Candidate,
  candidateOf,
  check,
  countsOf,
  digestOfTests,
  type Folder,
  runCases,
  wrongWith,
} from './candidate.ts';
import { transact } from './change.ts';
import { patchOf } from './patch.ts';
import { findFolder, readHistory, type StoredFolder } from './versions.ts';

export type How = { by: string; why: string; write_folder: boolean };

const NOTHING: StoredFolder = { digest: '', policies: [], tests: [] };

/**
 * A person's edit, or an accepted suggestion. Where the folder is the source it is never stored beside it: it becomes a
 * patch, or is written there, so that folder and gateway do not tell two stories.
 */
export async function propose(
  parts: PolicyParts,
  engine: Engine,
  candidate: Candidate,
  how: How,
): Promise<Proposed | { kind: 'written'; digest: string } | Refusal> {
  if (parts.two_persons() && !how.by.startsWith('person:')) {
    const sentence = 'Sign in to propose: who proposed a set may not activate it here (policy.two_persons).';
    return refuse('sign_in_required', sentence, { public: sentence });
  }
  const inFolder = parts.source() === 'folder';
  const base = inFolder ? await readFolder(parts) : await readBase(parts, undefined);
  if (isRefusal(base)) return base;
  const moved = await hasMoved(parts, candidate.base, base);
  if (moved !== undefined) return moved;
  const folder = candidateOf(candidate, base);
  if (isRefusal(folder)) return folder;
  const checked = await check(folder, parts.fulfillable, engine.registered, turn);
  const wrong = wrongWith(checked);
  if (wrong !== undefined) return wrong;
  const set = { digest: checked.digest, ...folder };
  if (!inFolder) return waits(parts, set, base, how);
  if (!how.write_folder) {
    const patch = patchOf(allFiles(base), allFiles(folder));
    return { kind: 'patch', set: set.digest, patch, folder: parts.folder, tests: runCases(folder) };
  }
  return (await writeFolder(parts.folder, base, folder)) ?? { kind: 'written', digest: set.digest };
}

/** Edits are of what their author saw. Another set since, or a folder that differs from it, would be undone unseen. */
async function hasMoved(
  parts: PolicyParts,
  seen: string | undefined,
  base: StoredFolder,
): Promise<Refusal | undefined> {
  const expected = seen ?? (await readActive(parts.db))?.digest ?? '';
  if (base.digest === '' || base.digest.startsWith(expected)) return undefined;
  const sentence =
    parts.source() === 'folder'
      ? 'The folder of policies differs from the set that this is an edit of. Activate what waits, or take it back, first.'
      : 'Another policy set became active since. Look at it, and make the edit again.';
  return refuse('policy_changed', `an edit of ${expected}, of what is ${base.digest}`, { public: sentence });
}

async function readBase({ db }: PolicyParts, digest: string | undefined): Promise<StoredFolder | Refusal> {
  const wanted = digest ?? (await readActive(db))?.digest;
  return wanted === undefined ? NOTHING : findFolder(db, wanted);
}

async function readFolder({ folder }: PolicyParts): Promise<StoredFolder | Refusal> {
  const policies = await loadPolicies(folder);
  const tests = await loadPolicies(folder, '.test.yaml');
  const [problem] = [...policies.problems, ...tests.problems];
  if (problem !== undefined) return refuse('input_invalid', problem.message, { public: problem.message });
  return { digest: digestOf(policies.files), policies: policies.files, tests: tests.files };
}

async function waits(parts: PolicyParts, set: StoredFolder, base: StoredFolder, how: How): Promise<Proposed | Refusal> {
  if (set.digest === base.digest && digestOfTests(set.tests) === digestOfTests(base.tests)) {
    return stands(parts, set.digest);
  }
  const done = await transact(parts, (tx) => store(parts, tx, { set, base: base.digest, by: how.by, why: how.why }));
  return isRefusal(done) ? done : stands(parts, set.digest);
}

/** Writes a proposal, once, with its receipt. */
export async function store(
  parts: PolicyParts,
  tx: Transaction,
  { set, base, by, why }: { set: StoredFolder; base: string; by: string; why: string },
): Promise<void> {
  await storeFolder(tx, set, { author: by, reason: why, base, ...countsOf(set) });
  if (set.digest === base || !(await writeProposal(tx, set.digest, by))) return;
  await parts.record(tx, {
    event: 'policy.propose',
    by: by === 'folder' ? 'gateway' : by,
    subject: set.digest,
    before: base === '' ? null : base,
    after: set.digest,
    ...(why === '' ? {} : { payload: { why } }),
  });
}

/** What came of a set that is stored by now. */
export async function stands({ db }: PolicyParts, digest: string): Promise<Proposed | Refusal> {
  const active = await readActive(db);
  if (active?.digest === digest) return { kind: 'active', active };
  const { versions } = await readHistory(db);
  const version = versions.find((one) => one.digest === digest);
  const folder = await findFolder(db, digest);
  if (version === undefined) return refuse('not_found', `the set ${digest} was not taken over`);
  return isRefusal(folder) ? folder : { kind: 'proposed', version, tests: runCases(folder) };
}

/** Cases against a set that may be nowhere yet; without any of its own, and none given, there is nothing to pass. */
export async function test(
  parts: PolicyParts,
  engine: Engine,
  candidate: Candidate,
  cases: readonly PolicyFile[] | undefined,
): Promise<TestRun | Refusal> {
  const base = await readBase(parts, candidate.base);
  if (isRefusal(base)) return base;
  const given = candidate.files !== undefined || candidate.edits !== undefined;
  const folder = given ? candidateOf(candidate, base) : base;
  if (isRefusal(folder)) return folder;
  const { problems } = await check(folder, parts.fulfillable, engine.registered, turn);
  // Cases that somebody types are about what is registered here; those of a set bring what they are about.
  const run =
    cases === undefined ? runCases(folder) : runCases({ policies: folder.policies, tests: cases }, engine.catalogs);
  const wrong = problems.filter(({ severity }) => severity === 'error');
  return { ...run, problems: [...wrong, ...run.problems], passed: run.passed && wrong.length === 0 };
}

/** Lets whatever waits be decided first. No time passes by it: it is the event loop's turn, not the clock's. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** File by file, each whole: an editor, or the watcher, sees the old text or the new one. */
async function writeFolder(folder: string, base: Folder, next: Folder): Promise<Refusal | undefined> {
  const before = new Map(allFiles(base).map(({ name, text }) => [name, text]));
  const after = new Map(allFiles(next).map(({ name, text }) => [name, text]));
  try {
    for (const [name, text] of after) {
      if (before.get(name) === text) continue;
      const temporary = join(folder, `.${name}.new`);
      await writeFile(temporary, text, { mode: 0o644 });
      await rename(temporary, join(folder, name));
    }
    for (const name of before.keys()) if (!after.has(name)) await rm(join(folder, name), { force: true });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    const sentence = `The folder of policies cannot be written: ${code}. Apply the patch where it is kept.`;
    return refuse('input_invalid', sentence, { public: sentence });
  }
  return undefined;
}
