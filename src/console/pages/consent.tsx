import { useQuery } from '@tanstack/react-query';
import { type FormEvent, type ReactNode, useState } from 'react';
import type { ConsentQuestion } from '../../api/contract/index.ts';
import { ask, isStatus } from '../data/client.ts';
import { meQuery } from '../data/queries.ts';
import { Button } from '../parts/button.tsx';
import { Card, Fact, Facts } from '../parts/facts.tsx';
import { Field } from '../parts/field.tsx';
import { Badge } from '../parts/marks.tsx';
import { Failed, Refused, Skeleton } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { SignIn, Threshold } from './sign-in.tsx';

type Verdict = { allow: true; job: string } | { allow: false };

/** Where a client sends a person who is to say what it may do. Before the shell: one question, and nothing beside it. */
export function Consent() {
  const request = location.pathname.split('/').at(-1) ?? '';
  const answer = async (verdict: Verdict) => {
    const { next } = await ask('client_grants.answer', { params: { request }, body: { verdict } });
    location.assign(next);
  };
  return (
    <SignedIn>
      <Question
        name={request}
        read={(signal) => ask('client_grants.ask', { params: { request } }, signal)}
        answer={answer}
        said="Going back to the client."
      />
    </SignedIn>
  );
}

/** Where a person types what a device shows them (RFC 8628). */
export function Device() {
  const [typed, setTyped] = useState(new URLSearchParams(location.search).get('code') ?? '');
  const [user_code, setCode] = useState<string>();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setCode(typed);
  };
  return (
    <SignedIn>
      {user_code === undefined ? (
        <Threshold title="A device wants to sign in">
          <form onSubmit={submit} className="flex flex-col gap-4">
            <Field
              label="Code"
              hint="Go on only if you have just started this yourself, and your device shows this very code."
              autoComplete="off"
              required
              autoFocus
              value={typed}
              onChange={(event) => setTyped(event.target.value)}
            />
            <Button kind="primary" type="submit" className="h-9">
              Go on
            </Button>
          </form>
        </Threshold>
      ) : (
        <Question
          name={user_code}
          read={(signal) => ask('client_grants.device', { params: { user_code } }, signal)}
          answer={async (verdict) => {
            await ask('client_grants.answer_device', { params: { user_code }, body: { verdict } });
          }}
          said="Done. You can go back to your device."
        />
      )}
    </SignedIn>
  );
}

function SignedIn({ children }: { children: ReactNode }) {
  const me = useQuery(meQuery);
  if (me.isPending) return <Skeleton rows={3} />;
  if (isStatus(me.error, 401)) return <SignIn />;
  if (me.isError) return <Failed error={me.error} retry={() => void me.refetch()} />;
  return children;
}

function Question({
  name,
  read,
  answer,
  said,
}: {
  name: string;
  read: (signal: AbortSignal) => Promise<ConsentQuestion>;
  answer: (verdict: Verdict) => Promise<void>;
  said: string;
}) {
  const [done, setDone] = useState(false);
  const question = useQuery({ queryKey: ['consent', name], queryFn: ({ signal }) => read(signal), retry: false });
  if (done) return <Threshold title={said}>{null}</Threshold>;
  if (question.isPending) return <Skeleton rows={3} />;
  if (question.isError) {
    return (
      <Threshold title="There is nothing to answer">
        <Refused error={question.error} />
      </Threshold>
    );
  }
  const say = async (verdict: Verdict) => {
    await answer(verdict);
    setDone(true);
  };
  return <Answer question={question.data} say={say} />;
}

function Answer({ question, say }: { question: ConsentQuestion; say: (verdict: Verdict) => Promise<void> }) {
  const { client, jobs } = question;
  const [job, setJob] = useState(question.asked_job ?? jobs[0] ?? '');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const run = async (verdict: Verdict) => {
    setBusy(true);
    try {
      await say(verdict);
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <Threshold title={jobs.length === 0 ? 'You may not let this client in' : 'Let this client act for you?'}>
      <Card>
        <Client client={client} />
      </Card>
      {jobs.length === 0 ? <HowToPermit id={client.id} /> : <Grants {...{ question, job, setJob }} />}
      <Refused error={error} />
      <div className="flex gap-3">
        <Button className="h-9 grow" disabled={busy} onClick={() => void run({ allow: false })}>
          {jobs.length === 0 ? 'Go back' : 'Deny'}
        </Button>
        {jobs.length > 0 && (
          <Button kind="primary" className="h-9 grow" busy={busy} onClick={() => void run({ allow: true, job })}>
            Allow
          </Button>
        )}
      </div>
    </Threshold>
  );
}

/** The name is the client's own word, so the address that vouches for it stands beside it, and is what to look at. */
function Client({ client }: { client: ConsentQuestion['client'] }) {
  return (
    <div className="flex flex-col gap-2">
      <strong className="font-semibold text-title">
        <Text value={client.name} />
      </strong>
      {client.host === null ? (
        <Badge tone="hold">Nobody vouches for this name: anybody could have taken it</Badge>
      ) : (
        <span>
          <Badge tone="permit">{`Verified as ${client.host}`}</Badge>
        </span>
      )}
      <Facts>
        <Fact name="Returns to">{client.returns_to !== null && <Text value={client.returns_to} />}</Fact>
      </Facts>
    </div>
  );
}

function Grants({ question, job, setJob }: { question: ConsentQuestion; job: string; setJob: (job: string) => void }) {
  const me = useQuery(meQuery);
  return (
    <>
      <Facts>
        <Fact name="On behalf of">
          <Text value={me.data?.name ?? ''} />
        </Fact>
        <Fact name="As the agent">
          <Text value={question.agent} className="font-mono text-small" />
        </Fact>
        <Fact name="At">
          <Text value={question.resource} className="break-all" />
        </Fact>
      </Facts>
      <fieldset className="flex flex-col gap-1.5">
        <legend className="mb-1 text-faint text-small">In the job</legend>
        {question.jobs.map((each) => (
          <label key={each} className="flex items-center gap-2">
            <input
              type="radio"
              name="job"
              value={each}
              checked={each === job}
              onChange={() => setJob(each)}
              className="accent-accent-fill"
            />
            <span>{each}</span>
          </label>
        ))}
      </fieldset>
      <p className="text-small text-soft">
        It may do what policy permits in this job, and nothing else. Each thing that it does is recorded with your name.
        It ends after thirty days, or when you or an admin end it.
      </p>
    </>
  );
}

function HowToPermit({ id }: { id: string }) {
  return (
    <div className="flex flex-col gap-2 text-small">
      <p>No rule lets you give this client a job. An admin adds one to sallyport.yaml, such as:</p>
      <pre className="scrolls rounded-medium border border-line bg-sunken p-3 font-mono text-small">
        <Text
          value={`authorization:\n  sign_in:\n    - clients: [${JSON.stringify(/^https:/.test(id) ? id : 'registered')}]\n      jobs: [a-job]\n      people: [your-name]`}
        />
      </pre>
    </div>
  );
}
