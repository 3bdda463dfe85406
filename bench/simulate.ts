import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, createClient } from '../src/api/client/index.ts';
import { socketTransport } from '../src/api/client/socket.ts';
import type { Simulation } from '../src/api/contract/index.ts';
import { AgentClient, type AgentKey } from '../test/support/agent-client.ts';
import { modern } from '../test/support/mcp-message.ts';
import { freePort, startJournal } from '../test/support/world.ts';
import { type Filled, fillLog } from './support/fill-log.ts';
import { type Measured, startGatewayProcess } from './support/gateway-world.ts';
import { atMost, machine, type Report, rounded } from './support/report.ts';

/**
 * `policy simulate` over a log of a million receipts. A gateway runs first with real agents and a real server, so that each
 * kind of decision is in its log once; then the log is filled, through the ledger's own code, with as many exchanges of those
 * kinds with other arguments. What is measured is the command, asked of a gateway that runs on that log.
 */
type Options = { quick: boolean; progress(text: string): void };

const RECEIPTS = { quick: 50_000, full: 1_000_000 };
const AGENTS = 20;
const POLICIES = `
@id("reads") @reason("Reports may be read.") @public("Paths below reports/ may be read.")
permit (principal, action == Action::"tool.call", resource == Tool::"journal/read_text")
when { context.args.path like "reports/*" && context.run.job == "bench" };

@id("appends") @reason("Lines that begin with ok.")
permit (principal, action == Action::"tool.call", resource == Tool::"journal/append")
when { context.args.line like "ok*" };

@id("held") @reason("A person wants to see them.") @approve("team-ops")
forbid (principal, action == Action::"tool.call", resource == Tool::"journal/append")
when { context.args.line like "ok hold*" };
`;
const OTHERS = Array.from(
  { length: 97 },
  (_, at) => `@id("other-${at}") @reason("Another agent.")
permit (principal == Agent::"other-${at}", action == Action::"tool.call", resource == Tool::"journal/read_text")
when { context.args.path like "elsewhere-${at}/*" };`,
);
/** Takes some of it away, holds some and permits some: what a simulation is for. */
const CANDIDATE = POLICIES.replace('"reports/*" &&', '"reports/1*" &&').replace('"ok*"', '"*"');

