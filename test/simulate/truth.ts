import type { Row } from '../../src/storage/index.ts';
import type { Call } from './call.ts';
import type { Loop } from './loop.ts';
import type { Server } from './server.ts';

type StopRow = Row & { id: string; kind: string; target: string | null };

/** Who may do what, as committed; and since when somebody may not. Read from the tables, not from what a replica thinks. */
export class Truth {
  readonly #server: Server;
  readonly #loop: Loop;
  #stops: { kind: string; target: string | null; id: string }[] = [];
  #generations = new Map<string, number>();
  #ended = new Set<string>();
  #denied = new Set<string>();
  readonly #since = new Map<string, number>();

  constructor(server: Server, loop: Loop) {
    this.#server = server;
    this.#loop = loop;
  }

  /** Reads everything again; whether anything is other than it was. */
  refresh(): boolean {
    const before = this.#all();
    this.#read();
    return this.#all() !== before;
  }

  #all(): string {
    return JSON.stringify([this.#stops, [...this.#generations], [...this.#ended], [...this.#denied]]);
  }

  #read(): void {
    this.#stops = this.#server.look<StopRow>('select id, kind, target from identity_stops');
    const agents = this.#server.look<Row & { id: string; generation: number }>(
      'select id, generation from identity_agents where removed_at is null',
    );
    const registered = new Set(agents.map(({ id }) => id));
    for (const id of this.#generations.keys()) if (!registered.has(id)) this.#note(`agent ${id} is removed`);
    this.#generations = new Map(agents.map(({ id, generation }) => [id, generation]));
    const ended = this.#server.look<Row & { id: string }>('select id from identity_runs where ended_at is not null');
    this.#ended = new Set(ended.map(({ id }) => id));
    const denied = this.#server.look<Row & { agent: string }>('select agent from simulated_policy where permitted = 0');
    this.#denied = new Set(denied.map(({ agent }) => agent));
    for (const stop of this.#stops) this.#note(`stop ${stop.id}`);
    for (const run of this.#ended) this.#note(`run ${run}`);
    for (const [agent, generation] of this.#generations) {
      this.#note(`agent ${agent} ${generation}`);
      this.#since.delete(`agent ${agent} is removed`);
    }
  }

  denies(agent: string): boolean {
    return this.#denied.has(agent);
  }

  /** Why this call may not be recorded as intended, under what is committed now. */
  forbids(call: Call): string | undefined {
    if (this.#denied.has(call.agent.id)) return 'policy denies it';
    return this.#revocations(call)[0];
  }

  /** Since when the caller has been stopped, removed or ended, where it is. */
  forbiddenSince(call: Call): number | undefined {
    const since = this.#revocations(call).map((why) => this.#since.get(why) ?? this.#loop.now);
    return since.length === 0 ? undefined : Math.min(...since);
  }

  #revocations(call: Call): string[] {
    const why = this.#stops.filter((stop) => stops(stop, call)).map(({ id }) => `stop ${id}`);
    if (this.#ended.has(call.run)) why.push(`run ${call.run}`);
    const generation = this.#generations.get(call.agent.id);
    if (generation !== undefined && generation !== call.generation) why.push(`agent ${call.agent.id} ${generation}`);
    if (generation === undefined) why.push(`agent ${call.agent.id} is removed`);
    return why;
  }

  #note(what: string): void {
    if (!this.#since.has(what)) this.#since.set(what, this.#loop.now);
  }
}

function stops({ kind, target }: { kind: string; target: string | null }, call: Call): boolean {
  switch (kind) {
    case 'all':
      return true;
    case 'agent':
      return target === call.agent.id;
    case 'run':
      return target === call.run;
    case 'key':
      return target === call.agent.key.thumbprint;
    case 'token':
      return target === call.tokenId;
    case 'upstream':
      return target === 'journal';
    default:
      return true;
  }
}
