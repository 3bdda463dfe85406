import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Agent } from '../../api/contract/index.ts';
import { ask } from '../data/client.ts';
import { shellWord } from '../data/format.ts';
import { policySchemaQuery } from '../data/policy-queries.ts';
import { useAction } from '../data/use-action.ts';
import { Accesses } from '../live/accesses.tsx';
import { Button } from '../parts/button.tsx';
import { Command } from '../parts/copy.tsx';
import { Actions, Dialog } from '../parts/dialog.tsx';
import { Area, Field, Select } from '../parts/field.tsx';
import { DecisionMark } from '../parts/marks.tsx';
import { Refused } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';

type Answer = Awaited<ReturnType<typeof ask<'can'>>>;

/** Whether it may, and why, before it tries: asked of what is in force, done by nobody. */
export function MayIt({ agent, onClose }: { agent: Agent; onClose: () => void }) {
  const tools = useQuery(policySchemaQuery).data?.tools ?? [];
  const [job, setJob] = useState(agent.jobs[0] ?? '');
  const [tool, setTool] = useState('');
  const [args, setArgs] = useState('{}');
  const [answer, setAnswer] = useState<Answer | undefined>();
  const parsed = objectOf(args);
  const put = useAction(async () => {
    if (parsed === undefined) return;
    setAnswer(await ask('can', { body: { agent: agent.id, action: 'tool.call', resource: tool, args: parsed, job } }));
  });
  return (
    <Dialog title={`May ${agent.id}…`} wide onClose={onClose} onSubmit={() => put.run(undefined)}>
      <div className="grid gap-4 sm:grid-cols-2">
        <Field
          label="Call"
          required
          list="can-tools"
          placeholder="server/tool"
          spellCheck={false}
          autoComplete="off"
          value={tool}
          onChange={(event) => setTool(event.target.value)}
          className="font-mono text-small"
        />
        <Select label="In the job" value={job} onChange={(event) => setJob(event.target.value)}>
          {agent.jobs.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </Select>
      </div>
      <datalist id="can-tools">
        {tools.map(({ id }) => (
          <option key={id} value={id} />
        ))}
      </datalist>
      <Area
        label="With"
        hint={parsed === undefined ? 'This is not a JSON object.' : 'Arguments of the call, as JSON.'}
        rows={2}
        value={args}
        onChange={(event) => setArgs(event.target.value)}
      />
      <Refused error={put.error} />
      {answer !== undefined && <Told answer={answer} />}
      <Command
        line={`sallyport can ${shellWord(agent.id)} tool.call ${shellWord(tool || 'SERVER/TOOL')} --job ${shellWord(job)} --args ${shellWord(args)}`}
      />
      <Actions>
        <Button onClick={onClose}>Close</Button>
        <Button kind="primary" type="submit" busy={put.busy} disabled={tool === '' || parsed === undefined}>
          Ask
        </Button>
      </Actions>
    </Dialog>
  );
}

function Told({ answer: { effect, sentence, public: told, listed, explanation } }: { answer: Answer }) {
  return (
    <div aria-live="polite" className="flex flex-col gap-3 rounded-large border border-line bg-surface p-4">
      <p className="flex flex-wrap items-baseline gap-x-3">
        <DecisionMark decision={effect} />
        <Text value={sentence} />
      </p>
      <Accesses explanation={explanation} />
      {told !== null && (
        <p className="text-soft">
          It would be told: <Text value={told} />
        </p>
      )}
      {!listed && <p className="text-soft">A list would not show it to this agent.</p>}
    </div>
  );
}

function objectOf(text: string): Record<string, never> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
