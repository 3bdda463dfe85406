import { Agent, type IncomingMessage, request } from 'node:http';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { modern } from '../test/support/mcp-message.ts';
import { type FleetWorld, openFleetWorld } from './support/fleet-world.ts';
import { quantile } from './support/load.ts';
import { atMost, type Bar, machine, type Report, rounded } from './support/report.ts';

export type Options = { quick: boolean; progress(text: string): void };

/** The setting: so many agents, so many streams open at one time, half of them at each replica. */
const AGENTS = 200;
const STREAMS = 20;
/** Calls a second of the agents that nobody stops. */
const OTHERS_PER_SECOND = 200;
const BETWEEN_STOPS_MS = 150;
/** How long, and how often, a stopped agent tries to come in again, at both replicas. */
const TRIES_MS = 300;
const TRY_EVERY_MS = 15;
const OPEN_MS_MAX = 5_000;

/** Agents are stopped one after another while all others work; once with notifications, once with every one lost. */
export async function run({ quick, progress }: Options): Promise<Report> {
  const agents = quick ? AGENTS / 4 : AGENTS;
  const notified = await measure('notified', agents, progress);
  const unnotified = await measure('notifications lost', agents, progress);
  return {
    name: 'revocation',
    machine: machine(),
    results: { notified: notified.figures, 'notifications lost': unnotified.figures },
    bars: [...notified.bars, ...unnotified.bars],
  };
}

type Measurement = { figures: Record<string, number>; bars: Bar[] };

async function measure(name: string, agents: number, progress: (text: string) => void): Promise<Measurement> {
  const world = await openFleetWorld();
  const fleet = new Fleet(world);
  try {
    progress(`${name}: registering ${agents} agents`);
    for (let at = 0; at < agents; at += 1) await fleet.enrol(`agent-${at}`);
    world.notices.losing = name !== 'notified';
    const others = fleet.work();
    // What goes wrong elsewhere ends the world, and its calls with it.
    others.catch(() => {});
    const stopped = fleet.names.slice(0, Math.floor(agents * 0.6));
    for (let at = 0; at < stopped.length; at += STREAMS) {
      progress(`${name}: ${at} of ${stopped.length} agents stopped`);
      await fleet.stopAll(stopped.slice(at, at + STREAMS));
    }
    fleet.idle = true;
    await others;
    return await fleet.report(name);
  } finally {
    fleet.http.destroy();
    await world.close();
  }
}

type Called = { status: number; text: string };
/** `closed` resolves with the time of its last byte. */
type Stream = { closed: Promise<number> };
type Stopped = { agent: string; version: number };

class Fleet {
  readonly names: string[] = [];
  readonly http = new Agent({ keepAlive: true, maxSockets: 512 });
  idle = false;
  readonly #world: FleetWorld;
  readonly #bearers = new Map<string, string>();
  readonly #working: string[] = [];
  /** From the command to the last byte of the agent's stream, by replica. */
  readonly #closed: [number[], number[]] = [[], []];
  readonly #stopped: Stopped[] = [];
  #admitted = 0;
  #tries = 0;
  #calls = 0;
  /** Calls that the other agents lost, by what they were told. */
  readonly #lost = new Map<string, number>();

  constructor(world: FleetWorld) {
    this.#world = world;
  }

  async enrol(name: string): Promise<void> {
    this.#bearers.set(name, await this.#world.enrol(name));
    this.names.push(name);
    this.#working.push(name);
  }

