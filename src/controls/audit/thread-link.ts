import { Worker } from 'node:worker_threads';
import type { Clock } from '../../core/clock.ts';
import { StorageError, type StorageErrorKind, type TurnOrder } from '../../storage/index.ts';
import type { Flood } from './flood.ts';
import type { Calls, FromThread, Item, Result, Standing, ThreadSettings, ToThread } from './thread-messages.ts';
import { settled } from './thread-served.ts';
import type { WitnessPost } from './witness.ts';

export type LinkParts = {
  /** What the thread runs: a module that calls `serveLedger`. */
  entry: URL;
  settings: ThreadSettings;
  config_digest: () => string;
  clock: Clock;
  defer: (work: () => void) => void;
  post: WitnessPost | undefined;
  standing: (standing: Standing) => void;
  /** The thread ended, unasked. */
  lost: (error: Error) => void;
  report: (problem: string, error: unknown) => void;
};

/** Instead of an answer: the thread ended first, so what was asked may have been done or not. */
export const LOST = Symbol('the thread ended');

type Waiting = (result: unknown) => void;

/**
 * Messages under way: one that is worked on and one that lies ready. What comes meanwhile gathers, since waking a thread
 * costs as much as the receipts of a call.
 */
const IN_FLIGHT_MAX = 2;
/** So long an item that nobody waits for stays for others to go with: a message and a commit fewer. */
const UNHURRIED_MS_MAX = 10;

/** One life of a ledger's thread. Items that come in one turn of the event loop go to it in one message. */
export class ThreadLink implements TurnOrder {
  readonly #parts: LinkParts;
  readonly #worker: Worker;
  readonly #items = new Map<number, Waiting>();
  readonly #calls = new Map<number, (result: Result) => void>();
  #texts: string[] = [];
  #next = 0;
  #sent = 0;
  #read = 0;
  #called = 0;
  #taken: (() => void) | undefined;
  #flushing = false;
  #cancelTimer: (() => void) | undefined;
  #state: 'opening' | 'open' | 'ending' | 'over' = 'opening';
  #opened!: { resolve: () => void; reject: (error: Error) => void };

  constructor(parts: LinkParts) {
    this.#parts = parts;
    // A crash report tells the environment of each thread by itself, and secrets of the configuration stand there.
    const execArgv = ['--report-exclude-env'];
    this.#worker = new Worker(parts.entry, { workerData: { ledger: parts.settings }, execArgv });
    this.#worker.on('message', (message: FromThread) => this.#onMessage(message));
    this.#worker.on('error', (error: Error) => this.#end(error));
    this.#worker.on('exit', () => this.#end(new Error('the thread of the log ended')));
  }

  /** Resolves when the ledger is open there. @throws what kept it from opening */
  opened(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#opened = { resolve, reject };
    });
  }

  /** Items that have no answer yet. */
  get waiting(): number {
    return this.#items.size;
  }

  /** Written down at once, so that whoever gave it may change it afterwards. Resolves with `LOST` if the thread ends. */
  item(method: Item[0], draft: unknown, { unhurried = false } = {}): Promise<unknown> {
    if (this.#state === 'over') return Promise.resolve(LOST);
    if (unhurried) this.#flushInTime();
    else this.#flushSoon();
    return new Promise((resolve) => this.#items.set(this.#add([method, draft]), resolve));
  }

  floods(floods: readonly Flood[]): void {
    this.#send({ kind: 'floods', floods });
  }

  /** @throws as the ledger there does; StorageError `uncertain` where the thread ended. */
  async call<M extends keyof Calls>(method: M, ...args: Parameters<Calls[M]>): Promise<Awaited<ReturnType<Calls[M]>>> {
    const result = this.#state === 'over' ? ENDED : await this.#ask(method, args);
    if ('value' in result) return result.value as Awaited<ReturnType<Calls[M]>>;
    throw result.storage === undefined
      ? new Error(result.failure)
      : new StorageError(result.storage as StorageErrorKind, result.failure);
  }

  /** One at a time: the order on this side sees to it. Without the thread nobody else writes. */
  take(): Promise<void> {
    if (this.#state === 'over') return Promise.resolve();
    this.#send({ kind: 'take' });
    return new Promise((resolve) => {
      this.#taken = resolve;
    });
  }

  pass(): void {
    this.#send({ kind: 'pass' });
  }

  touch(): void {
    this.#send({ kind: 'touch' });
  }

  /** Closes the ledger there, then the thread; one that has ended by itself is closed. */
  async close(): Promise<void> {
    if (this.#state === 'over') return;
    try {
      await this.call('close');
    } finally {
      this.#state = 'ending';
      await this.#worker.terminate();
    }
  }

  #ask(method: keyof Calls, args: unknown[]): Promise<Result> {
    this.#flush();
    this.#called += 1;
    const number = this.#called;
    this.#send({ kind: 'call', number, method, args });
    return new Promise((resolve) => this.#calls.set(number, resolve));
  }

  #add(item: Item): number {
    this.#texts.push(JSON.stringify(item));
    this.#next += 1;
    return this.#next - 1;
  }

  /** With all that comes in this turn of the event loop. */
  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    this.#parts.defer(() => {
      this.#flushing = false;
      this.#flushSome();
    });
  }

  #flushInTime(): void {
    this.#cancelTimer ??= this.#parts.clock.after(UNHURRIED_MS_MAX, () => this.#flushSome());
  }

  #flushSome(): void {
    if (this.#sent - this.#read < IN_FLIGHT_MAX) this.#flush();
  }

  #flush(): void {
    const texts = this.#texts;
    if (texts.length === 0) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#texts = [];
    this.#sent += 1;
    const config_digest = this.#parts.config_digest();
    this.#send({ kind: 'items', first: this.#next - texts.length, items: `[${texts.join(',')}]`, config_digest });
  }

  #send(message: ToThread): void {
    this.#worker.postMessage(message);
  }

  #onMessage(message: FromThread): void {
    switch (message.kind) {
      case 'ready':
        this.#state = 'open';
        this.#opened.resolve();
        break;
      case 'answers':
        this.#read = message.read;
        for (const [number, result] of JSON.parse(message.answers) as [number, unknown][]) this.#answer(number, result);
        this.#flushSome();
        break;
      case 'called':
        this.#calls.get(message.number)?.(message.result);
        this.#calls.delete(message.number);
        break;
      case 'standing':
        this.#parts.standing(message.standing);
        break;
      case 'taken':
        this.#taken?.();
        break;
      case 'post':
        void this.#post(message.number, message.url, message.body);
        break;
      case 'report':
        this.#parts.report(message.problem, new Error(message.reason));
        break;
    }
  }

  #answer(number: number, result: unknown): void {
    this.#items.get(number)?.(result);
    this.#items.delete(number);
  }

  async #post(number: number, url: string, body: string): Promise<void> {
    const { post } = this.#parts;
    const result = await settled(async () => post?.(url, body));
    this.#send({ kind: 'posted', number, result });
  }

  #end(error: Error): void {
    const before = this.#state;
    if (before === 'over') return;
    this.#state = 'over';
    for (const resolve of this.#items.values()) resolve(LOST);
    for (const resolve of this.#calls.values()) resolve(ENDED);
    this.#cancelTimer?.();
    this.#items.clear();
    this.#calls.clear();
    this.#taken?.();
    if (before === 'opening') this.#opened.reject(error);
    else if (before === 'open') this.#parts.lost(error);
  }
}

const ENDED: Result = { failure: 'the thread of the log ended', storage: 'uncertain' };
