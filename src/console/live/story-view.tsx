import { useQuery } from '@tanstack/react-query';
import { Link, useLocation } from '@tanstack/react-router';
import { type ReactNode, useEffect } from 'react';
import type { Story } from '../../api/contract/index.ts';
import { bytes, clockTime, duration, exactTime, plural, splitResource } from '../data/format.ts';
import { storyQuery } from '../data/queries.ts';
import { Command, Id } from '../parts/copy.tsx';
import { Fact, Facts, Section } from '../parts/facts.tsx';
import { Json } from '../parts/json.tsx';
import { DecisionMark, StateMark } from '../parts/marks.tsx';
import { StagePlot } from '../parts/stage-plot.tsx';
import { Failed, Skeleton } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { Evidence } from './evidence.tsx';
import { Why } from './why.tsx';

/** One exchange: as a sentence, then why, then where the time went, then every fact, then the evidence. */
export function StoryView({ receipt, state }: { receipt: string; state: string | undefined }) {
  const story = useQuery(storyQuery(receipt, state));
  const { hash } = useLocation();
  const told = story.data !== undefined;
  useEffect(() => {
    if (told && hash !== '') document.getElementById(hash)?.focus();
  }, [told, hash]);
  if (story.isPending) return <Skeleton rows={10} />;
  if (story.isError) return <Failed error={story.error} retry={() => void story.refetch()} />;
  return <Told story={story.data} />;
}

function Told({ story }: { story: Story }) {
  const { exchange, outcome, stages, missing } = story;
  return (
    <article className="flex flex-col gap-6 px-4 pt-4 pb-8">
      <header className="flex flex-col gap-2">
        <p className="flex flex-wrap items-center gap-x-3 text-faint">
          <DecisionMark decision={exchange.decision} mode={exchange.mode} />
          {exchange.state !== 'refused' && exchange.state !== 'held' && <StateMark state={exchange.state} />}
          <time
            dateTime={new Date(exchange.time).toISOString()}
            title={exactTime(exchange.time)}
            className="font-mono text-small"
          >
            {clockTime(exchange.time)}
          </time>
          {outcome !== null && <span className="font-mono text-small">{duration(outcome.duration_us)}</span>}
        </p>
        <h1 className="text-balance font-medium text-large">
          <Text value={story.sentence} />
        </h1>
        {missing.map((gap) => (
          <p key={gap} className="rounded-medium bg-sunken px-3 py-1.5 text-small text-soft">
            {gap}
          </p>
        ))}
      </header>
      <Why story={story} />
      {stages.length > 0 && (
        <Section title="Where the time went">
          <StagePlot stages={stages} />
        </Section>
      )}
      <Asked story={story} />
      <FactSheet story={story} />
      <Evidence story={story} />
      <Command line={`sallyport why ${exchange.receipt}`} />
    </article>
  );
}

function Asked({ story: { asked, answered, outcome } }: { story: Story }) {
  return (
    <>
      {asked !== null && (
        <Section title="What was asked">
          <Json value={asked} what="request" />
        </Section>
      )}
      {answered !== null && (
        <Section title="What came back">
          <Json value={answered} what="answer" />
        </Section>
      )}
      {outcome?.cause !== undefined && outcome.cause !== null && (
        <Section title="Why it did not complete">
          <p>
            <Text value={outcome.cause} />
          </p>
        </Section>
      )}
    </>
  );
}

function FactSheet({ story }: { story: Story }) {
  const { exchange, outcome, decision, children, continues, continued_by } = story;
  const { agent, job, run, credential, protocol, operation, upstream, resource, parent } = exchange;
  return (
    <Section title="Facts">
      <Facts>
        <Fact name="Agent">{agent !== '' && <Live search={{ agent }}>{agent}</Live>}</Fact>
        <Fact name="Job">{job !== '' && <Live search={{ job }}>{job}</Live>}</Fact>
        <Fact name="Run">{run !== '' && <Id value={run} />}</Fact>
        <Fact name="Credential">{credential}</Fact>
        <Fact name="Action">
          {exchange.action !== '' && <span className="font-mono text-small">{exchange.action}</span>}
        </Fact>
        <Fact name={resource === null ? 'Resource' : splitResource(resource).type || 'Resource'}>
          {resource !== null && <Text value={splitResource(resource).name} className="font-mono text-small" />}
        </Fact>
        <Fact name="Server">{upstream !== null && <Live search={{ upstream }}>{upstream}</Live>}</Fact>
        <Fact name="Protocol">{`${protocol} ${operation}`.trim()}</Fact>
        <Fact name="Came back">
          {outcome !== null &&
            `${bytes(outcome.received_bytes)} received, ${bytes(outcome.released_bytes)} released${outcome.frames > 0 ? `, ${plural(outcome.frames, 'frame')} before it` : ''}`}
        </Fact>
        <Fact name="Listed">
          {outcome?.listed === null || outcome === null ? null : plural(outcome.listed, 'item')}
        </Fact>
        <Fact name="Policy set">
          {decision.set !== null && decision.set !== '' && (
            <Id value={decision.set} short={decision.set.slice(0, 12)} />
          )}
        </Fact>
        <Fact name="Labels">{story.explanation !== null && <Text value={story.explanation.labels.before} />}</Fact>
        <Fact name="Budgets">{story.explanation !== null && <Text value={story.explanation.budgets} />}</Fact>
        <Fact name="Asked from">{parent !== null && <Other receipt={parent} />}</Fact>
        <Fact name="Takes up">{continues !== null && <Other receipt={continues} />}</Fact>
        <Fact name="Taken up by">
          {continued_by.length > 0 && continued_by.map((receipt) => <Other key={receipt} receipt={receipt} />)}
        </Fact>
        <Fact name="Server asked">
          {children.length > 0 && children.map((receipt) => <Other key={receipt} receipt={receipt} />)}
        </Fact>
      </Facts>
    </Section>
  );
}

function Live({ search, children }: { search: Record<string, string>; children: string }) {
  return (
    <Link to="/live" search={search} className="text-accent hover:underline">
      <Text value={children} />
    </Link>
  );
}

function Other({ receipt }: { receipt: string }): ReactNode {
  return (
    <Link
      to="/exchanges/$receipt"
      params={{ receipt }}
      className="block truncate font-mono text-accent text-small hover:underline"
    >
      {receipt}
    </Link>
  );
}
