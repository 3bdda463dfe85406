import { useQuery } from '@tanstack/react-query';
import { Plus } from 'lucide-react';
import { useState } from 'react';
import type { Output, PersonEntry } from '../../api/contract/index.ts';
import { ask } from '../data/client.ts';
import { meQuery, peopleQuery } from '../data/queries.ts';
import { useAction } from '../data/use-action.ts';
import { Button } from '../parts/button.tsx';
import { Block } from '../parts/copy.tsx';
import { Actions, Dialog } from '../parts/dialog.tsx';
import { Badge, Mark } from '../parts/marks.tsx';
import { Failed, Refused, Skeleton } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { Ago } from '../parts/time.tsx';

type Role = PersonEntry['roles'][number];

const ROLES: readonly { role: Role; may: string }[] = [
  { role: 'viewer', may: 'sees what happens, without names or arguments' },
  { role: 'auditor', may: 'reads and proves everything, changes nothing' },
  { role: 'data-owner', may: 'reads, and stops what touches the data' },
  { role: 'approver', may: 'reads, stops, and decides what waits for a decision' },
  { role: 'admin', may: 'runs the gateway: people, agents, credentials, stops' },
];

/** Who looks after the gateway, and how far each may go. */
export function PeoplePage() {
  const people = useQuery(peopleQuery);
  const [adding, setAdding] = useState(false);
  if (people.isPending) return <Skeleton rows={6} />;
  if (people.isError) return <Failed error={people.error} retry={() => void people.refetch()} />;
  return (
    <div className="scrolls h-full">
      <div className="mx-auto flex max-w-4xl flex-col gap-4 p-4 sm:p-6">
        <header className="flex items-center justify-between gap-3">
          <h1 className="font-semibold text-large">
            People <span className="font-normal text-faint">{people.data.people.length}</span>
          </h1>
          <Button onClick={() => setAdding(true)}>
            <Plus className="size-4" aria-hidden="true" /> Add someone
          </Button>
        </header>
        <ul className="divide-y divide-line rounded-large border border-line bg-surface">
          {people.data.people.map((person) => (
            <Person key={person.id} person={person} />
          ))}
        </ul>
        {adding && <AddPerson onClose={() => setAdding(false)} />}
      </div>
    </div>
  );
}

function Person({ person }: { person: PersonEntry }) {
  const me = useQuery(meQuery);
  const [changing, setChanging] = useState<'roles' | 'removal' | undefined>();
  const own = me.data?.by === `person:${person.id}`;
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3">
      <span className="flex min-w-40 grow flex-col">
        <span className="font-medium">
          <Text value={person.name} />
          {own && <span className="font-normal text-faint"> (you)</span>}
        </span>
        <span className="text-faint text-small">
          since <Ago time={person.added_at} />
        </span>
      </span>
      <span className="flex flex-wrap gap-1">
        {person.roles.map((role) => (
          <Badge key={role}>{role}</Badge>
        ))}
      </span>
      <Shows person={person} />
      <span className="flex gap-1">
        {!person.company && <Button onClick={() => setChanging('roles')}>Roles…</Button>}
        <Button kind="quiet" onClick={() => setChanging('removal')}>
          Remove…
        </Button>
      </span>
      {changing === 'roles' && <ChangeRoles person={person} onClose={() => setChanging(undefined)} />}
      {changing === 'removal' && <Remove person={person} onClose={() => setChanging(undefined)} />}
    </li>
  );
}

/** How they sign in, and what they can show that they are there with. */
function Shows({ person: { authenticator, passkeys, company, roles } }: { person: PersonEntry }) {
  return (
    <span className="flex flex-wrap items-center gap-x-3 gap-y-1">
      {company && <Badge>company</Badge>}
      {company && roles.length === 0 && <Mark tone="deny" word="in no group" />}
      {passkeys > 0 && <Mark tone="permit" word={passkeys === 1 ? 'passkey' : `${passkeys} passkeys`} />}
      {authenticator && <Mark tone="permit" word="authenticator" />}
      {!authenticator && passkeys === 0 && !company && <Mark tone="hold" word="no authenticator" />}
    </span>
  );
}

function RoleChoice({ chosen, onChoose }: { chosen: readonly Role[]; onChoose: (roles: Role[]) => void }) {
  return (
    <fieldset className="flex flex-col gap-2">
      <legend className="mb-1 font-medium">Roles</legend>
      {ROLES.map(({ role, may }) => (
        <label key={role} className="flex cursor-pointer items-start gap-2.5">
          <input
            type="checkbox"
            className="mt-0.5 size-4 shrink-0 accent-accent-fill"
            checked={chosen.includes(role)}
            onChange={({ target }) =>
              onChoose(target.checked ? [...chosen, role] : chosen.filter((each) => each !== role))
            }
          />
          <span>
            <span className="font-medium">{role}</span> <span className="text-soft">{may}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}

function AddPerson({ onClose }: { onClose: () => void }) {
  const [roles, setRoles] = useState<Role[]>(['viewer']);
  const [link, setLink] = useState<Output<'people.add'> | undefined>();
  const add = useAction(async () => setLink(await ask('people.add', { body: { roles } })));
  if (link !== undefined) {
    return (
      <Dialog title="Give them this link" onClose={onClose} wide>
        <p>
          It makes one account, and works <Ago time={link.expires_at} /> at the latest. Whoever opens it first has it,
          so send it where only they read.
        </p>
        <Block value={link.link} what="link" />
        <Actions>
          <Button kind="primary" onClick={onClose}>
            Done
          </Button>
        </Actions>
      </Dialog>
    );
  }
  return (
    <Dialog title="Add someone" onClose={onClose} onSubmit={() => roles.length > 0 && add.run(undefined)}>
      <RoleChoice chosen={roles} onChoose={setRoles} />
      <Refused error={add.error} />
      <Actions>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="primary" type="submit" busy={add.busy} disabled={roles.length === 0}>
          Make a link
        </Button>
      </Actions>
    </Dialog>
  );
}

function ChangeRoles({ person, onClose }: { person: PersonEntry; onClose: () => void }) {
  const [roles, setRoles] = useState<Role[]>(person.roles);
  const change = useAction(async () => {
    await ask('people.change', { params: { person: person.id }, body: { roles } });
    onClose();
  });
  return (
    <Dialog
      title={`Roles of ${person.name}`}
      onClose={onClose}
      onSubmit={() => roles.length > 0 && change.run(undefined)}
    >
      <RoleChoice chosen={roles} onChoose={setRoles} />
      <p className="text-soft">Their sessions end, so that none keeps more than they now have.</p>
      <Refused error={change.error} />
      <Actions>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="primary" type="submit" busy={change.busy} disabled={roles.length === 0}>
          Change
        </Button>
      </Actions>
    </Dialog>
  );
}

function Remove({ person, onClose }: { person: PersonEntry; onClose: () => void }) {
  const remove = useAction(async () => {
    await ask('people.remove', { params: { person: person.id } });
    onClose();
  });
  return (
    <Dialog title={`Remove ${person.name}`} onClose={onClose} onSubmit={() => remove.run(undefined)}>
      <p>Their sessions end at once. What they did stays in the log.</p>
      <Refused error={remove.error} />
      <Actions>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="stop" type="submit" busy={remove.busy}>
          Remove {person.name}
        </Button>
      </Actions>
    </Dialog>
  );
}
