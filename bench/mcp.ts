import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { verifyLog } from '../src/controls/audit/verify.ts';
import { modern } from '../test/support/mcp-message.ts';
import { type GatewayWorld, type Measured, openGatewayWorld } from './support/gateway-world.ts';
import { applyLoad, type Load, type Prepared, type Result, type Target } from './support/load.ts';
import { atLeast, atMost, type Bar, type Figures, machine, median, medians, type Report } from './support/report.ts';

export type Options = { quick: boolean; progress(text: string): void };

const CONNECTIONS = 32;
const AGENTS = 50;
const POLICIES = 100;
const PACED_PER_SECOND = 500;

type Subject = { name: string; target: Target; process: Measured | undefined };

/** Governed tool calls beside ungoverned ones: four subjects, interleaved, one upstream. */
export async function run(options: Options): Promise<Report> {
  const world = await openGatewayWorld({ agents: AGENTS, policies: POLICIES });
  try {
    const subjects = subjectsOf(world);
    const closed = await closedRounds(subjects, options);
    const paced = await pacedRounds(subjects, options);
    const memory = await soak(subjects.find(({ name }) => name === 'sallyport-bearer')!, options);
    const stages = await stageTimes(world);
    const calls = closed.calls + paced.calls + memory.calls;
    const log = await checkLog(world, calls);
    const results = { ...closed.results, ...paced.results, 'cpu of sallyport by stage, us': stages, log: log.figures };
    return {
      name: 'mcp',
      machine: machine(),
      results: { ...results, memory: memory.figures },
      bars: [...closed.bars, ...paced.bars, ...memory.bars, ...log.bars],
    };
  } finally {
    await world.close();
  }
}

function subjectsOf(world: GatewayWorld): Subject[] {
  const url = `${world.gateway.url}/mcp/journal`;
  const plain = (at: string): Target => ({
    url: at,
    prepare: (_at, count) => Array.from({ length: count }, (_, number) => request(number, {})),
  });
  return [
    { name: 'direct', target: plain(world.upstream), process: undefined },
    { name: 'passthrough', target: plain(world.passthrough.url), process: world.passthrough },
    { name: 'sallyport', target: dpop(world, url), process: world.gateway },
    {
      name: 'sallyport-bearer',
      process: world.gateway,
      target: {
        url,
        prepare: (at, count) => {
          const authorization = `Bearer ${world.bearers[at % AGENTS]}`;
          return Array.from({ length: count }, (_, number) => request(number, { authorization }));
        },
      },
    },
  ];
}

function dpop(world: GatewayWorld, url: string): Target {
  return {
    url,
    prepare: (at, count) => {
      const agent = world.agents[at % AGENTS]!;
      return Array.from({ length: count }, (_, number) => request(number, agent.headers('POST', url)));
    },
  };
}

/** One call in ten asks for what an argument rule denies. */
function request(number: number, credential: Record<string, string>): Prepared {
  const path = number % 10 === 9 ? `secret/${number}.txt` : `reports/${number}.txt`;
  const { message, headers } = modern('tools/call', { name: 'read_text', arguments: { path } }, number + 1);
  return { headers: { ...headers, ...credential }, body: JSON.stringify(message) };
}

type Part = { results: Record<string, Figures>; bars: Bar[]; calls: number };

async function closedRounds(subjects: Subject[], { quick, progress }: Options): Promise<Part> {
  const rounds = quick ? 3 : 5;
  const load: Load = { kind: 'closed', connections: CONNECTIONS, seconds: quick ? 2 : 4 };
  const seen = new Map<string, Figures[]>(subjects.map(({ name }) => [name, []]));
  const expected = new Map<string, number>();
  let calls = 0;
  for (let round = 0; round <= rounds; round += 1) {
    for (const subject of subjects) {
      const { result, cpu_us, rss_mb } = await measured(subject, load, expected.get(subject.name) ?? 12_000);
      expected.set(subject.name, result.rps * 1.5);
      if (subject.name.startsWith('sallyport')) calls += result.calls;
      progress(`round ${round}: ${subject.name} ${Math.round(result.rps)}/s ${JSON.stringify(result.statuses)}`);
      const { rps, p50_ms, p99_ms } = result;
      // The first round warms up and is not counted.
      if (round > 0) seen.get(subject.name)!.push({ rps, p50_ms, p99_ms, cpu_us: cpu_us / result.calls, rss_mb });
    }
  }
  const results = Object.fromEntries([...seen].map(([name, figures]) => [name, medians(figures)]));
  const ratio = (name: string) =>
    median(seen.get(name)!.map(({ rps }, at) => (rps ?? 0) / (seen.get('passthrough')![at]!['rps'] ?? 1)));
  return {
    results,
    calls,
    bars: [
      atLeast("share of the pass-through's calls a second, with DPoP", ratio('sallyport'), 0.25),
      atLeast("share of the pass-through's calls a second, with bearer", ratio('sallyport-bearer'), 0.4),
    ],
  };
}

