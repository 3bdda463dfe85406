import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { Output } from '../../api/contract/index.ts';
import { lintQuery } from '../data/policy-queries.ts';
import { Command } from '../parts/copy.tsx';
import { Section } from '../parts/facts.tsx';
import { Mark } from '../parts/marks.tsx';
import { Refused } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';

const SHOWN = 3;

/** What is dead, contradictory or too broad in what is in force. Where nothing is, one quiet line says so. */
export function Lint({ set }: { set: string }) {
  const report = useQuery(lintQuery(set));
  const [whole, setWhole] = useState(false);
  if (report.isError) return <Refused error={report.error} />;
  if (report.data === undefined) return null;
  const { findings, undecided } = report.data;
  if (findings.length + undecided.length === 0) return null;
  const sorted = findings.toSorted((a, b) => Number(a.severity === 'note') - Number(b.severity === 'note'));
  const shown = whole ? sorted : sorted.slice(0, SHOWN);
  return (
    <Section title={`Worth a look (${findings.length})`}>
      <ul className="divide-y divide-line rounded-large border border-line bg-surface">
        {shown.map((finding) => (
          <Finding key={`${finding.kind}${finding.file}:${finding.line}${finding.message}`} finding={finding} />
        ))}
        {sorted.length > SHOWN && (
          <li>
            <button
              type="button"
              onClick={() => setWhole(!whole)}
              aria-expanded={whole}
              className="w-full px-4 py-2 text-left text-accent -outline-offset-2 hover:underline"
            >
              {whole ? 'Show fewer' : `Show ${sorted.length - SHOWN} more`}
            </button>
          </li>
        )}
      </ul>
      {undecided.map(({ about, because }) => (
        <p key={about} className="mt-2 text-small text-soft">
          Not settled: <Text value={about} />, since <Text value={because} />.
        </p>
      ))}
      <div className="mt-2">
        <Command line="sallyport policy lint --live" />
      </div>
    </Section>
  );
}

function Finding({
  finding: { kind, severity, message, help, file, line },
}: {
  finding: Output<'policy.lint'>['findings'][number];
}) {
  return (
    <li className="grid gap-x-4 px-4 py-2.5 @2xl:grid-cols-[9rem_minmax(0,1fr)_auto]">
      <Mark tone={severity === 'warning' ? 'hold' : 'calm'} word={kind.replaceAll('-', ' ')} />
      <div className="min-w-0">
        <p>
          <Text value={message} />
        </p>
        <p className="text-faint text-small">
          <Text value={help} />
        </p>
      </div>
      {file.endsWith('.cedar') && (
        <Link to="/policies/editor" search={{ file }} className="font-mono text-accent text-small hover:underline">
          <Text value={`${file}:${line}`} />
        </Link>
      )}
    </li>
  );
}
