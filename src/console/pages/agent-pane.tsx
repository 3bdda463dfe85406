import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { OctagonX, X } from 'lucide-react';
import { useState } from 'react';
import type { Agent, Token } from '../../api/contract/index.ts';
import { ask } from '../data/client.ts';
import { runsQuery, tokensQuery } from '../data/queries.ts';
import { useAction } from '../data/use-action.ts';
import { Button } from '../parts/button.tsx';
import { Command, Id } from '../parts/copy.tsx';
import { Actions, Dialog } from '../parts/dialog.tsx';
import { Fact, Facts, Section } from '../parts/facts.tsx';
import { Badge, Mark } from '../parts/marks.tsx';
import { Refused } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { Ago } from '../parts/time.tsx';
import { useStop } from '../shell/stop-context.ts';
import { IssueToken } from './token-issue.tsx';

/** One agent: who answers for it, what it may do, how it proves itself, what it is doing, and how to end that. */
export function AgentPane({ agent, onClose }: { agent: Agent; onClose: () => void }) {
  const stop = useStop();
  const [removing, setRemoving] = useState(false);
  return (
    <aside
      aria-label={agent.id}
      className="scrolls flex w-full flex-col gap-6 border-line bg-canvas p-4 max-lg:fixed max-lg:inset-0 max-lg:z-20 lg:w-[min(46%,40rem)] lg:shrink-0 lg:border-l"
    >
      <header className="flex items-start justify-between gap-3">
        <div className="flex flex-col gap-1">
          <h2 className="font-semibold text-title">
            <Text value={agent.id} />
          </h2>
          <p className="text-soft">
            Answered for by <Text value={agent.owner} />, version <Text value={agent.version} />
          </p>
          {agent.stopped_by !== null && <Mark tone="deny" word="stopped" />}
        </div>
        <Button kind="quiet" icon aria-label="Close" title="Close (esc)" onClick={onClose}>
          <X className="size-4" />
        </Button>
      </header>
      <div className="flex flex-wrap gap-2">
        <Link
          to="/live"
          search={{ agent: agent.id }}
          className="inline-flex h-8 items-center rounded-medium border border-line-strong bg-surface px-3 font-medium hover:bg-hover"
        >
          What it does
        </Link>
        <Button kind="stop" onClick={() => stop({ kind: 'agent', id: agent.id })}>
          <OctagonX className="size-4" aria-hidden="true" /> Stop…
        </Button>
        <Button kind="quiet" onClick={() => setRemoving(true)}>
          Remove…
        </Button>
      </div>
      <Section title="Facts">
        <Facts>
          <Fact name="Jobs">
            <span className="flex flex-wrap gap-1">
              {agent.jobs.map((job) => (
                <Badge key={job}>{job}</Badge>
              ))}
            </span>
          </Fact>
          <Fact name="Key">
            <Id value={agent.key} />
          </Fact>
          <Fact name="Registered">
            <Ago time={agent.added_at} />
          </Fact>
        </Facts>
      </Section>
      <Tokens agent={agent} />
      <Runs agent={agent.id} />
      <Command line={`sallyport agent list`} />
      {removing && <Remove agent={agent.id} onClose={() => setRemoving(false)} onRemoved={onClose} />}
    </aside>
  );
}

function Tokens({ agent }: { agent: Agent }) {
  const tokens = useQuery(tokensQuery);
  const [issuing, setIssuing] = useState(false);
  const revoke = useAction((token: string) => ask('tokens.revoke', { params: { token } }));
  const own = (tokens.data?.tokens ?? []).filter((token) => token.agent === agent.id);
  return (
    <Section title="Bearer tokens" aside={<Button onClick={() => setIssuing(true)}>Issue one…</Button>}>
      {own.length === 0 ? (
        <p className="text-soft">
          None. A bearer token is the weaker credential: whoever holds it is the agent. Policies can tell.
        </p>
      ) : (
        <ul className="divide-y divide-line rounded-large border border-line bg-surface">
          {own.map((token) => (
            <TokenLine key={token.id} token={token} onRevoke={() => revoke.run(token.id)} busy={revoke.busy} />
          ))}
        </ul>
      )}
      <Refused error={revoke.error} />
      {issuing && <IssueToken agent={agent} onClose={() => setIssuing(false)} />}
    </Section>
  );
}

function TokenLine({ token, onRevoke, busy }: { token: Token; onRevoke: () => void; busy: boolean }) {
  const over = token.revoked_at !== null || token.expires_at < Date.now();
  return (
    <li className="flex items-center justify-between gap-3 px-3 py-2">
      <span className="flex min-w-0 flex-col">
        <Id value={token.id} />
        <span className="text-faint text-small">
          job <Text value={token.job} />,{' '}
          {token.revoked_at !== null ? (
            <>
              revoked <Ago time={token.revoked_at} />
            </>
          ) : (
            <>
              {over ? 'expired' : 'expires'} <Ago time={token.expires_at} />
            </>
          )}
        </span>
      </span>
      {!over && (
        <Button onClick={onRevoke} busy={busy}>
          Revoke
        </Button>
      )}
    </li>
  );
}

const RUNS_SHOWN = 12;

function Runs({ agent }: { agent: string }) {
  const runs = useQuery(runsQuery);
  const stop = useStop();
  const own = (runs.data?.runs ?? []).filter((run) => run.agent === agent).slice(0, RUNS_SHOWN);
  return (
    <Section title="Newest runs">
      {own.length === 0 ? (
        <p className="text-soft">None yet. A run begins when the agent gets a token for a job.</p>
      ) : (
        <ul className="divide-y divide-line rounded-large border border-line bg-surface">
          {own.map((run) => {
            const open = run.ended_at === null && run.expires_at > Date.now();
            return (
              <li key={run.id} className="flex items-center justify-between gap-3 px-3 py-2">
                <span className="flex min-w-0 flex-col">
                  <Link
                    to="/live"
                    search={{ run: run.id }}
                    className="truncate font-mono text-accent text-small hover:underline"
                  >
                    {run.id}
                  </Link>
                  <span className="text-faint text-small">
                    <Text value={run.job} />, opened <Ago time={run.opened_at} />
                  </span>
                </span>
                {open ? (
                  <Button onClick={() => stop({ kind: 'run', id: run.id })}>Stop…</Button>
                ) : (
                  <span className="text-faint">ended</span>
                )}
              </li>
            );
          })}
        </ul>
      )}
    </Section>
  );
}

function Remove({ agent, onClose, onRemoved }: { agent: string; onClose: () => void; onRemoved: () => void }) {
  const remove = useAction(async () => {
    await ask('agents.remove', { params: { agent } });
    onClose();
    onRemoved();
  });
  return (
    <Dialog title={`Remove ${agent}`} onClose={onClose} onSubmit={() => remove.run(undefined)}>
      <p>
        Its runs end, its bearer tokens are revoked, and whatever it has in flight is cut. What it did stays in the log.
        A later agent of the same name inherits nothing.
      </p>
      <Refused error={remove.error} />
      <Command line={`sallyport agent remove ${agent}`} />
      <Actions>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="stop" type="submit" busy={remove.busy}>
          Remove {agent}
        </Button>
      </Actions>
    </Dialog>
  );
}
