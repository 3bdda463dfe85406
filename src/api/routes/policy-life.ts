import type { PolicySets } from '../../controls/policy/index.ts';
import { isRefusal } from '../../core/refusal.ts';
import type { PolicyCanary, PolicyCaseRun, PolicyVersion } from '../contract/index.ts';
import type { Handlers } from '../handler.ts';
import type { ApiPorts } from '../ports.ts';
import { activeSet, policyProblem } from './policy.ts';

type LifeOperation =
  | 'policy.versions'
  | 'policy.version'
  | 'policy.propose'
  | 'policy.test'
  | 'policy.rollback'
  | 'policy.canary';

const PPM_OF_PERCENT = 10_000;

export function policyLifeHandlers({ policy }: ApiPorts): Pick<Handlers, LifeOperation> {
  return {
    'policy.versions': async () => {
      const { source, two_persons, active, before, canary, versions } = await policy.versions();
      return {
        ...{ source, two_persons, active },
        before: before ?? null,
        canary: canary === undefined ? null : canaryOf(canary),
        versions: versions.map(versionOf),
      };
    },
    'policy.version': async ({ params, query }) => {
      const found = await policy.version(params.set, query.against);
      if (isRefusal(found)) return found;
      const { version, files, against, added, removed, widens, changes, patch } = found;
      return {
        version: versionOf(version),
        files: [...files],
        against,
        added: [...added],
        removed: [...removed],
        widens: [...widens],
        changes: changes.map(({ id, before, after }) => ({ id, before: before ?? null, after: after ?? null })),
        patch,
      };
    },
    'policy.propose': async ({ body: { reason, write_folder, ...candidate } }, { caller }) => {
      const done = await policy.propose(candidate, { by: caller.by, why: reason, write_folder });
      if (isRefusal(done)) return done;
      switch (done.kind) {
        case 'proposed':
          return { kind: 'proposed', version: versionOf(done.version), tests: runOf(done.tests) };
        case 'patch':
          return { ...done, next: NEXT, tests: runOf(done.tests) };
        case 'active':
          return { kind: 'active', active: activeSet(done.active) };
      }
    },
    'policy.test': async ({ body: { cases, ...candidate } }) => {
      const run = await policy.test(candidate, cases);
      return isRefusal(run) ? run : runOf(run);
    },
    'policy.rollback': async ({ body: { reason } }, { caller }) => {
      const active = await policy.rollback(caller.by, reason);
      return isRefusal(active) ? active : activeSet(active);
    },
    'policy.canary': async ({ body: { set, share_percent, reason } }, { caller }) => {
      const share_ppm = Math.round(share_percent * PPM_OF_PERCENT);
      const canary = await policy.canary({ digest: set, share_ppm }, caller.by, reason);
      if (isRefusal(canary)) return canary;
      return { canary: canary === undefined ? null : canaryOf(canary) };
    },
  };
}

const NEXT =
  'The folder of policies is the source, so nothing was changed. Apply the patch where the folder is kept: git apply, or patch -p1. ' +
  'Or have the gateway write the folder (write_folder). To edit here instead, set policy.source: console.';

type Versions = Awaited<ReturnType<PolicySets['versions']>>;

function versionOf({ digest, activations, base, ...version }: Versions['versions'][number]): PolicyVersion {
  return {
    set: digest,
    ...version,
    base: base ?? null,
    activations: activations.map(({ activated_at, activated_by, why, how }) => ({
      at: activated_at,
      by: activated_by,
      why,
      how,
    })),
  };
}

function canaryOf({ digest, share_ppm, started_by, why, started_at }: NonNullable<Versions['canary']>): PolicyCanary {
  return { set: digest, share_percent: share_ppm / PPM_OF_PERCENT, started_by, why, started_at };
}

type Run = Exclude<Awaited<ReturnType<PolicySets['test']>>, { code: unknown }>;

function runOf({ passed, problems, results }: Run): PolicyCaseRun {
  return {
    passed,
    problems: problems.map(policyProblem),
    results: results.map(({ explanation, ...result }) => ({
      ...result,
      differences: [...result.differences],
      decision: explanation.decision.effect,
      policies: [...explanation.decision.policies],
      summary: explanation.decision.summary,
    })),
  };
}
