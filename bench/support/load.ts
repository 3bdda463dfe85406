import { performance } from 'node:perf_hooks';
import { Client, type Dispatcher } from 'undici';

/** One request, ready to go: nothing is computed while the clock runs. */
export type Prepared = { headers: Record<string, string>; body: string };

export type Target = {
  url: string;
  /** The next request of connection `at`. Called outside the measured time for closed loops, since it may sign. */
  prepare(at: number, count: number): Prepared[];
};

export type Load = { connections: number; seconds: number } & (
  | { kind: 'closed' }
  | { kind: 'paced'; per_second: number }
);

export type Result = {
  calls: number;
  seconds: number;
  rps: number;
  p50_ms: number;
  p99_ms: number;
  statuses: Record<string, number>;
  /** Longest that this process itself was late for a timer: latencies below it say nothing. */
  gap_p99_ms: number;
};

/** Sends prepared requests over keep-alive connections of their own, and counts every answer. */
export async function applyLoad(target: Target, load: Load, expected_rps: number): Promise<Result> {
  const url = new URL(target.url);
  const clients = Array.from({ length: load.connections }, () => new Client(url.origin, { pipelining: 1 }));
  const each = Math.ceil((expected_rps * load.seconds) / load.connections) + 10;
  const queues = clients.map((_, at) => target.prepare(at, each));
  const took: number[] = [];
  const statuses: Record<string, number> = {};
  const gaps = watchGaps();
  const from = performance.now();
  const until = from + load.seconds * 1000;
  const send = async (client: Client, request: Prepared, due: number) => {
    const status = await call(client, url.pathname, request);
    took.push(performance.now() - due);
    statuses[status] = (statuses[status] ?? 0) + 1;
  };
  await Promise.all(
    clients.map((client, at) =>
      load.kind === 'closed'
        ? closedLoop(client, queues[at] ?? [], until, send)
        : pacedLoop({ client, queue: queues[at] ?? [], from, until, at, load, send }),
    ),
  );
  const seconds = (performance.now() - from) / 1000;
  await Promise.all(clients.map((client) => client.close()));
  took.sort((a, b) => a - b);
  return {
    calls: took.length,
    seconds,
    rps: took.length / seconds,
    p50_ms: quantile(took, 0.5),
    p99_ms: quantile(took, 0.99),
    statuses,
    gap_p99_ms: gaps(),
  };
}

type Send = (client: Client, request: Prepared, due: number) => Promise<void>;

async function closedLoop(client: Client, queue: Prepared[], until: number, send: Send): Promise<void> {
  for (let request = queue.pop(); request && performance.now() < until; request = queue.pop()) {
    await send(client, request, performance.now());
  }
}

/** Latency counts from when a call was due, not from when it could be sent (coordinated omission). */
async function pacedLoop(from: {
  client: Client;
  queue: Prepared[];
  from: number;
  until: number;
  at: number;
  load: { connections: number; per_second: number };
  send: Send;
}): Promise<void> {
  const every = (1000 * from.load.connections) / from.load.per_second;
  let due = from.from + (every * from.at) / from.load.connections;
  for (let request = from.queue.pop(); request && due < from.until; request = from.queue.pop()) {
    const wait = due - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    // A timer is up to a millisecond late by itself: a call is due when the loop gets to it, unless the one before hung.
    const start = wait > 0 ? performance.now() : due;
    await from.send(from.client, request, start);
    due += every;
  }
}

function call(client: Client, path: string, request: Prepared): Promise<string> {
  return new Promise((resolve) => {
    let status = 'none';
    let text = '';
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart: () => undefined,
      onResponseStart: (_controller, code) => {
        status = String(code);
      },
      onResponseData: (_controller, chunk) => {
        if (text.length < 200) text += chunk.toString('latin1');
      },
      onResponseEnd: () => resolve(text.includes('"isError":true') ? `${status} tool error` : status),
      onResponseError: (_controller, error) => resolve(`error ${error.message}`),
    };
    client.dispatch({ path, method: 'POST', headers: request.headers, body: request.body }, handler);
  });
}

function watchGaps(): () => number {
  const gaps: number[] = [];
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    gaps.push(Math.max(0, now - last - 5));
    last = now;
  }, 5);
  return () => {
    clearInterval(timer);
    gaps.sort((a, b) => a - b);
    return quantile(gaps, 0.99);
  };
}

export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}
