import { within } from '../../src/storage/deadline.ts';
import { Hints } from '../../src/storage/hints.ts';
import type { Database, Row, SqlValue, Transaction } from '../../src/storage/index.ts';
import { StorageError, TRANSACTION_MS_MAX } from '../../src/storage/index.ts';
import { assertOutside, runInside } from '../../src/storage/inside.ts';
import { readStatement } from '../../src/storage/statement-text.ts';
import type { Chance } from './chance.ts';
import type { Loop } from './loop.ts';
import type { Link } from './network.ts';
import type { Process } from './process.ts';
import { broken, type Server, type Session } from './server.ts';

/** As the real driver: longest wait for an answer. */
const ANSWER_MS_MAX = 6_000;

type Lost = 'unavailable' | 'uncertain';
type Settled<T> = { value: T } | { error: unknown };

/**
 * The `Database` of one life of a replica: every statement is a message to the server and one back, over a link that
 * delays and loses them. What it makes of a loss is what the PostgreSQL driver makes of it.
 */
export class SimulatedDatabase implements Database {
  readonly dialect = 'postgres';
  readonly #process: Process;
  readonly #server: Server;
  readonly #link: Link;
  readonly #loop: Loop;
  readonly #chance: Chance;
  readonly #hints = new Hints();
  #closed = false;

  constructor(parts: { process: Process; server: Server; link: Link; loop: Loop; chance: Chance }) {
    this.#process = parts.process;
    this.#server = parts.server;
    this.#link = parts.link;
    this.#loop = parts.loop;
    this.#chance = parts.chance;
  }

  async query<R extends Row = Row>(text: string, values: readonly SqlValue[] = []): Promise<R[]> {
    assertOutside(this);
    this.#assertOpen();
    if (readStatement(text).reads)
      return (await this.#ask(() => this.#server.read(text, values), 'unavailable')) as R[];
    const session = this.#server.open(this.#process.name);
    const work = async (): Promise<R[]> => {
      await this.#server.enter(session);
      try {
        const rows = this.#server.write(session, text, values) as R[];
        await this.#server.flushed(session);
        return rows;
      } finally {
        this.#server.end(session);
      }
    };
    return this.#ask(work, 'uncertain');
  }

  async now(): Promise<number> {
    assertOutside(this);
    this.#assertOpen();
    return this.#ask(() => this.#server.now(), 'unavailable');
  }

  async transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    assertOutside(this);
    this.#assertOpen();
    const session = this.#server.open(this.#process.name);
    const tx = new SimulatedTransaction((ask, lost) => this.#ask(ask, lost), this.#server, session);
    try {
      return await runInside(this, async () => {
        await this.#ask(() => undefined, 'unavailable');
        const result = await within(this.#process.clock, TRANSACTION_MS_MAX, work(tx));
        tx.settle();
        await this.#ask(() => this.#server.flushed(session), 'uncertain');
        return result;
      });
    } catch (error) {
      tx.end();
      // Where this is lost too, the server finds out by its own timeout.
      const transit = this.#link.transit('there');
      if (transit !== undefined) this.#loop.after(transit, () => this.#server.end(session));
      throw error;
    }
  }

  async notify(channel: string): Promise<void> {
    await this.#ask(() => this.#server.hint(channel), 'unavailable');
  }

  listen(channel: string, changed: () => void): () => void {
    return this.#hints.listen(channel, changed);
  }

  /** A hint from the server; it may be lost, and overtakes what it likes. */
  hear(channel: string): void {
    const transit = this.#link.transit('back');
    if (transit === undefined || this.#chance.happens(0.1)) return;
    this.#process.after(transit, () => this.#hints.send(channel));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#hints.clear();
  }

  /** There and back. What is lost on the way there never happened; what is lost on the way back did. */
  #ask<T>(work: () => T | Promise<T>, lost: Lost): Promise<T> {
    return new Promise((resolve, reject) => {
      let done = false;
      const settle = (result: Settled<T>): void => {
        if (done) return;
        done = true;
        cancel();
        if ('error' in result) reject(result.error);
        else resolve(result.value);
      };
      // A broken connection is noticed at once, or never, and then by the timeout.
      const fail = (kind: Lost): void => {
        if (this.#chance.happens(0.6)) {
          this.#process.after(this.#chance.between(1, 150), () => settle({ error: new StorageError(kind, 'reset') }));
        }
      };
      const cancel = this.#process.after(ANSWER_MS_MAX, () =>
        settle({ error: new StorageError(lost, 'no answer in time') }),
      );
      const there = this.#link.transit('there');
      if (there === undefined) return fail(lost);
      this.#loop.after(there, () => void this.#arrive(work, lost, settle, fail));
    });
  }

  async #arrive<T>(
    work: () => T | Promise<T>,
    lost: Lost,
    settle: (result: Settled<T>) => void,
    fail: (kind: Lost) => void,
  ): Promise<void> {
    if (this.#server.down) return fail(lost);
    const result = await outcome(work);
    const back = this.#link.transit('back');
    if (back === undefined) return fail(lost);
    // Now and then the packet with a commit's answer is sent again, and again: then it takes longer than a lease.
    const late =
      lost === 'uncertain' && this.#chance.happens(this.#link.lateness) ? this.#chance.between(200, 3_500) : 0;
    this.#process.after(back + late, () => settle(result));
  }

  #assertOpen(): void {
    if (this.#closed) throw new StorageError('closed', 'the database is closed');
  }
}

async function outcome<T>(work: () => T | Promise<T>): Promise<Settled<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    return { error };
  }
}

type Ask = <T>(work: () => T | Promise<T>, lost: Lost) => Promise<T>;

class SimulatedTransaction implements Transaction {
  readonly #ask: Ask;
  readonly #server: Server;
  readonly #session: Session;
  #over = false;
  #failure: { error: unknown } | undefined;

  constructor(ask: Ask, server: Server, session: Session) {
    this.#ask = ask;
    this.#server = server;
    this.#session = session;
  }

  query<R extends Row = Row>(text: string, values: readonly SqlValue[] = []): Promise<R[]> {
    return this.#attempt(async () => {
      await this.#server.enter(this.#session);
      return this.#server.write(this.#session, text, values) as R[];
    });
  }

  now(): Promise<number> {
    return this.#attempt(() => this.#server.now());
  }

  /** The writer's place is the lock that covers all others. */
  lock(): Promise<void> {
    return this.#attempt(() => this.#server.enter(this.#session));
  }

  notify(channel: string): Promise<void> {
    return this.#attempt(() => {
      this.#session.hints.add(channel);
    });
  }

  script(text: string): Promise<void> {
    return this.#attempt(async () => {
      await this.#server.enter(this.#session);
      this.#server.script(text);
    });
  }

  settle(): void {
    this.#over = true;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  end(): void {
    this.#over = true;
  }

  async #attempt<T>(work: () => T | Promise<T>): Promise<T> {
    if (this.#over) throw new Error('the transaction is over');
    if (this.#failure !== undefined) throw this.#failure.error;
    try {
      return await this.#ask(() => {
        if (this.#session.state === 'dead') throw broken();
        return work();
      }, 'unavailable');
    } catch (error) {
      this.#failure ??= { error };
      throw error;
    }
  }
}
