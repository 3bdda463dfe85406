import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { type FormEvent, lazy, Suspense, useState } from 'react';
import type { Output } from '../../api/contract/index.ts';
import { ask } from '../data/client.ts';
import { meQuery, queryClient } from '../data/queries.ts';
import { Button } from '../parts/button.tsx';
import { Id } from '../parts/copy.tsx';
import { CodeField } from '../parts/field.tsx';
import { Mark } from '../parts/marks.tsx';
import { Refused, Skeleton } from '../parts/states.tsx';
import { Threshold } from './sign-in.tsx';

const QrCode = lazy(() => import('../parts/qr.tsx').then(({ QrCode }) => ({ default: QrCode })));

/** Presence: something that a stolen cookie, or a script with the operator's files, does not have. */
export function Authenticator() {
  const me = useQuery(meQuery);
  const [again, setAgain] = useState(false);
  if (me.data?.authenticator === true && !again) {
    return (
      <Threshold title="Your authenticator">
        <Mark tone="permit" word="Enrolled" />
        <p className="text-soft">
          Activating policies, lifting stops and adding people ask for its code. Enrolling another one replaces it.
        </p>
        <div className="flex gap-2">
          <LiveLink />
          <Button onClick={() => setAgain(true)}>Enrol another</Button>
        </div>
      </Threshold>
    );
  }
  return <Enrol onDone={() => setAgain(false)} />;
}

function Enrol({ onDone }: { onDone: () => void }) {
  const navigate = useNavigate();
  const [enrolment, setEnrolment] = useState<Output<'me.enrol'> | undefined>();
  const [code, setCode] = useState('');
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const doing = async (work: () => Promise<void>) => {
    setBusy(true);
    setError(undefined);
    await work().catch(setError);
    setBusy(false);
  };
  const begin = () => doing(async () => setEnrolment(await ask('me.enrol', {})));
  const finish = (event: FormEvent) => {
    event.preventDefault();
    void doing(async () => {
      queryClient.setQueryData(meQuery.queryKey, await ask('me.present', { body: { code } }));
      onDone();
      await navigate({ to: '/live' });
    });
  };
  if (enrolment === undefined) {
    return (
      <Threshold title="Enrol an authenticator">
        <p className="text-soft">
          Activating policies, lifting stops and adding people need you here, not only your browser. Any authenticator
          app does (TOTP, RFC 6238).
        </p>
        <Refused error={error} />
        <div className="flex gap-2">
          <Button kind="primary" onClick={begin} busy={busy}>
            Show the code to scan
          </Button>
          <LiveLink word="Later" />
        </div>
        <Link to="/passkeys" className="text-accent hover:underline">
          Use a passkey instead
        </Link>
      </Threshold>
    );
  }
  return (
    <Threshold title="Scan, then enter a code">
      <Suspense fallback={<Skeleton rows={4} />}>
        <QrCode value={enrolment.uri} label="QR code for your authenticator" />
      </Suspense>
      <div>
        <p className="mb-1 text-faint text-small">Or type this in:</p>
        <Id value={enrolment.secret} />
      </div>
      <form onSubmit={finish} className="flex flex-col gap-4">
        <CodeField value={code} onChange={setCode} />
        <Refused error={error} />
        <Button kind="primary" type="submit" busy={busy} disabled={code.length !== 6} className="h-9">
          Finish
        </Button>
      </form>
    </Threshold>
  );
}

function LiveLink({ word = 'Go to Live' }: { word?: string }) {
  return (
    <Link
      to="/live"
      className="inline-flex h-8 items-center rounded-medium border border-line-strong bg-surface px-3 font-medium hover:bg-hover"
    >
      {word}
    </Link>
  );
}
