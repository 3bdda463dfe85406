import { useNavigate } from '@tanstack/react-router';
import { type FormEvent, useEffect, useState } from 'react';
import { ask } from '../data/client.ts';
import { meQuery, queryClient } from '../data/queries.ts';
import { Button } from '../parts/button.tsx';
import { Command } from '../parts/copy.tsx';
import { Field } from '../parts/field.tsx';
import { Refused } from '../parts/states.tsx';
import { Threshold } from './sign-in.tsx';

const PASSWORD_LENGTH_MIN = 12;

/** From a one-time link to an account. The link's secret is taken out of the address bar and of the history at once. */
export function SetUp() {
  const [secret, setSecret] = useState(() => decodeURIComponent(location.hash.slice(1)));
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const navigate = useNavigate();
  useEffect(() => history.replaceState(history.state, '', '/setup'), []);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      const me = await ask('setup.redeem', { body: { secret, name, password } });
      queryClient.setQueryData(meQuery.queryKey, me);
      await navigate({ to: '/authenticator', replace: true });
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <Threshold
      title="Make your account"
      foot={
        <>
          <p className="text-faint text-small">
            The link works once, for ten minutes. On the gateway’s machine, this prints a new one:
          </p>
          <Command line="sallyport up" />
        </>
      }
    >
      <form onSubmit={submit} className="flex flex-col gap-4">
        {error !== undefined || secret === '' ? (
          <Field
            label="Set-up secret"
            hint="The part of the link after #."
            required
            value={secret}
            onChange={(event) => setSecret(event.target.value.trim())}
          />
        ) : null}
        <Field
          label="Name"
          hint="It stands in the log beside what you do. Letters, digits, . _ @ -"
          autoComplete="username"
          required
          autoFocus
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <Field
          label="Password"
          hint={`At least ${PASSWORD_LENGTH_MIN} characters. Long beats clever.`}
          type="password"
          autoComplete="new-password"
          minLength={PASSWORD_LENGTH_MIN}
          required
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
        <Refused error={error} />
        <Button kind="primary" type="submit" busy={busy} className="h-9">
          Make account
        </Button>
      </form>
    </Threshold>
  );
}
