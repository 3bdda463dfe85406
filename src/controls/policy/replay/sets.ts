import { type Refusal, refuse } from '../../../core/refusal.ts';
import type { Database } from '../../../storage/index.ts';
import { createPolicySet, type PolicySet } from '../policy-set.ts';
import { readPolicies } from '../source.ts';
import { findSets, readActive } from '../store.ts';
import type { PolicyFile } from '../types.ts';
import { FULFILLABLE } from '../vocabulary.ts';

/** A set by the files that it is made of; the first thing that is wrong with them otherwise. */
export function setOfFiles(files: readonly PolicyFile[]): PolicySet | Refusal {
  const text = readPolicies(files, FULFILLABLE);
  const wrong = text.problems.find(({ severity }) => severity === 'error');
  if (wrong === undefined) return createPolicySet(text);
  const problem = `${wrong.file}:${wrong.line}:${wrong.column}: ${wrong.message}`;
  return refuse('input_invalid', problem, { public: problem });
}

/** A set that was proposed or active once, by its digest or the beginning of it. */
export async function setByDigest(db: Database, prefix: string): Promise<PolicySet | Refusal> {
  const [found, other] = await findSets(db, prefix);
  const told =
    found === undefined ? `No policy set begins with ${prefix}.` : `More than one set begins with ${prefix}.`;
  if (found === undefined || other !== undefined) {
    return refuse(found === undefined ? 'not_found' : 'input_invalid', told, { public: told });
  }
  return setOfFiles(found.files);
}

export async function activeSet(db: Database): Promise<PolicySet | Refusal> {
  const active = await readActive(db);
  if (active !== undefined) return setByDigest(db, active.digest);
  return refuse('not_found', 'no policy set has been activated', { public: 'No policy set is active yet.' });
}
