import type { Difference, Finding, Vocabulary } from '../../controls/policy/index.ts';
import { isRefusal } from '../../core/refusal.ts';
import type { LintFinding, Output, PolicyDifference } from '../contract/index.ts';
import type { Handlers } from '../handler.ts';
import type { ApiPorts } from '../ports.ts';
import { policyProblem } from './policy.ts';

type AnalysisOperation = 'policy.validate' | 'policy.schema' | 'policy.lint' | 'policy.diff';

/** Nothing of this changes anything, and nothing of it reads what agents have sent. */
export function policyAnalysisHandlers({ analysis }: ApiPorts): Pick<Handlers, AnalysisOperation> {
  return {
    'policy.validate': ({ body: { files } }) => {
      const { policies, compiled, problems } = analysis.validate(files);
      const valid = !problems.some(({ severity }) => severity === 'error');
      return { valid, policies, compiled, problems: problems.map(policyProblem) };
    },
    'policy.schema': () => vocabulary(analysis.vocabulary()),
    'policy.lint': async ({ body: { subject } }) => {
      const report = await analysis.lint(subject);
      if (isRefusal(report)) return report;
      const { policies, findings, undecided, problems } = report;
      return {
        policies,
        findings: findings.map(finding),
        undecided: [...undecided],
        problems: problems.map(policyProblem),
      };
    },
    'policy.diff': async ({ body: { before, after } }) => {
      const diff = await analysis.diff(before, after);
      if (isRefusal(diff)) return diff;
      const { equal, differences, undecided, compared, problems } = diff;
      return {
        equal,
        compared,
        differences: differences.map(difference),
        undecided: [...undecided],
        problems: problems.map(policyProblem),
      };
    },
  };
}

function finding({ policy, ...rest }: Finding): LintFinding {
  return { ...rest, policy: policy ?? null };
}

function difference({ principals, resources, before, after, witness, ...rest }: Difference): PolicyDifference {
  const side = ({ effect, policies, why }: Difference['before']) => ({ effect, policies: [...policies], why });
  return {
    ...rest,
    principals: [...principals],
    resources: [...resources],
    before: side(before),
    after: side(after),
    witness: { ...witness, through: [...witness.through] },
  };
}

function vocabulary(known: Vocabulary): Output<'policy.schema'> {
  const named = (entries: Vocabulary['tools']) =>
    entries.map(({ id, arguments: hints }) => ({
      id,
      arguments: hints.map((hint) => ({ ...hint, values: [...hint.values] })),
    }));
  return {
    actions: known.actions.map((action) => ({
      ...action,
      principals: [...action.principals],
      resources: [...action.resources],
    })),
    entities: Object.fromEntries(Object.entries(known.entities).map(([type, hints]) => [type, [...hints]])),
    context: [...known.context],
    annotations: [...known.annotations],
    agents: known.agents.map(({ id, jobs }) => ({ id, jobs: [...jobs] })),
    servers: [...known.servers],
    tools: named(known.tools),
    prompts: named(known.prompts),
    resources: [...known.resources],
  };
}
