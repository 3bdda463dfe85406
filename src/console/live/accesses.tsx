import type { ExplainedAccess, ExplainedPolicy, Explanation } from '../../api/contract/index.ts';
import { splitResource } from '../data/format.ts';
import { Cedar, CedarBlock } from '../parts/cedar.tsx';
import { Badge, DecisionMark, Mark } from '../parts/marks.tsx';
import { Text } from '../parts/text.tsx';

/** What it asked for and the policies about it: those that decided first, with the clause and what it saw. */
export function Accesses({ explanation: { accesses } }: { explanation: Explanation }) {
  const [first, ...others] = accesses.toSorted((a, b) => rank(a) - rank(b));
  if (first === undefined) return <p className="text-soft">No policy was asked: it was refused before that.</p>;
  return (
    <>
      <Access access={first} named={others.length > 0} />
      {others.length > 0 && (
        <details>
          <summary className="text-accent hover:underline">
            {others.length === 1 ? 'One more that it asked for' : `${others.length} more that it asked for`}
          </summary>
          <div className="mt-3 flex flex-col gap-4">
            {others.map((access) => (
              <Access key={access.action + access.resource + access.summary} access={access} named />
            ))}
          </div>
        </details>
      )}
    </>
  );
}

/** What was not permitted explains the whole. */
function rank({ effect }: ExplainedAccess): number {
  return effect === 'deny' ? 0 : effect === 'hold' ? 1 : 2;
}

function Access({
  access: { effect, action, resource, summary, policies },
  named,
}: {
  access: ExplainedAccess;
  named: boolean;
}) {
  const determining = policies.filter((policy) => policy.determining && !policy.shadow);
  const near = policies.filter((policy) => !policy.determining && !policy.shadow);
  const shadow = policies.filter((policy) => policy.shadow);
  const shown = determining.length > 0 ? determining : near;
  const rest = determining.length > 0 ? near : [];
  return (
    <div className="flex flex-col gap-3">
      {named && (
        <p className="flex flex-wrap items-center gap-2">
          <DecisionMark decision={effect} />
          <Text value={`${action} on ${splitResource(resource).name}`} className="font-mono text-small" />
        </p>
      )}
      {shown.length === 0 && (
        <p>
          <Text value={summary} />
        </p>
      )}
      {shown.length > 0 && (
        <ul className="flex flex-col gap-4">
          {shown.map((policy) => (
            <Policy key={policy.id} policy={policy} />
          ))}
        </ul>
      )}
      <More title={`${rest.length} more about this`} policies={rest} />
      <More title={`${shadow.length} beside, not enforced`} policies={shadow} />
    </div>
  );
}

function More({ title, policies }: { title: string; policies: readonly ExplainedPolicy[] }) {
  if (policies.length === 0) return null;
  return (
    <details>
      <summary className="text-faint hover:underline">{title}</summary>
      <ul className="mt-3 flex flex-col gap-4">
        {policies.map((policy) => (
          <Policy key={policy.id} policy={policy} />
        ))}
      </ul>
    </details>
  );
}

const OUTCOME_WORDS = {
  permit: {
    satisfied: 'permits it',
    unsatisfied: 'does not permit it',
    unmatched: 'is about something else',
    error: 'could not be evaluated',
  },
  forbid: {
    satisfied: 'forbids it',
    unsatisfied: 'does not forbid it',
    unmatched: 'is about something else',
    error: 'could not be evaluated, so it forbids',
  },
} as const;

function toneOf({ effect, outcome }: ExplainedPolicy): 'permit' | 'deny' | 'alert' | 'calm' {
  if (outcome === 'error') return 'alert';
  if (outcome === 'unsatisfied' || outcome === 'unmatched') return 'calm';
  return effect === 'permit' ? 'permit' : 'deny';
}

function Policy({ policy }: { policy: ExplainedPolicy }) {
  const { id, file, line, reason, text, clause, outcome, effect, error, shadow } = policy;
  return (
    <li className="flex flex-col gap-1.5">
      <p className="flex flex-wrap items-baseline gap-x-2 gap-y-0.5">
        <Badge>policy</Badge>
        <Text value={id} className="font-mono text-small" />
        <Mark tone={shadow ? 'calm' : toneOf(policy)} word={OUTCOME_WORDS[effect][outcome]} />
        <span className="text-faint text-small">
          <Text value={`${file}:${line}`} />
        </span>
      </p>
      <p className="text-soft">
        <Text value={reason} />
      </p>
      {clause !== null && <Clause clause={clause} holds={outcome === 'satisfied'} />}
      {error !== null && <Text value={error} className="text-alert" />}
      <details>
        <summary className="text-faint text-small hover:underline">The whole policy</summary>
        <div className="mt-1.5">
          <CedarBlock value={text} />
        </div>
      </details>
    </li>
  );
}

/** The clause, and what it saw. */
function Clause({ clause, holds }: { clause: NonNullable<ExplainedPolicy['clause']>; holds: boolean }) {
  return (
    <div className="overflow-hidden rounded-medium border border-line">
      <p className="bg-sunken px-3 py-1.5 font-mono text-small">
        <span className="mr-2 font-sans text-faint">{holds ? 'holds' : 'does not hold'}</span>
        <Cedar value={clause.text} />
      </p>
      {clause.values.length > 0 && (
        <dl className="divide-y divide-line border-line border-t">
          {clause.values.map(({ path, value }) => (
            <div key={path} className="flex flex-wrap gap-x-3 px-3 py-1 font-mono text-small">
              <dt className="text-faint">
                <Text value={path} />
              </dt>
              <dd className="min-w-0 break-all">
                <span className="mr-1.5 font-sans text-faint">was</span>
                <Text value={value} letters />
              </dd>
            </div>
          ))}
        </dl>
      )}
    </div>
  );
}
