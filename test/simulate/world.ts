import { hash } from 'node:crypto';
import { migrations as auditMigrations, makeLedgerKeys } from '../../src/controls/audit/index.ts';
import { identityMigrations } from '../../src/controls/identity/index.ts';
import { insertRun } from '../../src/controls/identity/store/runs.ts';
import { Canceller } from '../../src/core/cancellation.ts';
import { newId } from '../../src/core/ids.ts';
import { writeJson } from '../../src/core/json.ts';
import { LOWEST_LABEL } from '../../src/core/label.ts';
import { manifestPart } from '../../src/core/manifest.ts';
import { isRefusal } from '../../src/core/refusal.ts';
import type { Attempt, PassResult, Sink } from '../../src/enforcement/index.ts';
import type { Transaction } from '../../src/storage/index.ts';
import { stateMigrations } from '../../src/storage/state-watch.ts';
import type { Bug } from './bugs.ts';
import { type Agent, type Call, makeCall, mintToken } from './call.ts';
import { Chance } from './chance.ts';
import { Disk } from './disk.ts';
import { Judge } from './judge.ts';
import { AgentKey, makeIdentityKeys, type TokenSigner } from './keys.ts';
import { Loop } from './loop.ts';
import { Link } from './network.ts';
import { POLICY_TABLE } from './policy.ts';
import { Process } from './process.ts';
import { type Machine, openReplica, type Replica } from './replica.ts';
import { Server } from './server.ts';
import { Upstream } from './upstream.ts';

const AGENTS = ['triage', 'writer', 'reader', 'builder', 'keeper', 'seller'];
const REOPEN_MS = 300;

/** Three replicas over one database, agents before them, a server behind them; and the judge, who sees all of it. */
/** What the simulated server is, to everybody and for ever. */
const JOURNAL = {
  server: 'journal',
  parts: [manifestPart('origin', '', { kind: 'simulated' }), manifestPart('tool', 'append', { name: 'append' })],
};

export class World {
  readonly loop: Loop;
  readonly chance: Chance;
  readonly server: Server;
  readonly judge: Judge;
  readonly upstream: Upstream;
  readonly machines: Machine[];
  readonly agents: Agent[] = [];
  /** By machine: the present life of its process; absent while it is down or starting. */
  readonly replicas = new Map<Machine, Replica>();
  /** For who wants to strike when it hurts: a commit is durable and nobody has heard of it. */
  afterCommit: (client: string) => void = () => {};
  readonly #processes = new Map<Machine, Process>();
  readonly #identified = new WeakSet<object>();
  readonly #bug: Bug | undefined;
  readonly #sign: TokenSigner;
  #calls = 0;
  #lives = 0;

  constructor(seed: number, options: { bug?: Bug | undefined; told?: ((line: string) => void) | undefined }) {
    this.loop = new Loop(options.told);
    this.chance = new Chance(seed);
    this.#bug = options.bug;
    this.server = new Server(this.loop, this.chance.fork());
    this.judge = new Judge(this.loop, this.server);
    this.upstream = new Upstream(this.loop, this.chance.fork(), this.judge);
    const ledgerKeys = makeLedgerKeys((length) => this.chance.bytes(length));
    const identityKeys = ['one', 'two', 'three'].map((name) => makeIdentityKeys(this.chance, `key_${name}`));
    this.#sign = identityKeys[0]!.sign;
    this.machines = ['one', 'two', 'three'].map((name, at) => ({
      name: `rep_${name}`,
      disk: new Disk(this.loop, this.chance.fork()),
      link: new Link(this.loop, this.chance.fork()),
      identityKeys: identityKeys[at]!.keys,
      ledgerKeys,
    }));
    const tables = [...stateMigrations, ...identityMigrations, ...auditMigrations].map(({ sql }) => sql);
    for (const sql of tables) this.server.script(typeof sql === 'string' ? sql : sql.sqlite);
    this.server.script(POLICY_TABLE);
    for (const id of AGENTS) this.server.script(`insert into simulated_policy (agent, permitted) values ('${id}', 1)`);
    this.server.committed = (client) => {
      this.judge.committed();
      this.afterCommit(client);
    };
    this.server.hint = (channel) => {
      for (const replica of this.replicas.values()) replica.hear(channel);
    };
  }

  close(): void {
    this.server.close();
  }

  async run(ms: number): Promise<void> {
    await this.loop.run(this.loop.now + ms, () => {
      if (this.judge.violation !== undefined) throw this.judge.violation;
    });
  }

  /** Brings a machine's process up, trying again while the database does not let it. */
  start(machine: Machine): void {
    const process = new Process(`${machine.name}#${this.#lives++}`, this.loop);
    this.#processes.set(machine, process);
    this.loop.tell(`${process.name} starts`);
    openReplica(machine, {
      loop: this.loop,
      chance: this.chance.fork(),
      server: this.server,
      process,
      bug: this.#bug,
      published: (path, bytes) => this.judge.log.published(machine.name, path, bytes),
      identified: (attempt, isKnown) => {
        if (isKnown) this.#identified.add(attempt);
        else this.#identified.delete(attempt);
      },
    }).then(
      (replica) => {
        if (!process.alive) return;
        this.loop.tell(`${process.name} is up in epoch ${replica.ledger.status().epoch}`);
        this.replicas.set(machine, replica);
      },
      (error: unknown) => {
        this.loop.tell(`${process.name} did not start: ${error instanceof Error ? error.message : String(error)}`);
        if (!process.alive) return;
        process.crash();
        this.loop.after(REOPEN_MS, () => this.start(machine));
      },
    );
  }

