import type { AgentWorkload } from '../api/contract/index.ts';
import type { Config } from '../config/index.ts';

type Spiffe = NonNullable<Config['identity']['spiffe']>;

/** Which workloads of other issuers and of trust domains are an agent, by the rules of the configuration. */
export function workloadsOf(agent: string, { identity }: Pick<Config, 'identity'>): AgentWorkload[] {
  const { issuers, spiffe } = identity;
  const tokens = issuers.flatMap(({ issuer, rules }) =>
    rules
      .filter((rule) => rule.agent === agent)
      .map(({ claims, job }): AgentWorkload => ({ kind: 'token', from: issuer, when: claimWords(claims), job })),
  );
  return spiffe === undefined ? tokens : [...tokens, ...certificatesOf(agent, spiffe)];
}

function claimWords(claims: Config['identity']['issuers'][number]['rules'][number]['claims']): string[] {
  return Object.entries(claims).map(([claim, value]) =>
    Array.isArray(value) ? `${claim} is one of ${value.join(', ')}` : `${claim} is ${value}`,
  );
}

function certificatesOf(agent: string, { trust_domain, workloads, agents }: Spiffe): AgentWorkload[] {
  const own = `spiffe://${trust_domain}/agent/${agent}`;
  const sockets = Object.entries(workloads).filter(([, workload]) => workload.agent === agent);
  return [
    ...agents
      .filter((rule) => rule.agent === agent)
      .map(({ id, job }): AgentWorkload => ({ kind: 'svid', from: domainOf(id), when: [id], job: job ?? null })),
    { kind: 'svid', from: trust_domain, when: [own, `${own}/JOB`], job: null },
    ...sockets.map(([name, { job, uid }]): AgentWorkload => {
      const user = uid === undefined ? 'the gateway’s own user' : `user ${uid}`;
      return { kind: 'socket', from: trust_domain, when: [`${name}.sock, opened by ${user}`], job: job ?? null };
    }),
  ];
}

function domainOf(id: string): string {
  return id.slice('spiffe://'.length).split('/', 1)[0]!;
}
