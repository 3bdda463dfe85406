import { useQuery } from '@tanstack/react-query';
import { type FormEvent, type ReactNode, useState } from 'react';
import { goAway } from '../data/away.ts';
import { ask } from '../data/client.ts';
import { askPasskey, passkeysHere } from '../data/passkey.ts';
import { meQuery, queryClient, signInQuery } from '../data/queries.ts';
import { Button } from '../parts/button.tsx';
import { Command } from '../parts/copy.tsx';
import { Field } from '../parts/field.tsx';
import { Refused } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { Wordmark } from '../parts/wordmark.tsx';

export function SignIn() {
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      queryClient.setQueryData(meQuery.queryKey, await ask('session.open', { body: { name, password } }));
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <Threshold title="Sign in" foot={<NoAccount />}>
      <form onSubmit={submit} className="flex flex-col gap-4">
        <Field
          label="Name"
          autoComplete="username"
          required
          autoFocus
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <Field
          label="Password"
          type="password"
          autoComplete="current-password"
          required
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
        <Refused error={error} />
        <Button kind="primary" type="submit" busy={busy} className="h-9">
          Sign in
        </Button>
      </form>
      <OtherWays />
    </Threshold>
  );
}

/** The company's provider and passkeys, where there are any. */
function OtherWays() {
  const { data } = useQuery(signInQuery);
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const doing = async (work: () => Promise<void>) => {
    setBusy(true);
    setError(undefined);
    await work().catch(setError);
    setBusy(false);
  };
  const withPasskey = () =>
    doing(async () => {
      const { question } = await ask('session.passkey', {});
      const me = await ask('session.passkey.answer', { body: { answer: await askPasskey(question) } });
      queryClient.setQueryData(meQuery.queryKey, me);
    });
  if (data === undefined || (data.company === null && data.passkeys_at === null)) return null;
  return (
    <div className="flex flex-col gap-2">
      {data.company !== null && (
        <Button onClick={() => doing(() => goAway('sign-in'))} busy={busy} className="h-9">
          Sign in with <Text value={data.company} />
        </Button>
      )}
      {passkeysHere(data.passkeys_at) ? (
        <Button onClick={withPasskey} busy={busy} className="h-9">
          Sign in with a passkey
        </Button>
      ) : (
        data.passkeys_at !== null && (
          <p className="text-faint text-small">
            Passkeys work at{' '}
            <a href={data.passkeys_at} className="text-accent hover:underline">
              {data.passkeys_at}
            </a>
            : browsers know none at an IP address.
          </p>
        )
      )}
      <Refused error={error} />
    </div>
  );
}

function NoAccount() {
  return (
    <>
      <p className="text-faint text-small">No account yet? On the gateway’s machine, this prints a set-up link:</p>
      <Command line="sallyport up" />
    </>
  );
}

/** The frame of what stands before the door. */
export function Threshold({ title, children, foot }: { title: string; children: ReactNode; foot?: ReactNode }) {
  return (
    <main className="scrolls h-full">
      <div className="mx-auto flex min-h-full w-full max-w-sm flex-col justify-center gap-6 px-6 py-12">
        <Wordmark />
        <h1 className="font-semibold text-title tracking-tight">{title}</h1>
        {children}
        {foot !== undefined && <footer className="flex flex-col gap-2 border-line border-t pt-5">{foot}</footer>}
      </div>
    </main>
  );
}
