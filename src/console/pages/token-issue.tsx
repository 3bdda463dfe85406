import { useState } from 'react';
import type { Agent, Output } from '../../api/contract/index.ts';
import { ask } from '../data/client.ts';
import { useAction } from '../data/use-action.ts';
import { Button } from '../parts/button.tsx';
import { Block, Command } from '../parts/copy.tsx';
import { Actions, Dialog } from '../parts/dialog.tsx';
import { Field, Select } from '../parts/field.tsx';
import { Refused } from '../parts/states.tsx';

const DAYS_DEFAULT = 30;

export function IssueToken({ agent, onClose }: { agent: Agent; onClose: () => void }) {
  const [job, setJob] = useState(agent.jobs[0] ?? '');
  const [days, setDays] = useState(DAYS_DEFAULT);
  const [issued, setIssued] = useState<Output<'tokens.issue'> | undefined>();
  const issue = useAction(async () => setIssued(await ask('tokens.issue', { body: { agent: agent.id, job, days } })));
  if (issued !== undefined) {
    return (
      <Dialog title="The token" onClose={onClose} wide>
        <p>The gateway keeps only its hash: once this is closed, nobody can show it again.</p>
        <Block value={issued.secret} what="token" />
        <Actions>
          <Button kind="primary" onClick={onClose}>
            I have kept it
          </Button>
        </Actions>
      </Dialog>
    );
  }
  return (
    <Dialog title={`A bearer token for ${agent.id}`} onClose={onClose} onSubmit={() => issue.run(undefined)}>
      <p className="text-soft">
        For clients that can only send a header. Whoever holds it is the agent, so prefer its key where the client can
        use one.
      </p>
      <Select label="Job" value={job} onChange={(event) => setJob(event.target.value)}>
        {agent.jobs.map((each) => (
          <option key={each}>{each}</option>
        ))}
      </Select>
      <Field
        label="Days"
        type="number"
        min={1}
        max={365}
        value={days}
        onChange={(event) => setDays(event.target.valueAsNumber)}
      />
      <Refused error={issue.error} />
      <Command line={`sallyport agent token ${agent.id} --job ${job}`} />
      <Actions>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="primary" type="submit" busy={issue.busy}>
          Issue
        </Button>
      </Actions>
    </Dialog>
  );
}
