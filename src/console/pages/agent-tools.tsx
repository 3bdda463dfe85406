import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { type Agent, type AgentTools, partWord } from '../../api/contract/index.ts';
import { plural } from '../data/format.ts';
import { agentToolsQuery } from '../data/identity-queries.ts';
import { Button } from '../parts/button.tsx';
import { Section } from '../parts/facts.tsx';
import { Select } from '../parts/field.tsx';
import { PinMark } from '../parts/marks.tsx';
import { Refused } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { MayIt } from './agent-can.tsx';

type Tool = AgentTools['tools'][number];

/** What a list of tools that it asked for would show. */
export function MaySee({ agent }: { agent: Agent }) {
  const [job, setJob] = useState(agent.jobs[0] ?? '');
  const [asking, setAsking] = useState(false);
  const seen = useQuery(agentToolsQuery(agent.id, job));
  const byServer = Map.groupBy(seen.data?.tools ?? [], ({ server }) => server);
  return (
    <Section title="What it may do" aside={<Button onClick={() => setAsking(true)}>May it…</Button>}>
      {asking && <MayIt agent={agent} onClose={() => setAsking(false)} />}
      {agent.jobs.length > 1 && (
        <div className="mb-3 max-w-60">
          <Select label="In the job" value={job} onChange={(event) => setJob(event.target.value)}>
            {agent.jobs.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </Select>
        </div>
      )}
      {seen.isSuccess && (
        <p className="mb-2 text-soft">
          {seen.data.tools.length === 0
            ? 'Policy hides every tool from it. It is told of none, and calls of any are refused.'
            : `It is shown ${plural(seen.data.tools.length, 'tool')}. What it says in a call may still be refused.`}
          {seen.data.tools.length > 0 && seen.data.hidden > 0 && ` Policy hides ${plural(seen.data.hidden, 'other')}.`}
        </p>
      )}
      <dl className="flex flex-col gap-2">
        {[...byServer].map(([server, tools]) => (
          <div key={server} className="grid gap-x-4 gap-y-1 sm:grid-cols-[8rem_minmax(0,1fr)]">
            <dt className="truncate text-faint">
              <Text value={server} />
            </dt>
            <dd className="flex flex-wrap gap-1">
              {tools.map((tool) => (
                <ToolName key={tool.name} tool={tool} />
              ))}
            </dd>
          </div>
        ))}
      </dl>
      <Refused error={seen.error} />
    </Section>
  );
}

/** What is not pinned is stopped for everybody, whatever policy says. */
function ToolName({ tool: { server, name, state } }: { tool: Tool }) {
  return (
    <Link
      to="/tools"
      search={{ part: partWord({ server, kind: 'tool', name }) }}
      className="inline-flex min-h-6 items-center gap-1.5 rounded-small bg-sunken px-1.5 font-mono text-small hover:underline"
    >
      <Text value={name} />
      {state !== 'pinned' && <PinMark state={state} looked />}
    </Link>
  );
}
