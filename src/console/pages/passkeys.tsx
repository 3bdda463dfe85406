import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import type { Passkey } from '../../api/contract/index.ts';
import { ask } from '../data/client.ts';
import { makePasskey, passkeysHere } from '../data/passkey.ts';
import { meQuery, passkeysQuery, queryClient, signInQuery } from '../data/queries.ts';
import { useAction } from '../data/use-action.ts';
import { Button } from '../parts/button.tsx';
import { Field } from '../parts/field.tsx';
import { Badge } from '../parts/marks.tsx';
import { Failed, Refused, Skeleton } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { Ago } from '../parts/time.tsx';
import { PresenceProvider } from '../shell/presence.tsx';
import { Threshold } from './sign-in.tsx';

/** Passkeys of whoever is signed in: to sign in without a password, and to show presence without a code. */
export function Passkeys() {
  return (
    <PresenceProvider>
      <Threshold title="Your passkeys">
        <Held />
      </Threshold>
    </PresenceProvider>
  );
}

function Held() {
  const options = useQuery(signInQuery);
  const held = useQuery(passkeysQuery);
  if (held.isError) return <Failed error={held.error} retry={() => void held.refetch()} />;
  if (held.isPending || options.isPending) return <Skeleton rows={4} />;
  const { passkeys } = held.data;
  return (
    <>
      <p className="text-soft">
        A passkey is bound to this address, so no other page can ask for it. It signs you in without a password, and
        shows that you are here.
      </p>
      {passkeys.length > 0 && (
        <ul aria-label="Passkeys" className="divide-y divide-line rounded-large border border-line bg-surface">
          {passkeys.map((passkey) => (
            <Entry key={passkey.id} passkey={passkey} />
          ))}
        </ul>
      )}
      {passkeysHere(options.data?.passkeys_at) ? <Add /> : <Elsewhere at={options.data?.passkeys_at ?? null} />}
      <Link to="/live" className="text-accent hover:underline">
        Go to Live
      </Link>
    </>
  );
}

function Entry({ passkey }: { passkey: Passkey }) {
  const remove = useAction(async () => {
    const me = await ask('me.passkeys.remove', { params: { passkey: passkey.id } });
    queryClient.setQueryData(meQuery.queryKey, me);
  });
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-1 px-3 py-2.5">
      <span className="flex min-w-40 grow flex-col">
        <Text value={passkey.name} className="font-medium" />
        <span className="text-faint text-small">
          since <Ago time={passkey.added_at} />
          {passkey.used_at !== null && (
            <>
              , used <Ago time={passkey.used_at} />
            </>
          )}
        </span>
      </span>
      {passkey.synced && <Badge>synced</Badge>}
      <Button
        kind="quiet"
        onClick={() => remove.run(undefined)}
        busy={remove.busy}
        aria-label={`Remove ${passkey.name}`}
      >
        Remove
      </Button>
      <Refused error={remove.error} />
    </li>
  );
}

function Add() {
  const [name, setName] = useState('');
  const add = useAction(async () => {
    const { question } = await ask('me.passkeys.begin', {});
    const answer = await makePasskey(question);
    queryClient.setQueryData(meQuery.queryKey, await ask('me.passkeys.add', { body: { name, answer } }));
    setName('');
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    add.run(undefined);
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <Field
        label="Name of a new passkey"
        hint="Such as the device that keeps it."
        required
        maxLength={64}
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <Refused error={add.error} />
      <Button kind="primary" type="submit" busy={add.busy} className="h-9">
        Add a passkey
      </Button>
    </form>
  );
}

/** Browsers know no passkeys for an IP address, nor without https but on localhost. */
function Elsewhere({ at }: { at: string | null }) {
  if (at === null) {
    return (
      <p className="rounded-medium bg-sunken px-3 py-2 text-soft">
        Passkeys need the console at a name with https (listen.console_url), or at localhost on the machine itself. Here
        an authenticator’s code does the same.
      </p>
    );
  }
  return (
    <p className="rounded-medium bg-sunken px-3 py-2 text-soft">
      Browsers know no passkeys at this address. Open the console at{' '}
      <a href={at} className="text-accent hover:underline">
        {at}
      </a>{' '}
      and sign in there.
    </p>
  );
}