  /** Calls of all agents that are not about to be stopped, at both replicas in turn, until `idle`. */
  async work(): Promise<void> {
    const pending = new Set<Promise<void>>();
    for (let count = 0; !this.idle; count += 1) {
      const name = this.#working[count % this.#working.length] as string;
      const call = this.#call(name, count % 2).then(({ status, text }) => {
        this.#calls += 1;
        if (!isAnswered(status, text)) this.#lose(status, text);
        pending.delete(call);
      });
      pending.add(call);
      await sleep(1000 / OTHERS_PER_SECOND);
    }
    await Promise.all(pending);
  }

  /** Opens a stream for each, half of them at each replica, and stops one agent after another. */
  async stopAll(names: readonly string[]): Promise<void> {
    for (const name of names) this.#working.splice(this.#working.indexOf(name), 1);
    const streams = await Promise.all(names.map((name, at) => this.#open(name, at % 2)));
    const ends: Promise<void>[] = [];
    for (const [at, name] of names.entries()) {
      const begun = performance.now();
      const closing = within((streams[at] as Stream).closed).then((closed_at) => {
        this.#closed[(at % 2) as 0 | 1].push(closed_at - begun);
      });
      const body = { kind: 'agent', id: name, reason: 'a bench' } as const;
      const set = await this.#world.local.call('stops.set', { body });
      if (set.kind !== 'ok' || !set.value.durable) throw new Error(JSON.stringify(set));
      const version = await this.#version();
      this.#stopped.push({ agent: name, version });
      ends.push(closing, this.#tryAgain(name));
      await sleep(BETWEEN_STOPS_MS);
    }
    await Promise.all(ends);
  }

  /** Sent after the stop was committed, so none of these may be answered, at whichever replica. */
  async #tryAgain(name: string): Promise<void> {
    const from = performance.now();
    const tries: Promise<void>[] = [];
    while (performance.now() - from < TRIES_MS) {
      for (const replica of [0, 1]) {
        this.#tries += 1;
        tries.push(
          this.#call(name, replica).then(({ status, text }) => {
            if (isAnswered(status, text)) this.#admitted += 1;
          }),
        );
      }
      await sleep(TRY_EVERY_MS);
    }
    await Promise.all(tries);
  }

  #lose(status: number, text: string): void {
    const code = /"(?:code|dev\.sallyport\/code)":"([a-z_]+)"/.exec(text)?.[1] ?? String(status);
    this.#lost.set(code, (this.#lost.get(code) ?? 0) + 1);
  }

  async report(name: string): Promise<Measurement> {
    const [here, there] = this.#closed.map((times) => [...times].sort((a, b) => a - b)) as [number[], number[]];
    const late = await this.#admittedLate();
    const figures = {
      agents_stopped: this.#stopped.length,
      tries_after: this.#tries,
      stream_here_p50_ms: rounded(quantile(here, 0.5)),
      stream_here_p99_ms: rounded(quantile(here, 0.99)),
      stream_there_p50_ms: rounded(quantile(there, 0.5)),
      stream_there_p99_ms: rounded(quantile(there, 0.99)),
      calls_of_others: this.#calls,
      notifications_lost: this.#world.notices.lost,
      ...Object.fromEntries([...this.#lost].map(([code, count]) => [`lost_${code}`, count])),
    };
    const lost = [...this.#lost.values()].reduce((sum, count) => sum + count, 0);
    const bars = [
      atMost(`${name}: calls answered that were sent after the stop's commit`, this.#admitted, 0),
      atMost(`${name}: intents recorded under the stop's version or a later one`, late, 0),
      atMost(`${name}: last byte of a stream at the replica that was told, p99 ms`, figures.stream_here_p99_ms, 100),
      atMost(`${name}: last byte of a stream at the other replica, p99 ms`, figures.stream_there_p99_ms, 1_000),
      atMost(`${name}: calls that the other agents lost`, lost, 0),
    ];
    return { figures, bars };
  }

  /** The log's own word: an intent says which version of the state it was decided under. */
  async #admittedLate(): Promise<number> {
    const versions = new Map(this.#stopped.map(({ agent, version }) => [agent, version]));
    const { rows } = await this.#world.database.query<{ body: string }>(
      "select body from audit_receipts where kind = 'intent'",
    );
    return rows
      .map(({ body }) => JSON.parse(body) as { agent: { id: string }; state_version: number })
      .filter(({ agent, state_version }) => state_version >= (versions.get(agent.id) ?? Number.POSITIVE_INFINITY))
      .length;
  }

  async #version(): Promise<number> {
    const { rows } = await this.#world.database.query<{ version: string }>(
      "select version from state where topic = '*'",
    );
    return Number(rows[0]?.version);
  }

  async #call(name: string, replica: number): Promise<Called> {
    const response = await this.#send(
      name,
      replica,
      modern('tools/call', { name: 'read_text', arguments: { path: 'reports/a' } }),
    );
    let text = '';
    response.setEncoding('utf8');
    for await (const part of response) text += part;
    return { status: response.statusCode ?? 0, text };
  }

  async #open(name: string, replica: number): Promise<Stream> {
    const message = modern('subscriptions/listen', { notifications: { toolsListChanged: true } });
    const response = await this.#send(name, replica, message);
    const type = response.headers['content-type'];
    if (type !== 'text/event-stream') throw new Error(`no stream: ${response.statusCode} ${type}`);
    const closed = new Promise<number>((resolve) => {
      response.once('close', () => resolve(performance.now()));
    });
    await new Promise((resolve) => response.once('data', resolve));
    response.resume();
    return { closed };
  }

  #send(name: string, replica: number, { message, headers }: ReturnType<typeof modern>): Promise<IncomingMessage> {
    const { url } = this.#world.replicas[replica] as { url: string };
    const authorization = `Bearer ${this.#bearers.get(name)}`;
    return new Promise((resolve, reject) => {
      const sent = request(`${url}/mcp/journal`, {
        method: 'POST',
        agent: this.http,
        headers: { ...headers, authorization },
      });
      sent.once('response', resolve);
      sent.once('error', reject);
      sent.end(JSON.stringify(message));
    });
  }
}

function isAnswered(status: number, text: string): boolean {
  return status === 200 && text.includes('"resultType"') && !text.includes('"isError"');
}

async function within(closing: Promise<number>): Promise<number> {
  return Promise.race([closing, sleep(OPEN_MS_MAX, performance.now() + OPEN_MS_MAX, { ref: false })]);
}