async function pacedRounds(subjects: Subject[], { quick, progress }: Options): Promise<Part> {
  const load: Load = { kind: 'paced', connections: CONNECTIONS, seconds: quick ? 3 : 8, per_second: PACED_PER_SECOND };
  const seen = new Map<string, Figures[]>();
  let calls = 0;
  for (let round = 0; round < 3; round += 1) {
    for (const subject of subjects) {
      const { result } = await measured(subject, load, PACED_PER_SECOND * 1.2);
      if (subject.name.startsWith('sallyport')) calls += result.calls;
      const name = `${subject.name} at ${PACED_PER_SECOND}/s`;
      const { p50_ms, p99_ms, gap_p99_ms } = result;
      seen.set(name, [...(seen.get(name) ?? []), { p50_ms, p99_ms, gap_p99_ms }]);
      progress(`paced ${round}: ${subject.name} p50 ${p50_ms.toFixed(2)} ms, p99 ${p99_ms.toFixed(2)} ms`);
    }
  }
  const results = Object.fromEntries([...seen].map(([name, figures]) => [name, medians(figures)]));
  const p50 = (name: string) => results[`${name} at ${PACED_PER_SECOND}/s`]?.['p50_ms'] ?? Number.NaN;
  return {
    results,
    calls,
    bars: [atMost('added p50 at 500 calls/s, ms', p50('sallyport') - p50('passthrough'), 1)],
  };
}

async function soak(subject: Subject, { quick, progress }: Options): Promise<Part & { figures: Figures }> {
  const [early, late] = quick ? [4_000, 16_000] : [20_000, 200_000];
  const rss: number[] = [];
  let calls = 0;
  for (const goal of [early, late]) {
    do {
      const { result, rss_mb } = await measured(
        subject,
        { kind: 'closed', connections: CONNECTIONS, seconds: 5 },
        6_000,
      );
      calls += result.calls;
      rss[goal === early ? 0 : 1] = rss_mb;
      progress(`memory: ${calls} calls, ${rss_mb.toFixed(0)} MB`);
    } while (calls < goal);
  }
  const [first = Number.NaN, last = Number.NaN] = rss;
  const what = `resident memory after ${late} calls, as a share of that after ${early}`;
  return {
    results: {},
    calls,
    figures: { early_calls: early, early_rss_mb: first, calls, rss_mb: last },
    bars: [atMost(what, last / first, 1.1)],
  };
}

async function measured(subject: Subject, load: Load, expected_rps: number) {
  const before = await subject.process?.usage();
  const result: Result = await applyLoad(subject.target, load, expected_rps);
  const after = await subject.process?.usage();
  return {
    result,
    cpu_us: (after?.cpu_us ?? Number.NaN) - (before?.cpu_us ?? 0),
    rss_mb: (after?.rss ?? Number.NaN) / 2 ** 20,
  };
}

/** Medians of what receipts say each stage took. Most of a stage is computing; `record intent` and `forward` also wait. */
async function stageTimes({ local }: GatewayWorld): Promise<Figures> {
  const page = await local.call('exchanges.list', { query: { limit: 100 } });
  if (page.kind !== 'ok') throw new Error(JSON.stringify(page));
  const times = new Map<string, number[]>();
  for (const { receipt } of page.value.exchanges) {
    const story = await local.call('exchanges.story', { params: { receipt } });
    if (story.kind !== 'ok') continue;
    for (const { stage, us } of story.value.stages) times.set(stage, [...(times.get(stage) ?? []), us]);
  }
  return Object.fromEntries([...times].map(([stage, us]) => [stage, median(us)]));
}

/** The log must verify, and must know each call that was made. */
async function checkLog(world: GatewayWorld, calls: number): Promise<{ figures: Figures; bars: Bar[] }> {
  await world.stopGateway();
  const report = await verifyLog(join(world.folder, '.sallyport', 'log'));
  const counted = countReceipts(join(world.folder, '.sallyport', 'sallyport.db'));
  return {
    figures: { calls, receipts: counted, problems: report.problems.length },
    bars: [
      atMost('problems that `verify` found', report.problems.length, 0),
      atLeast('calls with a receipt, of those made', counted / calls, 1),
    ],
  };
}

/** Straight from the table, beside the gateway: first receipts of exchanges. */
function countReceipts(path: string): number {
  const db = new DatabaseSync(path, { readOnly: true });
  const [row] = db.prepare(`select count(*) as n from audit_receipts where kind in ('intent', 'refusal')`).all();
  db.close();
  return Number(row?.['n']);
}
