import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Agent, ClientGrant, Delegation, Token } from '../../api/contract/index.ts';
import { ask } from '../data/client.ts';
import { agentWorkloadsQuery, delegationsQuery, useNames } from '../data/identity-queries.ts';
import { tokensQuery } from '../data/queries.ts';
import { useAction } from '../data/use-action.ts';
import { Button } from '../parts/button.tsx';
import { Command, Id } from '../parts/copy.tsx';
import { Section } from '../parts/facts.tsx';
import { Row, Rows } from '../parts/pane.tsx';
import { Refused } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { Ago } from '../parts/time.tsx';
import { useStop } from '../shell/stop-context.ts';
import { scopeWords } from './run-pane.tsx';
import { IssueToken } from './token-issue.tsx';

/** All by which somebody could be this agent now, the strongest first, each with the way to end it. */
export function Credentials({ agent, consents }: { agent: Agent; consents: readonly ClientGrant[] }) {
  const delegations = useQuery(delegationsQuery);
  const all = delegations.data?.delegations ?? [];
  return (
    <>
      <Section title="Credentials that live">
        <Rows>
          {consents.length === 0 && <KeyLine agent={agent} />}
          {consents.map((grant) => (
            <GrantLine key={grant.id} grant={grant} />
          ))}
          {all
            .filter(({ actor }) => actor === agent.id)
            .map((hop) => (
              <HopLine key={hop.id} hop={hop} of={agent.id} />
            ))}
          {all
            .filter(({ lender }) => lender === agent.id)
            .map((hop) => (
              <HopLine key={hop.id} hop={hop} of={agent.id} />
            ))}
        </Rows>
        <Refused error={delegations.error} />
      </Section>
      <Tokens agent={agent} />
      <Workloads agent={agent} />
    </>
  );
}

const WORKLOAD_WORDS = { token: 'A token of', svid: 'An SVID of', socket: 'A socket of' } as const;

/** Who else is this agent, because the configuration says so: not a credential, but the right to one. */
function Workloads({ agent }: { agent: Agent }) {
  const { data, error } = useQuery(agentWorkloadsQuery(agent.id));
  if (data?.workloads.length === 0) return null;
  return (
    <Section title="Workloads that are this agent">
      <Rows>
        {(data?.workloads ?? []).map(({ kind, from, when, job }) => (
          <Row key={`${kind} ${from} ${when.join()} ${job}`}>
            <span>
              {WORKLOAD_WORDS[kind]} <Text value={from} className="break-all font-mono text-small" />
            </span>
            <span className="text-faint text-small">
              <Text value={when.join('; ')} className="break-all" />
              {job !== null && (
                <>
                  , job <Text value={job} />
                </>
              )}
            </span>
          </Row>
        ))}
      </Rows>
      <Refused error={error} />
      <Command line={`sallyport agent show ${agent.id}`} />
    </Section>
  );
}

function KeyLine({ agent }: { agent: Agent }) {
  const stop = useStop();
  return (
    <Row aside={<Button onClick={() => stop({ kind: 'key', id: agent.key })}>Stop…</Button>}>
      <span>Its key</span>
      <Id value={agent.key} className="text-faint" />
    </Row>
  );
}

/** A client that a person let in: it has no key that anybody knows, and lives by that consent. */
function GrantLine({ grant }: { grant: ClientGrant }) {
  const nameOf = useNames();
  const end = useAction(() => ask('client_grants.end', { params: { grant: grant.id } }));
  return (
    <Row
      aside={
        <Button onClick={() => end.run(undefined)} busy={end.busy}>
          End
        </Button>
      }
    >
      <span>
        Consent of <Text value={nameOf(grant.person)} /> to a client
      </span>
      <Text value={grant.client} className="break-all font-mono text-faint text-small" />
      <span className="text-faint text-small">
        job <Text value={grant.job} />, given <Ago time={grant.granted_at} />, expires <Ago time={grant.expires_at} />
      </span>
      <Refused error={end.error} />
    </Row>
  );
}

function HopLine({ hop, of }: { hop: Delegation; of: string }) {
  const stop = useStop();
  const nameOf = useNames();
  const lender = hop.lender ?? (hop.subject === null ? 'somebody' : nameOf(hop.subject));
  return (
    <Row aside={<Button onClick={() => stop({ kind: 'delegation', id: hop.id })}>Stop…</Button>}>
      <span>
        {hop.actor === of ? (
          <>
            Lent to it by <Text value={lender} />
          </>
        ) : (
          <>
            Lent by it to <Text value={hop.actor} />
          </>
        )}
      </span>
      <span className="text-faint text-small">
        may <Text value={scopeWords(hop.scope)} />, expires <Ago time={hop.expires_at} />
        {hop.run === null && ', not used yet'}
      </span>
    </Row>
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
        <Rows>
          {own.map((token) => (
            <TokenLine key={token.id} token={token} onRevoke={() => revoke.run(token.id)} busy={revoke.busy} />
          ))}
        </Rows>
      )}
      <Refused error={revoke.error} />
      {issuing && <IssueToken agent={agent} onClose={() => setIssuing(false)} />}
    </Section>
  );
}

function TokenLine({ token, onRevoke, busy }: { token: Token; onRevoke: () => void; busy: boolean }) {
  const over = token.revoked_at !== null || token.expires_at < Date.now();
  return (
    <Row
      aside={
        !over && (
          <Button onClick={onRevoke} busy={busy}>
            Revoke
          </Button>
        )
      }
    >
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
    </Row>
  );
}
