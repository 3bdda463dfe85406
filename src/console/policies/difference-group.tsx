import { Link } from '@tanstack/react-router';
import type { DifferenceExample, DifferenceGroup } from '../../api/contract/index.ts';
import { number, splitResource } from '../data/format.ts';
import { Fact, Facts, Section } from '../parts/facts.tsx';
import { DecisionMark } from '../parts/marks.tsx';
import { Text } from '../parts/text.tsx';
import { Ago } from '../parts/time.tsx';

/** What another set brings to another end: whose, of what, and some of the exchanges themselves. */
export function DifferenceGroupView({ title, group }: { title: string; group: DifferenceGroup }) {
  const { count, agents, resources, arguments: args, examples } = group;
  if (count === 0) return null;
  return (
    <Section title={`${title} (${number(count)})`}>
      <div className="flex flex-col gap-3 rounded-large border border-line bg-surface p-4">
        <Facts>
          <Fact name="Agents">
            <Names tally={agents} />
          </Fact>
          <Fact name="Of">
            <Names tally={resources} />
          </Fact>
          <Fact name="With">{args.names.length > 0 && <Names tally={args} />}</Fact>
        </Facts>
        <ul className="-mx-4 -mb-4 divide-y divide-line border-line border-t">
          {examples.map((example) => (
            <Example key={example.receipt} example={example} />
          ))}
        </ul>
      </div>
    </Section>
  );
}

const NAMES_SHOWN = 6;

/** The most frequent first; what is rarer is counted. */
function Names({ tally: { names, others } }: { tally: DifferenceGroup['agents'] }) {
  const shown = names.slice(0, NAMES_SHOWN);
  const rest = names.slice(NAMES_SHOWN).reduce((sum, { count }) => sum + count, others);
  return (
    <ul className="flex flex-wrap gap-x-4 gap-y-0.5">
      {shown.map(({ name, count }) => (
        <li key={name}>
          <Text value={splitResource(name).name} className="font-mono text-small" />{' '}
          <span className="text-faint">{number(count)}</span>
        </li>
      ))}
      {rest > 0 && <li className="text-faint">and {number(rest)} with others</li>}
    </ul>
  );
}

function Example({ example: { receipt, time, sentence, was, would } }: { example: DifferenceExample }) {
  return (
    <li>
      <details>
        <summary className="grid items-baseline gap-x-4 gap-y-0.5 px-4 py-2 hover:bg-hover @2xl:grid-cols-[11rem_minmax(0,1fr)_auto]">
          <span className="flex items-center gap-1.5">
            <DecisionMark decision={was.effect} />
            <span aria-hidden="true" className="text-faint">
              →
            </span>
            <span className="sr-only">, then </span>
            <DecisionMark decision={would.effect} />
          </span>
          <Text value={sentence} />
          <span className="text-faint">
            <Ago time={time} />
          </span>
        </summary>
        <div className="flex flex-col gap-1.5 px-4 pb-3 text-soft">
          <p>
            <Text value={would.why} />
          </p>
          <p>
            <Link to="/exchanges/$receipt" params={{ receipt }} className="text-accent hover:underline">
              Open the exchange
            </Link>
          </p>
        </div>
      </details>
    </li>
  );
}
