import { randomBytes } from 'node:crypto';
import { Agent } from 'node:https';
import { performance } from 'node:perf_hooks';
import type { Presented } from '../src/core/exchange.ts';
import { isRefusal } from '../src/core/refusal.ts';
import type { AgentClient } from '../test/support/agent-client.ts';
import { Delegate } from '../test/support/delegations.ts';
import { openWorld, type World } from '../test/support/identity.ts';
import { openSpiffeWorld } from '../test/support/spiffe.ts';
import { quantile } from './support/load.ts';
import { atMost, type Figures, machine, median, type Report, rounded } from './support/report.ts';

export type Options = { quick: boolean; progress(text: string): void };

const ROUNDS = 5;
const AT_ONCE = 32;
const STAGE_MS_MAX = 1;
const HOPS = 3;

/** What one credential costs: `next` is a request as it comes from the wire, with a proof of its own where it needs one. */
type Subject = { name: string; next(): Presented };

/** Each credential through `check identity` and `load run`: CPU of all threads a request, and how long one takes alone. */
export async function run({ quick, progress }: Options): Promise<Report> {
  const world = await openWorld();
  try {
    const subjects = await subjectsOf(world);
    const seen = new Map<string, Figures[]>(subjects.map(({ name }) => [name, []]));
    for (let round = 0; round <= ROUNDS; round += 1) {
      for (const subject of subjects) {
        const figures = await measure(world, subject, quick ? 400 : 2_000);
        progress(`round ${round}: ${subject.name} ${figures['cpu_us']} us of CPU, p99 ${figures['p99_ms']} ms`);
        // The first round warms up and is not counted.
        if (round > 0) seen.get(subject.name)?.push(figures);
      }
    }
    const results = Object.fromEntries([...seen].map(([name, rounds]) => [name, mediansOf(rounds)]));
    results['mTLS, SVID alone, through the whole gateway'] = await svidStages(quick ? 50 : 300);
    const worst = Math.max(...Object.values(results).map((figures) => figures['p99_ms'] ?? Number.NaN));
    return {
      name: 'identity',
      machine: machine(),
      results,
      bars: [atMost('p99 of the identity stages, ms, for the dearest credential', worst, STAGE_MS_MAX)],
    };
  } finally {
    await world.close();
  }
}

async function subjectsOf(world: World): Promise<Subject[]> {
  const p256 = await world.agent({ id: 'p256' });
  const ed25519 = await world.agent({ id: 'ed25519', kind: 'Ed25519' });
  const bearer = await bearerOf(world);
  const thumbprint = randomBytes(32).toString('base64url');
  const bound = world.forge({ ...p256.claims, jti: 'bench', cnf: { 'x5t#S256': thumbprint } });
  const peer_certificate = { chain: [], thumbprint, distrusted: undefined };
  const delegated = await delegatedThrough(world, HOPS);
  return [
    { name: 'bearer', next: () => ({ ...world.present(p256), authorization: `Bearer ${bearer}`, proofs: [] }) },
    { name: 'DPoP ES256', next: () => world.present(p256) },
    { name: 'DPoP Ed25519', next: () => world.present(ed25519) },
    {
      name: 'mTLS, token bound to the certificate',
      next: () => ({ ...world.present(p256), authorization: `Bearer ${bound}`, proofs: [], peer_certificate }),
    },
    { name: `DPoP ES256 at the end of ${HOPS} delegations`, next: () => world.present(delegated) },
  ];
}

/** From a first agent through so many others, each of which is lent what the one before it has. */
async function delegatedThrough(world: World, hops: number): Promise<AgentClient> {
  let last = new Delegate(await world.agent({ id: 'lender' }));
  let { token } = last.agent;
  for (let hop = 1; hop <= hops; hop += 1) {
    const next = new Delegate(await world.agent({ id: `hop-${hop}` }));
    const scope = { actions: ['tool.call'], resources: ['Tool::journal/append'] };
    const { token: grant, said } = await last.lend(`hop-${hop}`, scope, undefined, token);
    const redeemed = grant === undefined ? undefined : await next.redeem(grant);
    if (redeemed?.token === undefined) throw new Error(redeemed?.said ?? said);
    token = redeemed.token;
    last = next;
  }
  return last.acting(token);
}

async function bearerOf({ identity }: World): Promise<string> {
  const expires_at = identity.now() + 3_600_000;
  const issued = await identity.tokens.issue({ agent: 'p256', job: 'triage-issues', expires_at }, 'local');
  if (isRefusal(issued)) throw new Error(issued.reason);
  return issued.secret.reveal();
}

async function measure(world: World, subject: Subject, count: number): Promise<Figures> {
  const requests = Array.from({ length: count * 2 }, () => subject.next());
  const before = process.cpuUsage();
  for (let at = 0; at < count; at += AT_ONCE) {
    await Promise.all(requests.slice(at, Math.min(at + AT_ONCE, count)).map((presented) => identify(world, presented)));
  }
  const { user, system } = process.cpuUsage(before);
  const took: number[] = [];
  for (const presented of requests.slice(count)) {
    const from = performance.now();
    await identify(world, presented);
    took.push(performance.now() - from);
  }
  took.sort((a, b) => a - b);
  return {
    cpu_us: rounded((user + system) / count),
    p50_ms: rounded(quantile(took, 0.5)),
    p99_ms: rounded(quantile(took, 0.99)),
  };
}

async function identify({ identity }: World, presented: Presented): Promise<void> {
  const caller = await identity.authenticate(presented);
  if (isRefusal(caller)) throw new Error(caller.reason);
  const run = await identity.loadRun(caller);
  if (isRefusal(run)) throw new Error(run.reason);
}

function mediansOf(rounds: readonly Figures[]): Figures {
  const names = Object.keys(rounds[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, median(rounds.map((round) => round[name] ?? Number.NaN))]));
}

/** What receipts say of the identity stages of calls with an X.509-SVID over mutual TLS, and nothing else. */
async function svidStages(count: number): Promise<Figures> {
  const world = await openSpiffeWorld();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    const held = await world.fetchSvid();
    for (let at = 0; at < count; at += 1) await world.append(held, `ok ${at}`, { agent });
    const page = await world.local.call('exchanges.list', { query: { limit: 100 } });
    if (page.kind !== 'ok') throw new Error(JSON.stringify(page));
    const took: number[] = [];
    for (const { receipt } of page.value.exchanges) {
      const story = await world.local.call('exchanges.story', { params: { receipt } });
      if (story.kind !== 'ok') continue;
      const own = story.value.stages.filter(({ stage }) => stage === 'check identity' || stage === 'load run');
      took.push(own.reduce((sum, { us }) => sum + us, 0) / 1000);
    }
    took.sort((a, b) => a - b);
    return { p50_ms: rounded(quantile(took, 0.5)), p99_ms: rounded(quantile(took, 0.99)) };
  } finally {
    agent.destroy();
    await world.stop();
  }
}