export async function run({ quick, progress }: Options): Promise<Report> {
  const receipts = quick ? RECEIPTS.quick : RECEIPTS.full;
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-simulate-'));
  const journal = await startJournal(join(folder, 'journal.txt'), join(folder, 'received.txt'));
  try {
    await configure(folder, journal.url);
    progress('simulate: one exchange of each kind');
    await begin(folder);
    const filled = await fillLog(folder, receipts, progress);
    const gateway = await startGatewayProcess(join(folder, 'sallyport.yaml'));
    try {
      return await measured(folder, gateway, filled, progress);
    } finally {
      await stop(gateway);
    }
  } finally {
    journal.child.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measured(
  folder: string,
  gateway: Measured,
  filled: Filled,
  progress: Options['progress'],
): Promise<Report> {
  const local = clientOf(folder);
  progress('simulate: the same set');
  const same = await simulated(local, gateway, { of: 'active' });
  progress('simulate: another set');
  const files = [{ name: 'bench.cedar', text: [CANDIDATE, ...OTHERS].join('\n') }];
  const other = await simulated(local, gateway, { of: 'files', files });
  return {
    name: 'simulate',
    machine: machine(),
    results: { 'filling the log': filled, 'the same set': same, 'another set': other },
    bars: [
      atMost(`seconds for ${filled.receipts} receipts, the same set`, same.seconds, 60),
      atMost(`seconds for ${filled.receipts} receipts, another set`, other.seconds, 60),
      atMost('differences of the same set', same.differences + same.by_other_policies, 0),
      atMost('decisions that cannot be made again', same.lost, 0),
      { ...atMost('decisions that the other set makes alike', other.unchanged, same.unchanged - 1) },
      atMost('MB of memory beside what the gateway had, at most', Math.max(same.mb_more, other.mb_more), 400),
    ],
  };
}

/** Asks as the command does, and watches the gateway's memory meanwhile. */
async function simulated(local: Client, gateway: Measured, subject: Parameters<typeof start>[1]) {
  const before = await gateway.usage();
  const from = performance.now();
  let now = await start(local, subject);
  let rss = before.rss;
  while (now.state === 'running') {
    await sleep(100);
    rss = Math.max(rss, (await gateway.usage()).rss);
    now = told(await local.call('policy.simulation', { params: { id: now.id } }));
  }
  const seconds = (performance.now() - from) / 1000;
  const after = await gateway.usage();
  const { result, problem } = now;
  if (result === null) throw new Error(`the simulation ${now.state}: ${problem}`);
  const { newly_denied, newly_permitted, newly_held, not_replayable } = result;
  return {
    seconds: rounded(seconds),
    cpu_seconds: rounded((after.cpu_us - before.cpu_us) / 1e6),
    receipts_per_second: rounded(now.progress.of / seconds),
    mb_more: Math.round((rss - before.rss) / 1e6),
    decisions: result.decisions,
    distinct: result.distinct,
    unchanged: result.unchanged,
    by_other_policies: result.by_others,
    differences: newly_denied.count + newly_permitted.count + newly_held.count,
    lost: Object.values(not_replayable).reduce((sum, count) => sum + count, 0),
  };
}

async function start(
  local: Client,
  subject: { of: 'active' } | { of: 'files'; files: { name: string; text: string }[] },
): Promise<Simulation> {
  return told(await local.call('policy.simulate', { body: { subject, since: 0 } }));
}

function told(answer: { kind: 'ok'; value: Simulation } | { kind: 'failure'; problem: unknown }): Simulation {
  if (answer.kind === 'failure') throw new Error(JSON.stringify(answer));
  return answer.value;
}

function clientOf(folder: string): Client {
  return createClient(socketTransport(join(folder, '.sallyport', 'control.sock')), 'bench');
}

async function configure(folder: string, url: string): Promise<void> {
  mkdirSync(join(folder, 'policies'));
  writeFileSync(join(folder, 'policies', 'bench.cedar'), [POLICIES, ...OTHERS].join('\n'));
  writeFileSync(
    join(folder, 'sallyport.yaml'),
    `listen: { agents: "127.0.0.1:${await freePort()}", people: "127.0.0.1:${await freePort()}" }
tools: { first_use: trust }
upstreams:
  journal: { url: "${url}", shared: true, tools: { read_text: { effect: read, arguments: { path: path } } } }
`,
  );
}

/** Every agent makes every kind of request once. */
async function begin(folder: string): Promise<void> {
  const gateway = await startGatewayProcess(join(folder, 'sallyport.yaml'));
  try {
    const local = clientOf(folder);
    for (let at = 0; at < AGENTS; at += 1) {
      const id = `agent-${at}`;
      const added = await local.call('agents.add', { body: { id, owner: 'bench', jobs: ['bench'] } });
      if (added.kind !== 'ok') throw new Error(JSON.stringify(added));
      const key = added.value.private_key as unknown as AgentKey;
      const agent = await AgentClient.open({
        issuer: gateway.url,
        agent: id,
        key,
        job: 'bench',
        from: () => `127.0.1.${at + 1}`,
      });
      for (const [name, args] of [
        ['read_text', { path: 'reports/0' }],
        ['read_text', { path: 'reports/1' }],
        ['append', { line: 'ok 0' }],
        ['read_text', { path: 'secret/0' }],
        ['append', { line: 'no 0' }],
        ['append', { line: 'ok hold 0' }],
      ] as const) {
        await call(gateway, agent, name, args);
      }
    }
  } finally {
    await stop(gateway);
  }
}

async function call(gateway: Measured, agent: AgentClient, name: string, args: object): Promise<void> {
  const { message, headers } = modern('tools/call', { name, arguments: args });
  const path = '/mcp/journal';
  const proof = agent.headers('POST', `${gateway.url}${path}`);
  const answer = await fetch(`${gateway.url}${path}`, {
    method: 'POST',
    headers: { ...headers, ...proof },
    body: JSON.stringify(message),
  });
  await answer.text();
}

async function stop({ child }: Measured): Promise<void> {
  if (child.exitCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.send('stop');
  await gone;
}
