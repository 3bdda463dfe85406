import type { ServerCatalog } from '../../../core/manifest.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import type { Database } from '../../../storage/index.ts';
import { type Each, registerCatalogs } from '../catalog.ts';
import { checkPolicies, type PolicyCheck } from '../check.ts';
import * as store from '../store.ts';
import type { PolicyFile, PolicySets } from '../types.ts';
import { diffPolicies } from './diff.ts';
import { lintPolicies } from './lint.ts';
import { inSlices } from './slices.ts';
import type { KnownAgent, LintReport, SetDiff, Subject, Vocabulary } from './types.ts';
import { vocabularyOf } from './vocabulary-hints.ts';

export type AnalysisParts = {
  db: Database;
  sets: Pick<PolicySets, 'status'>;
  /** What is registered now. */
  catalogs(): readonly ServerCatalog[];
  agents(): readonly KnownAgent[];
  /** Those that are configured, heard of or not. */
  servers(): readonly string[];
  each?: Each;
  fulfillable: Readonly<Record<string, readonly string[]>>;
};

/** Looks at policies without changing anything: what is wrong with them, and what would differ. */
export interface PolicyAnalysis {
  validate(files: readonly PolicyFile[]): PolicyCheck;
  vocabulary(): Vocabulary;
  lint(subject: Subject): Promise<LintReport | Refusal>;
  diff(before: Subject, after: Subject): Promise<SetDiff | Refusal>;
}

export function openAnalysis(parts: AnalysisParts): PolicyAnalysis {
  const { fulfillable } = parts;
  const registration = () => ({
    catalogs: parts.catalogs(),
    agents: parts.agents(),
    servers: parts.servers(),
    each: parts.each,
    complete: true,
  });
  return {
    validate: (files) => checkPolicies(files, { catalogs: parts.catalogs(), fulfillable }),
    vocabulary: () => {
      const { catalogs, agents } = registration();
      return vocabularyOf({ catalogs, agents, registered: registerCatalogs(catalogs, parts.each) });
    },
    lint: async (subject) => {
      const files = await filesOf(parts, subject);
      return isRefusal(files) ? files : inSlices(lintPolicies(files, { ...registration(), fulfillable }));
    },
    diff: async (before, after) => {
      const [old, now] = [await filesOf(parts, before), await filesOf(parts, after)];
      if (isRefusal(old)) return old;
      return isRefusal(now) ? now : inSlices(diffPolicies(old, now, { ...registration(), fulfillable }));
    },
  };
}

async function filesOf({ db, sets }: AnalysisParts, subject: Subject): Promise<readonly PolicyFile[] | Refusal> {
  if (subject.of === 'files') return subject.files;
  const digest = subject.of === 'active' ? sets.status().active.digest : subject.set;
  if (digest === '') return [];
  const [found, other] = await store.findSets(db, digest);
  if (found === undefined) return refuse('not_found', `no policy set ${digest} has been proposed or was active`);
  return other === undefined ? found.files : refuse('input_invalid', `more than one policy set begins with ${digest}`);
}
