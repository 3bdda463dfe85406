import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { type BundleSummary, type BundleTask, checkBundle } from './verify-bundle.ts';

/**
 * Bundles are independent of each other, and reading receipts costs more than hashing them: so they are checked on all
 * processors. This file is also what each thread runs. The caller's thread works too, and first: others take a while to
 * start, and for a small log they never do.
 */
const WORTH_THREADS = 48;
const THREADS_MAX = 7;
/** Bundles beyond the one that is waited for: bounds the memory. */
const AHEAD = 64;
/** Messages under way to a thread, and bundles in each: crossing over costs, and so does waiting for the last ones. */
const IN_FLIGHT = 2;
const BATCH = 4;

/** Summaries in the order of `tasks`, which are numbered from 0. */
export async function* checkBundles(folder: string, tasks: readonly BundleTask[]): AsyncGenerator<BundleSummary> {
  const work = new Work(tasks);
  const helpers = tasks.length < WORTH_THREADS ? 0 : Math.min(availableParallelism() - 1, THREADS_MAX);
  const threads = Array.from({ length: helpers }, () => new Thread(folder, work));
  try {
    for (const task of tasks) {
      let summary = work.collect(task.index);
      while (summary === undefined) {
        await workOn(folder, work, threads, task);
        summary = work.collect(task.index);
      }
      yield summary;
    }
  } finally {
    for (const thread of threads) thread.end();
  }
}

/** Takes the next bundle; where others have the rest, does what is waited for itself rather than wait for it. */
async function workOn(folder: string, work: Work, threads: readonly Thread[], wanted: BundleTask): Promise<void> {
  const own = work.take() ?? (work.isAllTaken ? wanted : undefined);
  if (own !== undefined) work.done(checkBundle(folder, own));
  for (const thread of threads) thread.feed();
  await (own === undefined ? work.change() : nextTurn());
}

/** What is to do, under way and done; taken from the front, collected in order. */
class Work {
  readonly #tasks: readonly BundleTask[];
  readonly #summaries = new Map<number, BundleSummary>();
  #next = 0;
  #collected = 0;
  #failure: { error: unknown } | undefined;
  #changed: () => void = () => {};

  constructor(tasks: readonly BundleTask[]) {
    this.#tasks = tasks;
  }

  take(): BundleTask | undefined {
    if (this.#next >= this.#collected + AHEAD) return undefined;
    const task = this.#tasks[this.#next];
    if (task !== undefined) this.#next += 1;
    return task;
  }

  get isAllTaken(): boolean {
    return this.#next >= this.#tasks.length;
  }

  /** One that was done twice counts once. */
  done(summary: BundleSummary): void {
    if (summary.index >= this.#collected) this.#summaries.set(summary.index, summary);
    this.#changed();
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#changed();
  }

  /** @throws what a thread failed with */
  collect(index: number): BundleSummary | undefined {
    if (this.#failure !== undefined) throw this.#failure.error;
    const summary = this.#summaries.get(index);
    if (this.#summaries.delete(index)) this.#collected += 1;
    return summary;
  }

  change(): Promise<void> {
    return new Promise((resolve) => {
      this.#changed = resolve;
    });
  }
}

class Thread {
  readonly #worker: Worker;
  readonly #work: Work;
  #inFlight = 0;
  #isReady = false;
  #isOver = false;

  constructor(folder: string, work: Work) {
    // In the published package this file is JavaScript, and the thread's too.
    const file = new URL(`./verify-threads${extname(import.meta.url)}`, import.meta.url);
    this.#work = work;
    this.#worker = new Worker(file, { workerData: { folder }, execArgv: ['--report-exclude-env'] });
    this.#worker.on('message', (message: BundleSummary[] | 'ready') => this.#onMessage(message));
    this.#worker.on('error', (error) => work.fail(error));
    this.#worker.on('exit', () => this.#isOver || work.fail(new Error('a thread of the verifier ended')));
  }

  /** Nothing is left waiting in a thread that has not started. */
  feed(): void {
    while (this.#isReady && this.#inFlight < IN_FLIGHT) {
      const tasks = Array.from({ length: BATCH }, () => this.#work.take()).filter((task) => task !== undefined);
      if (tasks.length === 0) return;
      this.#inFlight += 1;
      this.#worker.postMessage(tasks);
    }
  }

  end(): void {
    this.#isOver = true;
    void this.#worker.terminate();
  }

  #onMessage(message: BundleSummary[] | 'ready'): void {
    if (message === 'ready') this.#isReady = true;
    else {
      this.#inFlight -= 1;
      for (const summary of message) this.#work.done(summary);
    }
    this.feed();
  }
}

if (!isMainThread && parentPort !== null && typeof workerData?.folder === 'string') {
  const port = parentPort;
  const { folder } = workerData as { folder: string };
  port.on('message', (tasks: BundleTask[]) => port.postMessage(tasks.map((task) => checkBundle(folder, task))));
  port.postMessage('ready');
}
