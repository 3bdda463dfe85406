import { performance } from 'node:perf_hooks';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'undici';
import { modern } from '../test/support/mcp-message.ts';
import { quantile } from './support/load.ts';
import { openReloadWorld, type ReloadWorld } from './support/reload-world.ts';
import { atLeast, atMost, type Bar, type Figures, machine, type Report, rounded } from './support/report.ts';

/**
 * Policy versions replaced one after another under load: windows without reloads and windows with them, in turn, so that
 * both meet the same machine. Each version permits what the one before does not, so that a call that was decided by a mix
 * of two shows: by what it was answered, and by the ids in its receipt.
 */
export type Options = { quick: boolean; progress(text: string): void };

const RELOADS = { quick: 100, full: 1_000 };
const RELOADS_A_WINDOW = { quick: 20, full: 50 };
const RELOADS_A_SECOND = 8;
const CONNECTIONS = 8;
const CALLS_A_SECOND = 100;

type Kind = 'read' | 'pair' | 'mixed' | 'list';
/** In this order, over and over. */
const KINDS: readonly Kind[] = ['read', 'pair', 'read', 'mixed', 'read', 'list', 'read', 'pair'];

type Seen = { kind: Kind; receipt: string; permitted: boolean; shown: string; ms: number; reloading: boolean };

export async function run({ quick, progress }: Options): Promise<Report> {
  const world = await openReloadWorld();
  try {
    const load = new Load(world);
    const versions = new Map<string, number>();
    const took: number[] = [];
    const [all, each] = quick ? [RELOADS.quick, RELOADS_A_WINDOW.quick] : [RELOADS.full, RELOADS_A_WINDOW.full];
    versions.set(await world.reload(1), 1);
    // What is new is compiled and cached by now, and the first window is warm.
    await load.window(2_000, false);
    load.forget();
    const cpu = { calm_us: 0, busy_us: 0 };
    const used = async (): Promise<number> => (await world.gateway.usage()).cpu_us;
    for (let k = 2; k < all + 2; k += each) {
      progress(`${k - 2} of ${all} versions`);
      const window_ms = (1_000 * each) / RELOADS_A_SECOND;
      const begun = await used();
      await load.window(window_ms, false);
      const between = await used();
      const last = Math.min(k + each, all + 2);
      await Promise.all([load.window(window_ms, true), reloads(world, k, last, versions, took)]);
      cpu.calm_us += between - begun;
      cpu.busy_us += (await used()) - between;
    }
    await load.close();
    const receipts = readReceipts(await world.stopGateway());
    return reportOf(load, { versions, took, receipts, cpu });
  } finally {
    await world.close();
  }
}

async function reloads(
  world: ReloadWorld,
  from: number,
  to: number,
  versions: Map<string, number>,
  took: number[],
): Promise<void> {
  const begun = performance.now();
  for (let k = from; k < to; k += 1) {
    const due = begun + ((k - from) * 1_000) / RELOADS_A_SECOND;
    await sleep(Math.max(0, due - performance.now()));
    const started = performance.now();
    versions.set(await world.reload(k), k);
    took.push(performance.now() - started);
  }
}

class Load {
  readonly #url: URL;
  readonly #clients: Client[];
  readonly #bearer: string;
  #count = 0;
  seen: Seen[] = [];
  /** Answers that are neither a permit nor a denial by policy, by what they say. */
  readonly dropped = new Map<string, number>();

  constructor(world: ReloadWorld) {
    this.#url = new URL(`${world.gateway.url}/mcp/journal`);
    this.#bearer = world.bearer;
    this.#clients = Array.from({ length: CONNECTIONS }, () => new Client(this.#url.origin, { pipelining: 1 }));
  }

  forget(): void {
    this.seen = [];
  }

  /** So many calls a second, over connections that each wait for their own answers only. */
  async window(window_ms: number, reloading: boolean): Promise<void> {
    const begun = performance.now();
    const every_ms = (1_000 * CONNECTIONS) / CALLS_A_SECOND;
    await Promise.all(
      this.#clients.map(async (client, at) => {
        for (let due = begun + (every_ms * at) / CONNECTIONS; due < begun + window_ms; due += every_ms) {
          const wait_ms = due - performance.now();
          if (wait_ms > 0) await sleep(wait_ms);
          // As late as a timer is by itself is not the gateway's; what the call before held up is.
          await this.#call(client, wait_ms > 0 ? performance.now() : due, reloading);
        }
      }),
    );
  }

  async #call(client: Client, due: number, reloading: boolean): Promise<void> {
    const at = this.#count++;
    const kind = KINDS[at % KINDS.length] as Kind;
    const { message, headers } = messageOf(kind, at);
    const authorization = `Bearer ${this.#bearer}`;
    const answer = await client.request({
      method: 'POST',
      path: this.#url.pathname,
      headers: { ...headers, authorization },
      body: JSON.stringify(message),
    });
    const text = await answer.body.text();
    const ms = performance.now() - due;
    const receipt = String(answer.headers['sallyport-receipt'] ?? '');
    const permitted = answer.statusCode === 200 && text.includes('"result"') && !text.includes('"isError":true');
    if (!permitted && (kind === 'read' || kind === 'list' || !/policy_denied/.test(text))) this.#drop(text);
    const shown = ['append', 'echo'].filter((name) => text.includes(`"name":"${name}"`)).join();
    this.seen.push({ kind, receipt, permitted, shown, ms, reloading });
  }

  #drop(text: string): void {
    const said = text.slice(0, 200);
    this.dropped.set(said, (this.dropped.get(said) ?? 0) + 1);
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }
}

