import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { Input } from '../../api/contract/index.ts';
import { ask } from '../data/client.ts';
import { shortId } from '../data/format.ts';
import { useNames } from '../data/identity-queries.ts';
import { queryClient, statusQuery } from '../data/queries.ts';
import { Button } from '../parts/button.tsx';
import { Command } from '../parts/copy.tsx';
import { Actions, Dialog } from '../parts/dialog.tsx';
import { Field, Select } from '../parts/field.tsx';
import { Refused } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { type Choices, KINDS, type StopKind, useChoices } from './stop-choices.ts';

export type StopTarget = { kind: StopKind; id?: string };

/** The red control. It says what it will stop, in words, before it does. */
export function StopDialog({ initial, onClose }: { initial: StopTarget | undefined; onClose: () => void }) {
  const [kind, setKind] = useState<StopKind>(initial?.kind ?? 'agent');
  const listed = useChoices(kind);
  const [chosen, setChosen] = useState(initial?.id ?? '');
  const [reason, setReason] = useState('');
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  // What was pointed at is offered, also where this person may not list its kind.
  const named = kind === initial?.kind && initial.id !== undefined ? initial.id : undefined;
  const choices: Choices =
    named === undefined || listed.some(([value]) => value === named) ? listed : [[named, named], ...listed];
  const known = choices.find(([value]) => value === chosen)?.[0] ?? choices[0]?.[0];
  const id = kind === 'all' ? undefined : (known ?? (chosen === '' ? undefined : chosen));
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
      <Select label="What" value={kind} onChange={(event) => setKind(event.target.value as StopKind)}>
        {KINDS.map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </Select>
      {kind !== 'all' && <Which choices={choices} value={id ?? ''} onChoose={setChosen} />}
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
          Stop {kind === 'all' ? 'everything' : (choices.find(([value]) => value === id)?.[2] ?? shortId(id ?? ''))}
        </Button>
      </Actions>
    </Dialog>
  );
}

/** Of those that are there, else by its id. */
function Which({ choices, value, onChoose }: { choices: Choices; value: string; onChoose: (id: string) => void }) {
  if (choices.length === 0) {
    return (
      <Field
        label="Which"
        hint="None is listed here. Its id works as well."
        maxLength={200}
        value={value}
        onChange={(event) => onChoose(event.target.value)}
      />
    );
  }
  return (
    <Select label="Which" value={value} onChange={(event) => onChoose(event.target.value)}>
      {choices.map(([id, label]) => (
        <option key={id} value={id}>
          {label}
        </option>
      ))}
    </Select>
  );
}

function Consequence({ kind, id }: { kind: StopKind; id: string | undefined }) {
  const status = useQuery(statusQuery);
  const nameOf = useNames();
  const open = status.data?.in_flight ?? 0;
  const name =
    id === undefined ? '' : <Text value={kind === 'user' ? nameOf(id) : id} className="break-all font-medium" />;
  const what: Record<StopKind, ReactNode> = {
    all: <>Everything stops. Whatever is in flight ({open} now) is cut; every agent is refused</>,
    agent: <>Agent {name} stops. Whatever it has in flight is cut; everything it asks for is refused</>,
    user: <>Nothing happens in the name of {name} any more, whichever agent asks. Whatever is in flight is cut</>,
    run: <>Run {name} stops. Whatever it has in flight is cut; it cannot go on</>,
    delegation: <>Delegation {name} stops, with all that was lent on from it. Whatever is in flight on it is cut</>,
    key: <>Key {name} is worth nothing any more, whoever holds it. Whatever it has in flight is cut</>,
    token: <>Token {name} is worth nothing any more, whoever holds it. Whatever it has in flight is cut</>,
    upstream: <>Nobody reaches {name} any more. Whatever is in flight to it is cut</>,
    tool: <>Nobody calls {name} any more. Whatever is in flight to it is cut; the server’s other tools go on</>,
  };
  return (
    <p className="rounded-medium bg-deny-soft px-3 py-2 text-deny" aria-live="polite">
      {what[kind]}, at once and on every replica, until someone lifts the stop. Lifting needs presence.
    </p>
  );
}
