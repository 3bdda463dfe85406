import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { ask } from '../data/client.ts';
import { shellWord, splitResource } from '../data/format.ts';
import { policySchemaQuery } from '../data/policy-queries.ts';
import { agentsQuery } from '../data/queries.ts';
import { spanSeconds } from '../data/spans.ts';
import { useAction } from '../data/use-action.ts';
import { verbOf } from '../data/verbs.ts';
import { Button } from '../parts/button.tsx';
import { Choice } from '../parts/choice.tsx';
import { Command } from '../parts/copy.tsx';
import { Actions, Dialog } from '../parts/dialog.tsx';
import { Area, Field, Select } from '../parts/field.tsx';
import { Mark } from '../parts/marks.tsx';
import { Refused } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';

/** What is granted, as a refused exchange says it. */
export type Asked = { agent: string; action: string; resource: string; when?: string };

const SPANS = ['15m', '1h', '8h'] as const;
const REASON_LENGTH_MAX = 500;
const ACTION = 'tool.call';

/** Lets an agent do one thing for a while. From an exchange all of it is there already, but why. */
export function GiveGrant({ asked, agent: to = '', onClose }: { asked?: Asked; agent?: string; onClose: () => void }) {
  const agents = useQuery(agentsQuery);
  const [agent, setAgent] = useState(asked?.agent ?? to);
  const [action, setAction] = useState(asked?.action ?? ACTION);
  const [resource, setResource] = useState(asked?.resource ?? '');
  const [when, setWhen] = useState(asked?.when ?? '');
  const [span, setSpan] = useState('1h');
  const [reason, setReason] = useState('');
  const [given, setGiven] = useState<readonly string[] | undefined>();
  const seconds = spanSeconds(span);
  const ready = agent !== '' && action !== '' && resource !== '' && seconds !== undefined && reason !== '';
  const give = useAction(async () => {
    const { type, name: id } = splitResource(resource);
    const answer = await ask('grants.give', {
      body: {
        agent,
        actions: [action],
        resource: { type: type === '' ? 'Tool' : type, id },
        ...(when === '' ? {} : { when }),
        for_seconds: seconds ?? 0,
        reason,
      },
    });
    if (answer.warnings.length === 0) onClose();
    else setGiven(answer.warnings);
  });
  if (given !== undefined) return <Given warnings={given} onClose={onClose} />;
  const name = splitResource(resource).name;
  return (
    <Dialog
      title={`Grant for ${seconds === undefined ? 'a while' : span}`}
      wide
      onClose={onClose}
      onSubmit={() => ready && give.run(undefined)}
    >
      {asked === undefined ? (
        <>
          <Select label="Agent" value={agent} onChange={(event) => setAgent(event.target.value)} required>
            <option value="">Which agent</option>
            {(agents.data?.agents ?? []).map(({ id }) => (
              <option key={id}>{id}</option>
            ))}
          </Select>
          <WhatFields action={action} onAction={setAction} resource={resource} onResource={setResource} />
          <Area
            label="Only where"
            hint="A condition in Cedar, or nothing."
            rows={2}
            placeholder={'context.args.path like "reports/*"'}
            value={when}
            onChange={(event) => setWhen(event.target.value)}
          />
        </>
      ) : (
        <Narrow asked={asked} when={when} onWhen={setWhen} />
      )}
      <div className="flex flex-col gap-1">
        <span className="font-medium">For</span>
        <div className="flex flex-wrap items-center gap-3">
          <Choice
            legend="For how long"
            options={SPANS.map((each) => ({ value: each, label: each }))}
            value={SPANS.find((each) => each === span)}
            onChoose={(next) => setSpan(next ?? '1h')}
          />
          <input
            aria-label="Another time, such as 90m, 2h or 1d"
            value={span}
            onChange={(event) => setSpan(event.target.value)}
            className="h-8 w-20 rounded-medium border border-line-strong bg-surface px-2.5"
          />
          <span className="text-faint">and then it ends by itself.</span>
        </div>
      </div>
      <Field
        label="Why"
        required
        maxLength={REASON_LENGTH_MAX}
        placeholder="It stands in the log, beside your name"
        value={reason}
        onChange={(event) => setReason(event.target.value)}
      />
      <Refused error={give.error} />
      <Command
        line={`sallyport grant ${shellWord(agent || 'AGENT')} --action ${shellWord(action)} --resource ${shellWord(name || 'RESOURCE')}${when === '' ? '' : ` --when ${shellWord(when)}`} --for ${shellWord(span)} --reason ${shellWord(reason || '…')}`}
      />
      <Actions>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="primary" type="submit" busy={give.busy} disabled={!ready}>
          {seconds === undefined ? 'Grant' : `Grant for ${span}`}
        </Button>
      </Actions>
    </Dialog>
  );
}

function WhatFields({
  action,
  onAction,
  resource,
  onResource,
}: {
  action: string;
  onAction: (action: string) => void;
  resource: string;
  onResource: (resource: string) => void;
}) {
  const schema = useQuery(policySchemaQuery);
  return (
    <div className="grid gap-4 sm:grid-cols-[12rem_minmax(0,1fr)]">
      <Select label="Action" value={action} onChange={(event) => onAction(event.target.value)}>
        {(schema.data?.actions ?? [{ name: ACTION }]).map(({ name }) => (
          <option key={name}>{name}</option>
        ))}
      </Select>
      <Field
        label="On"
        required
        list="grant-resources"
        placeholder="server/tool"
        spellCheck={false}
        autoComplete="off"
        value={resource}
        onChange={(event) => onResource(event.target.value)}
        className="font-mono text-small"
      />
      <datalist id="grant-resources">
        {(schema.data?.tools ?? []).map(({ id }) => (
          <option key={id} value={id} />
        ))}
      </datalist>
    </div>
  );
}

/** From a refusal: this call alone, or everything like it. */
function Narrow({ asked, when, onWhen }: { asked: Asked; when: string; onWhen: (when: string) => void }) {
  return (
    <>
      <p>
        <Text value={asked.agent} className="font-medium" /> may {verbOf(asked.action)}{' '}
        <Text value={splitResource(asked.resource).name} className="font-mono text-small" />
        {when === '' ? ', whatever it says in the call.' : ', where this holds:'}
      </p>
      <Area
        label="Only where"
        hint="A condition in Cedar. It holds for what was refused; without it any call of this kind is permitted."
        rows={2}
        value={when}
        onChange={(event) => onWhen(event.target.value)}
      />
    </>
  );
}

function Given({ warnings, onClose }: { warnings: readonly string[]; onClose: () => void }) {
  return (
    <Dialog title="It is granted, but" onClose={onClose} onSubmit={onClose}>
      <ul className="flex flex-col gap-2">
        {warnings.map((warning) => (
          <li key={warning} className="flex flex-wrap gap-x-2">
            <Mark tone="hold" word="note" />
            <Text value={warning} />
          </li>
        ))}
      </ul>
      <Actions>
        <Button kind="primary" type="submit">
          Close
        </Button>
      </Actions>
    </Dialog>
  );
}
