import { readPolicies } from '../source.ts';
import type { PolicyFile } from '../types.ts';
import type { Registration } from './registration.ts';
import type { Steps } from './slices.ts';
import type { LintReport } from './types.ts';

/** What is dead, contradictory or too broad. */
export function* lintPolicies(files: readonly PolicyFile[], { fulfillable }: Registration): Steps<LintReport> {
  const { policies, problems } = readPolicies(files, fulfillable);
  yield;
  return { policies: policies.length, findings: [], undecided: [], problems };
}
