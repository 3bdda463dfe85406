import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import type { Output } from '../../api/contract/index.ts';
import { shellWord } from '../data/format.ts';
import type { Edit } from '../data/policy-draft.ts';
import { casesQuery, policySchemaQuery } from '../data/policy-queries.ts';
import { agentsQuery, toolQuery } from '../data/queries.ts';
import { useSettled } from '../data/use-settled.ts';
import { Command } from '../parts/copy.tsx';
import { Area, Field, Select } from '../parts/field.tsx';
import { Badge, DecisionMark } from '../parts/marks.tsx';
import { Refused } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';

const REST_MS = 300;

/** Who, what and with which arguments, decided by what is typed, before anybody tries. */
export function Try({ base, edits }: { base: string; edits: readonly Edit[] }) {
  const agents = useQuery(agentsQuery).data?.agents ?? [];
  const schema = useQuery(policySchemaQuery).data;
  const [who, setWho] = useState('');
  const [job, setJob] = useState('');
  const [tool, setTool] = useState('');
  const [typed, setTyped] = useState<string | undefined>();
  const agent = agents.find(({ id }) => id === who) ?? agents[0];
  const id = tool === '' ? (schema?.tools[0]?.id ?? '') : tool;
  const hints = schema?.tools.find((each) => each.id === id)?.arguments ?? [];
  const args = typed ?? example(hints);
  const parsed = useMemo(() => argsOf(args), [args]);
  const question = useMemo(() => {
    if (agent === undefined || id === '' || parsed === undefined) return undefined;
    return { agent, job: agent.jobs.includes(job) ? job : (agent.jobs[0] ?? ''), tool: id, args: parsed };
  }, [agent, job, id, parsed]);
  return (
    <div className="flex flex-col gap-3">
      <div className="grid gap-3 sm:grid-cols-2">
        <Select label="Who" value={agent?.id ?? ''} onChange={(event) => setWho(event.target.value)}>
          {agents.map((each) => (
            <option key={each.id}>{each.id}</option>
          ))}
        </Select>
        <Select label="In the job" value={question?.job ?? ''} onChange={(event) => setJob(event.target.value)}>
          {(agent?.jobs ?? []).map((each) => (
            <option key={each}>{each}</option>
          ))}
        </Select>
      </div>
      <Field
        label="Calls"
        list="bench-tools"
        placeholder="server/tool"
        spellCheck={false}
        autoComplete="off"
        value={tool === '' ? id : tool}
        onChange={(event) => {
          setTool(event.target.value);
          setTyped(undefined);
        }}
        className="font-mono text-small"
      />
      <datalist id="bench-tools">
        {(schema?.tools ?? []).map((each) => (
          <option key={each.id} value={each.id} />
        ))}
      </datalist>
      <Area
        label="With"
        hint={parsed === undefined ? 'This is not a JSON object.' : 'Arguments of the call, as JSON.'}
        rows={3}
        value={args}
        onChange={(event) => setTyped(event.target.value)}
      />
      {agents.length === 0 && <p className="text-soft">No agent is registered, so nobody could ask.</p>}
      {question !== undefined && <Answer base={base} edits={edits} question={question} />}
    </div>
  );
}

type Question = {
  agent: { id: string; owner: string; version: string; jobs: readonly string[] };
  job: string;
  tool: string;
  args: Record<string, unknown>;
};

function Answer({ base, edits, question }: { base: string; edits: readonly Edit[]; question: Question }) {
  const settled = useSettled(question, REST_MS);
  const schema = useToolSchema(settled.tool);
  const cases = useMemo(() => [{ name: 'asked.test.yaml', text: caseText(settled, schema) }], [settled, schema]);
  const run = useQuery({ ...casesQuery(base, edits, cases), enabled: schema !== undefined });
  const result = run.data?.results[0];
  const wrong = run.data?.problems.find(({ severity }) => severity === 'error');
  return (
    <div className="flex flex-col gap-2">
      {result !== undefined && <Outcome result={result} />}
      {result === undefined && wrong !== undefined && (
        <p role="alert" className="rounded-medium bg-deny-soft px-3 py-2 text-deny">
          It cannot be asked yet: <Text value={`${wrong.file}:${wrong.line} ${wrong.message}`} />
        </p>
      )}
      <Refused error={run.error} />
      <Command
        label="The same of what is in force"
        line={`sallyport can ${shellWord(question.agent.id)} tool.call ${shellWord(question.tool)} --job ${shellWord(question.job)} --args ${shellWord(JSON.stringify(question.args))}`}
      />
    </div>
  );
}

function Outcome({ result: { decision, policies, summary } }: { result: Output<'policy.test'>['results'][number] }) {
  return (
    <div aria-live="polite" className="flex flex-col gap-2 rounded-large border border-line bg-surface p-3">
      <p className="flex flex-wrap items-center gap-2">
        <DecisionMark decision={decision} />
        {policies.map((policy) => (
          <span key={policy} className="flex items-center gap-1">
            <Badge>policy</Badge>
            <Text value={policy} className="font-mono text-small" />
          </span>
        ))}
      </p>
      <p className="text-soft">
        <Text value={summary} />
      </p>
    </div>
  );
}

/** What the tool takes, as its server says; undefined until it is known, empty where nobody offers it. */
function useToolSchema(tool: string): Record<string, unknown> | undefined {
  const slash = tool.indexOf('/');
  const part = { server: tool.slice(0, Math.max(0, slash)), kind: 'tool' as const, name: tool.slice(slash + 1) };
  const detail = useQuery({ ...toolQuery(part, 'bench'), enabled: slash > 0 });
  if (detail.isError) return {};
  if (detail.data === undefined) return slash > 0 ? undefined : {};
  const definition = (detail.data.before ?? detail.data.after) as { inputSchema?: Record<string, unknown> } | null;
  return definition?.inputSchema ?? {};
}

/** A case file; JSON is YAML. */
function caseText({ agent, job, tool, args }: Question, schema: Record<string, unknown> | undefined): string {
  const { id, owner, version, jobs } = agent;
  return JSON.stringify({
    agents: { [id]: { owner, version, jobs } },
    tools: { [tool]: schema ?? {} },
    cases: [{ it: 'is asked', as: id, job, call: tool, with: args, expect: 'permit' }],
  });
}

function argsOf(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** Something of the right types to begin with. */
function example(
  hints: readonly { path: string; type: string; optional: boolean; values: readonly unknown[] }[],
): string {
  const value: Record<string, unknown> = {};
  for (const { path, type, optional, values } of hints) {
    if (optional || path.includes('.')) continue;
    value[path] =
      values[0] ?? (/string/i.test(type) ? '' : /bool/i.test(type) ? false : /set|list|array/i.test(type) ? [] : 1);
  }
  return JSON.stringify(value, undefined, 2);
}
