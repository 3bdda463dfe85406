import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Config, childEnvironment, needsRestart, watchConfig } from './config/index.ts';
import { type Network, openEgress, type Table } from './enforcement/index.ts';
import { declareAgents } from './main/agents.ts';
import { systemClock, systemRandom } from './main/clock.ts';
import { type Controls, openControls } from './main/controls.ts';
import { type AgentsSide, openAgentsSide, openPeopleSide, settingsOf } from './main/doors.ts';
import { Faults } from './main/faults.ts';
import { openKeys } from './main/keys.ts';
import { witnessPost } from './main/witness.ts';
import { lockExclusively, type ProcessLock } from './storage/index.ts';

export type StartOptions = {
  config: Config;
  /** Where the built console is; none in a checkout that has not built it. */
  pages_folder?: string | undefined;
  /** Told of failures that nobody else handles. Nothing of it is a secret or a payload. */
  report?: ((problem: string, error: unknown) => void) | undefined;
  /** The machine's resolver and sockets for addresses from the wire; tests bring their own. */
  network?: Network | undefined;
  /** The table as it is run; for tests that wrap a stage or take one away. */
  table?: ((table: Table) => Table) | undefined;
};

/** A gateway that answers. */
export type Running = {
  agents_url: string;
  /** For agents that show a client certificate; undefined where there is no such listener. */
  agents_mtls_url: string | undefined;
  console_url: string;
  socket_path: string | undefined;
  /** Lets what is in flight end, up to the configured time, then cuts it; the log is whole when this resolves. */
  stop(): Promise<void>;
};

/** Builds and joins the parts. Everything that was opened is closed again, also where a later part fails to open. */
export async function startGateway(options: StartOptions): Promise<Running> {
  await using stack = new AsyncDisposableStack();
  const report = options.report ?? (() => undefined);
  const faults = new Faults(systemClock);
  // A crash report has the whole environment in it, and secrets of the configuration stand there by reference.
  process.report.excludeEnv = true;
  const now = { config: options.config };
  const config = () => now.config;
  const keys = openKeys(join(now.config.data, 'keys'), systemRandom);
  const addresses = { console_url: now.config.listen.console_url };
  const surroundings = { clock: systemClock, random: systemRandom, build: buildOf(), keys, report, addresses };
  const lock = lockData(now.config.data);
  stack.defer(() => lock.release());
  const egress = openEgress({
    clock: systemClock,
    environment: childEnvironment(),
    ...(options.network === undefined ? {} : { network: options.network }),
  });
  stack.defer(() => egress.close());
  const parts = { ...surroundings, config, egress, faults };
  const controls = await openControls(config, { ...parts, witness: witnessPost(egress) }, stack);
  await controls.state.start();
  const agents = await openAgentsSide({ ...parts, controls, table: options.table }, stack);
  const { pages_folder } = options;
  const people = await openPeopleSide(
    { ...parts, controls, agents, pages_folder, started_at: systemClock.now() },
    stack,
  );
  await declareAgents(controls.identity.agents, now.config.agents, faults);
  await started(controls, now.config);
  const watch = watchConfig(now.config, {
    onChange: (next, before) => {
      now.config = next;
      return takeOver(before, next, { started: options.config, controls, agents, faults });
    },
    onProblem: ([first]) =>
      faults.set(
        'config_invalid',
        `${first?.file}:${first?.line}:${first?.column} is not valid, so the gateway goes on with what it had.`,
        'Type: sallyport config check',
      ),
    onRepaired: () => faults.clear('config_invalid'),
  });
  stack.defer(() => watch.stop());
  const opened = stack.move();
  return {
    agents_url: agents.url,
    agents_mtls_url: agents.agents_mtls_url,
    console_url: people.url,
    socket_path: people.socket_path,
    stop: async () => {
      await windDown(agents, now.config.limits.stop_seconds_max);
      await controls.ledger.control(undefined, event('gateway.stop', now.config.digest));
      await opened.disposeAsync();
    },
  };
}

function event(name: 'gateway.start' | 'gateway.stop', config_digest: string) {
  return { event: name, by: 'gateway', subject: null, before: null, after: config_digest } as const;
}

async function started(controls: Controls, config: Config): Promise<void> {
  await controls.ledger.control(undefined, event('gateway.start', config.digest));
}

/** A good file that changed: bounds hold from the next exchange on, servers come and go, the rest waits for a restart. */
async function takeOver(
  before: Config,
  next: Config,
  { started, controls, agents, faults }: { started: Config; controls: Controls; agents: AgentsSide; faults: Faults },
): Promise<void> {
  faults.clear('config_invalid');
  const fixed = needsRestart(started, next);
  if (fixed.length === 0) faults.clear('config_restart');
  else faults.set('config_restart', `A change of ${fixed.join(', ')} takes effect at the next start.`, 'Restart it.');
  await controls.ledger.control(undefined, {
    event: 'config.change',
    by: 'gateway',
    subject: null,
    before: before.digest,
    after: next.digest,
  });
  await agents.upstreams.configure(settingsOf(next));
  // What is decided element by element may have changed without the catalogs.
  controls.policy.engine.useCatalog(agents.upstreams.catalogs());
  await declareAgents(controls.identity.agents, next.agents, faults);
}

/** What is in flight may end; what does not is cut, and says so in its outcome. */
async function windDown({ enforcement, endStreams }: AgentsSide, seconds_max: number): Promise<void> {
  const { live } = enforcement;
  live.close();
  endStreams();
  const cancel = systemClock.after(seconds_max * 1000, () => live.cutAll('gateway_stopping'));
  await live.empty();
  cancel();
}

/** @throws where another gateway runs on the same data. */
function lockData(data: string): ProcessLock {
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const lock = lockExclusively(join(data, 'running.lock'));
  if (lock === undefined) throw new Error(`another gateway runs on ${data}. See: sallyport status`);
  return lock;
}

/** The version of the package, which stands one folder up from here, in the repository and in `dist`. */
function buildOf(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
