import type { ExplainedPolicy, Explanation, Remedy } from '../../api/contract/index.ts';
import { CedarBlock } from '../parts/cedar.tsx';
import { Command } from '../parts/copy.tsx';
import { Fact, Facts, Section } from '../parts/facts.tsx';
import { Badge } from '../parts/marks.tsx';
import { Text } from '../parts/text.tsx';

/** The policies that determined it, each in its source with the clause and what that saw; then what would have permitted it. */
export function Explained({ explanation }: { explanation: Explanation }) {
  const { accesses, labels, budgets, missing, remedy } = explanation;
  const determining = accesses.flatMap(({ policies }) => policies.filter((policy) => policy.determining));
  return (
    <>
      {determining.length > 0 && (
        <Section title="What determined it">
          <ul className="flex flex-col gap-3">
            {determining.map((policy, at) => (
              <Determining key={`${policy.id}-${at.toString()}`} policy={policy} />
            ))}
          </ul>
        </Section>
      )}
      {remedy.kind !== 'none' && <WouldHelp remedy={remedy} />}
      <Facts>
        <Fact name="Labels">{labels.after === null ? labels.before : `${labels.before}, then ${labels.after}`}</Fact>
        <Fact name="Budgets">{budgets}</Fact>
        <Fact name="Not told">{missing.length > 0 && <Text value={missing.join(' ')} />}</Fact>
      </Facts>
    </>
  );
}

const OUTCOME: Record<ExplainedPolicy['outcome'], string> = {
  satisfied: 'was satisfied',
  unsatisfied: 'was not satisfied',
  error: 'could not be evaluated',
  unmatched: 'names something else',
};

function Determining({
  policy: { id, effect, file, line, outcome, clause, error, text },
}: {
  policy: ExplainedPolicy;
}) {
  return (
    <li className="flex flex-col gap-2 rounded-large border border-line bg-surface p-4">
      <span className="flex flex-wrap items-center gap-2">
        <Badge>{effect}</Badge>
        <Text value={id} className="font-mono text-small" />
        <span className="text-soft">{OUTCOME[outcome]}</span>
        <span className="text-faint text-small">
          <Text value={`${file}:${line}`} />
        </span>
      </span>
      {error !== null && (
        <span className="text-deny">
          <Text value={error} />
        </span>
      )}
      {clause !== null && (
        <>
          <CedarBlock value={clause.text} />
          <Facts>
            {clause.values.map(({ path, value }) => (
              <Fact key={path} name={path}>
                <Text value={value} className="font-mono text-small" />
              </Fact>
            ))}
          </Facts>
        </>
      )}
      <details>
        <summary className="cursor-pointer text-small text-soft">The whole policy</summary>
        <CedarBlock value={text} />
      </details>
    </li>
  );
}

function WouldHelp({ remedy }: { remedy: Exclude<Remedy, { kind: 'none' }> }) {
  return (
    <Section title={remedy.kind === 'policy' ? 'The smallest change that would have permitted it' : 'What would help'}>
      <div className="flex flex-col gap-2">
        <p>
          <Text value={remedy.sentence} />
        </p>
        {remedy.kind === 'policy' && <CedarBlock value={remedy.text} />}
        {remedy.kind === 'policy' && <p className="text-small text-soft">{remedy.limits}</p>}
        {remedy.kind === 'elsewhere' && remedy.command !== null && <Command line={remedy.command} />}
      </div>
    </Section>
  );
}