function messageOf(kind: Kind, at: number) {
  const parity = at % 3 === 0 ? 'odd' : 'even';
  switch (kind) {
    case 'read':
      return modern('tools/call', { name: 'read_text', arguments: { path: `reports/${at}.txt` } }, at + 1);
    case 'pair': {
      const paths = [`${parity}/${at}`, `other-${parity}/${at}`];
      return modern('tools/call', { name: 'read_many', arguments: { paths } }, at + 1);
    }
    case 'mixed':
      return modern(
        'tools/call',
        { name: 'read_many', arguments: { paths: [`even/${at}`, `other-odd/${at}`] } },
        at + 1,
      );
    case 'list':
      return modern('tools/list', {}, at + 1);
  }
}

type Receipt = { set: string; ids: readonly string[] };

/** Straight from the table, beside the gateway. */
function readReceipts(path: string): Map<string, Receipt> {
  const db = new DatabaseSync(path, { readOnly: true });
  const rows = db.prepare(`select id, body from audit_receipts where kind in ('intent', 'refusal')`).all();
  db.close();
  return new Map(
    rows.map(({ id, body }) => {
      const text = body instanceof Uint8Array ? Buffer.from(body).toString('utf8') : String(body);
      return [String(id), (JSON.parse(text) as { policy?: Receipt }).policy ?? { set: '', ids: [] }];
    }),
  );
}

type Found = {
  versions: Map<string, number>;
  took: readonly number[];
  receipts: Map<string, Receipt>;
  /** Of the gateway, in windows with as many calls each. */
  cpu: { calm_us: number; busy_us: number };
};

function reportOf(load: Load, { versions, took, receipts, cpu }: Found): Report {
  const { seen, dropped } = load;
  const calm = latencies(seen.filter(({ reloading }) => !reloading));
  const busy = latencies(seen.filter(({ reloading }) => reloading));
  const mixed = seen.filter((one) => isMixed(one, receipts.get(one.receipt), versions)).length;
  const without = seen.filter(({ receipt }) => !receipts.has(receipt)).length;
  const lost = [...dropped.values()].reduce((sum, count) => sum + count, 0);
  const pairs = seen.filter(({ kind, permitted }) => kind === 'pair' && permitted).length;
  const sorted = [...took].sort((a, b) => a - b);
  const bars: Bar[] = [
    atMost('calls decided by a mix of two versions', mixed, 0),
    atMost('calls dropped', lost, 0),
    atMost('calls without a receipt', without, 0),
    atLeast('calls of several accesses that were permitted', pairs, 1),
    atMost('p99 while reloading, as a share of that without', busy.p99_ms / calm.p99_ms, 1.5),
  ];
  for (const [said, count] of dropped) process.stderr.write(`${count} dropped: ${said}\n`);
  return {
    name: 'reload',
    machine: machine(),
    results: {
      'without reloads': calm,
      'while reloading': busy,
      reloads: {
        versions: took.length,
        calls: seen.length,
        reload_p50_ms: rounded(quantile(sorted, 0.5)),
        reload_p99_ms: rounded(quantile(sorted, 0.99)),
        reload_cpu_ms: rounded((cpu.busy_us - cpu.calm_us) / 1_000 / took.length),
      },
    },
    bars,
  };
}

function latencies(seen: readonly Seen[]): Figures & { p99_ms: number } {
  const sorted = seen.map(({ ms }) => ms).sort((a, b) => a - b);
  return {
    calls: sorted.length,
    p50_ms: rounded(quantile(sorted, 0.5)),
    p99_ms: rounded(quantile(sorted, 0.99)),
    max_ms: rounded(sorted.at(-1) ?? Number.NaN),
  };
}

/** What no single version would have answered, or a receipt that names another version than its set is. */
function isMixed(
  { kind, permitted, shown }: Seen,
  receipt: Receipt | undefined,
  versions: Map<string, number>,
): boolean {
  const version = versions.get(receipt?.set ?? '');
  if (version === undefined) return true;
  const named = (receipt?.ids ?? []).flatMap((id) => /^(?:one|two|shown)-(\d+)$/.exec(id)?.[1] ?? []);
  if (named.some((k) => Number(k) !== version)) return true;
  if (kind === 'mixed') return permitted;
  if (kind === 'pair') return permitted && new Set(receipt?.ids).size !== 2;
  return kind === 'list' && shown !== (version % 2 === 0 ? 'append' : 'echo');
}