  crash(machine: Machine, restart_ms: number): void {
    const process = this.#processes.get(machine);
    if (process === undefined || !process.alive) return;
    this.loop.tell(`${process.name} crashes`);
    process.crash();
    this.replicas.delete(machine);
    machine.disk.crash();
    this.loop.after(this.chance.between(0, 1_500), () => this.server.disconnect(process.name));
    this.loop.after(restart_ms, () => this.start(machine));
  }

  processOf(machine: Machine): Process | undefined {
    return this.#processes.get(machine);
  }

  /** Registers the agents through the first replica, as an operator would. */
  async settle(): Promise<void> {
    for (const machine of this.machines) this.start(machine);
    while (this.replicas.size < this.machines.length) await this.run(500);
    for (const id of AGENTS) {
      const agent: Agent = { id, key: new AgentKey(this.chance), generation: 1, run: '', token: '', tokenId: '' };
      this.agents.push(agent);
      void this.register(agent, this.replicas.get(this.machines[0]!)!);
    }
    void this.replicas.get(this.machines[0]!)!.identity.manifests.observe(JOURNAL, true);
    await this.run(2_000);
    for (const agent of this.agents) void this.openRun(agent);
    await this.run(500);
  }

  async register(agent: Agent, replica: Replica): Promise<void> {
    const added = await replica.identity.agents.add(
      { id: agent.id, owner: 'platform', jobs: ['support'], public_key: agent.key.jwk },
      'local',
    );
    this.loop.tell(`agent ${agent.id} ${isRefusal(added) ? added.code : 'added'}`);
  }

  /** The authorization server's part, without its HTTP: a run in the database and a token that names it. */
  async openRun(agent: Agent): Promise<void> {
    const row = this.server.look<{ generation: number }>('select generation from identity_agents where id = $1', [
      agent.id,
    ])[0];
    agent.generation = row?.generation ?? agent.generation;
    agent.run = newId('run', (length) => this.chance.bytes(length));
    agent.tokenId = `token-${agent.run.slice(4, 12)}`;
    const now = this.server.now();
    const run = { id: agent.run, agent: agent.id, job: 'support', opened_by: agent.id, opened_at: now };
    agent.token = mintToken(this.#sign, agent, now);
    const granted = { purpose: null, subject: null, chain: [], scopes: [] };
    const opened = { ...run, ...granted, expires_at: now + 3_600_000, labels: LOWEST_LABEL };
    // A run that cannot be written is one that the agent asks for in vain.
    await this.server.change((query) => insertRun({ query } as Transaction, opened)).catch(() => undefined);
  }

  makeCall(agent: Agent): Call {
    const call = makeCall(this.#calls++, agent, this.server.now(), {
      effect: this.chance.happens(0.7) ? 'write' : 'read',
      asksBack: this.chance.happens(0.1),
    });
    this.judge.calls.set(call.digest, call);
    return call;
  }

  /** Brings a call to a replica. `done` hears what the agent would, unless the replica dies first. */
  send(call: Call, machine: Machine, done: (result: PassResult) => void = () => {}): void {
    const replica = this.replicas.get(machine);
    if (replica === undefined) return;
    const gone = new Canceller();
    if (this.chance.happens(0.05)) replica.process.after(this.chance.between(1, 200), () => gone.cancel());
    const sink: Sink = { frame: async () => {}, gone };
    const attempt = this.#attempt(call, replica);
    replica.process.after(this.chance.between(0.2, 5), () => {
      replica.enforcement.gateway.exchange(attempt, sink).then(
        (result) => {
          this.#judged(call, attempt, replica, result);
          done(result);
        },
        (error: unknown) =>
          this.judge.fail(`an exchange threw: ${error instanceof Error ? error.stack : String(error)}`),
      );
    });
  }

  #attempt(call: Call, replica: Replica): Attempt {
    return {
      protocol: 'mcp',
      presented: call.presented,
      trace: undefined,
      continues: undefined,
      parse: () => ({
        effect: call.effect,
        operation: 'tools/call',
        accesses: [
          { action: 'tool.call', resource: { type: 'Tool', id: 'journal/append' }, args: { call: call.number } },
        ],
        received_digest: call.digest,
        received_bytes: call.sent.length,
        sent: call.sent,
        offered: JOURNAL,
        upstream: 'journal',
        payload: { call: call.number },
      }),
      forward: (intent, io) => this.upstream.forward(replica, call, intent, io),
    };
  }

  #judged(call: Call, attempt: Attempt, replica: Replica, result: PassResult): void {
    if (result.kind === 'answered') {
      this.judge.answered(call, result.receipt, hash('sha256', writeJson(result.answer.value)));
      return;
    }
    this.loop.tell(`call ${call.number} at ${replica.process.name}: ${result.refusal.code}: ${result.refusal.reason}`);
    this.judge.refused(call, this.#identified.has(attempt), result.receipt, replica.process.name);
  }
}
