import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Input } from '../../api/contract/index.ts';
import { ask } from '../data/client.ts';
import { shortId } from '../data/format.ts';
import { agentsQuery, queryClient, runsQuery, statusQuery } from '../data/queries.ts';
import { Button } from '../parts/button.tsx';
import { Command } from '../parts/copy.tsx';
import { Actions, Dialog } from '../parts/dialog.tsx';
import { Field, Select } from '../parts/field.tsx';
import { Refused } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';

export type StopTarget = { kind: 'all' | 'agent' | 'run' | 'upstream'; id?: string };

const KINDS = [
  ['agent', 'One agent'],
  ['run', 'One run'],
  ['upstream', 'One server behind the gateway'],
  ['all', 'Everything'],
] as const;

/** The red control. It says what it will stop, in words, before it does. */
export function StopDialog({ initial, onClose }: { initial: StopTarget | undefined; onClose: () => void }) {
  const [kind, setKind] = useState<StopTarget['kind']>(initial?.kind ?? 'agent');
  const choices = useChoices(kind);
  const [chosen, setChosen] = useState(initial?.id);
  const [reason, setReason] = useState('');
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const id = kind === 'all' ? undefined : (choices.find(([value]) => value === chosen)?.[0] ?? choices[0]?.[0]);
  const ready = reason !== '' && (kind === 'all' || id !== undefined);
  const submit = async () => {
    if (!ready) return;
    setBusy(true);
    const body: Input<'stops.set'>['body'] = { kind, reason, ...(id === undefined ? {} : { id }) };
    try {
      await ask('stops.set', { body });
      await queryClient.invalidateQueries();
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <Dialog title="Stop" onClose={onClose} onSubmit={submit}>
      <Select label="What" value={kind} onChange={(event) => setKind(event.target.value as StopTarget['kind'])}>
        {KINDS.map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </Select>
      {kind !== 'all' && (
        <Select
          label="Which"
          value={id ?? ''}
          onChange={(event) => setChosen(event.target.value)}
          disabled={choices.length === 0}
        >
          {choices.length === 0 && <option value="">There is none</option>}
          {choices.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </Select>
      )}
      <Field
        label="Why"
        required
        maxLength={500}
        placeholder="It stands in the log, beside your name"
        value={reason}
        onChange={(event) => setReason(event.target.value)}
      />
      <Consequence kind={kind} id={id} />
      <Refused error={error} />
      <Command line={`sallyport kill ${kind === 'all' ? 'all' : `${kind} ${id ?? '…'}`} --reason "${reason || '…'}"`} />
      <Actions>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="stop" type="submit" busy={busy} disabled={!ready}>
          Stop {kind === 'all' ? 'everything' : id === undefined ? '' : shortId(id)}
        </Button>
      </Actions>
    </Dialog>
  );
}

function Consequence({ kind, id }: { kind: StopTarget['kind']; id: string | undefined }) {
  const status = useQuery(statusQuery);
  const open = status.data?.in_flight ?? 0;
  const name = id === undefined ? '' : <Text value={id} className="font-medium" />;
  const what = {
    all: <>Everything stops. Whatever is in flight ({open} now) is cut; every agent is refused</>,
    agent: <>Agent {name} stops. Whatever it has in flight is cut; everything it asks for is refused</>,
    run: <>Run {name} stops. Whatever it has in flight is cut; it cannot go on</>,
    upstream: <>Nobody reaches {name} any more. Whatever is in flight to it is cut</>,
  }[kind];
  return (
    <p className="rounded-medium bg-deny-soft px-3 py-2 text-deny" aria-live="polite">
      {what}, at once and on every replica, until someone lifts the stop. Lifting needs presence.
    </p>
  );
}

/** Ids to choose from, with what a person knows them by. */
function useChoices(kind: StopTarget['kind']): [string, string][] {
  const agents = useQuery({ ...agentsQuery, enabled: kind === 'agent' });
  const runs = useQuery({ ...runsQuery, enabled: kind === 'run' });
  const status = useQuery(statusQuery);
  switch (kind) {
    case 'all':
      return [];
    case 'agent':
      return (agents.data?.agents ?? []).map(({ id, owner }) => [id, `${id} (${owner})`]);
    case 'run':
      return (runs.data?.runs ?? [])
        .filter(({ ended_at, expires_at }) => ended_at === null && expires_at > Date.now())
        .map(({ id, agent, job }) => [id, `${agent}, ${job} · ${shortId(id)}`]);
    case 'upstream':
      return (status.data?.upstreams ?? []).map(({ server }) => [server, server]);
  }
}
