import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Row, type SqlValue, StorageError, type Transaction } from '../../src/storage/index.ts';
import { SqliteConnection } from '../../src/storage/sqlite-connection.ts';
import { sqliteError } from '../../src/storage/sqlite-errors.ts';
import type { Chance } from './chance.ts';
import type { Loop } from './loop.ts';
import { EPOCH_MS } from './process.ts';

const LOCK_WAIT_MS_MAX = 1_500;
/**
 * As PostgreSQL's `idle_in_transaction_session_timeout`, and shorter than the product sets it, since here whoever writes
 * keeps all others from writing.
 */
const IDLE_MS_MAX = 400;

/** One transaction's place at the server. Dead once its connection is, or the server was restarted. */
export type Session = { client: string; state: 'idle' | 'writing' | 'dead'; hints: Set<string>; used_at: number };

/**
 * The database server: real SQL on SQLite, seen through PostgreSQL's eyes. Who reads sees what is committed and waits for
 * nobody; who writes holds the writer's place to the end of the transaction, which is stricter than PostgreSQL (real
 * concurrency is what the suites on PostgreSQL are for) and gives commits one order, the truth that the judge goes by.
 */
export class Server {
  readonly #loop: Loop;
  readonly #chance: Chance;
  readonly #folder = mkdtempSync(join(tmpdir(), 'sallyport-simulate-'));
  readonly #writer: SqliteConnection;
  readonly #reader: SqliteConnection;
  readonly #queue: { session: Session; enter: () => void }[] = [];
  #holder: Session | undefined;
  #wallOffset = 0;
  #downUntil = 0;
  #slowUntil = 0;
  /** Called after each commit, before anybody learns of it. */
  committed: (client: string) => void = () => {};
  /** Called with a channel once its hint may be sent. */
  hint: (channel: string) => void = () => {};

  constructor(loop: Loop, chance: Chance) {
    this.#loop = loop;
    this.#chance = chance;
    const path = join(this.#folder, 'database');
    this.#writer = new SqliteConnection(path, { readOnly: false });
    // No crash of this machine is simulated below SQLite, so nothing here need reach the disk.
    this.#writer.script('pragma journal_mode = wal; pragma synchronous = off; pragma wal_autocheckpoint = 0');
    this.#reader = new SqliteConnection(path, { readOnly: true });
  }

  close(): void {
    this.#reader.close();
    this.#writer.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** For the world's own set-up and for the judge, outside of time. */
  script(text: string): void {
    this.#writer.script(text);
  }

  look<R extends Row = Row>(text: string, values: readonly SqlValue[] = []): R[] {
    return this.#reader.rows(text, values) as R[];
  }

  /** A transaction of the world's own, in its turn like everybody's, with no network in between. */
  async change(statement: (query: Transaction['query']) => Promise<unknown>): Promise<void> {
    const session = this.open('world');
    await this.enter(session);
    await statement(async <R extends Row>(text: string, values: readonly SqlValue[] = []) => {
      return this.#writer.rows(text, values) as R[];
    });
    this.commit(session);
  }

  now(): number {
    return Math.floor(EPOCH_MS + this.#loop.now + this.#wallOffset);
  }

  jump(ms: number): void {
    this.#wallOffset += ms;
  }

  get down(): boolean {
    return this.#loop.now < this.#downUntil;
  }

  /** Every connection breaks; what was not committed is gone. */
  restart(ms: number): void {
    this.#downUntil = this.#loop.now + ms;
    for (const { session } of this.#queue.splice(0)) session.state = 'dead';
    if (this.#holder !== undefined) this.end(this.#holder);
  }

  /** The client's machine is gone, and its connections with it. */
  disconnect(client: string): void {
    for (const { session } of this.#queue) if (session.client === client) session.state = 'dead';
    if (this.#holder?.client === client) this.end(this.#holder);
  }

  slow(ms: number): void {
    this.#slowUntil = this.#loop.now + ms;
  }

  heal(): void {
    this.#downUntil = 0;
    this.#slowUntil = 0;
  }

  /** How long the disk takes for a commit. */
  flush(): number {
    return this.#chance.between(0.1, this.#loop.now < this.#slowUntil ? 700 : 1.5);
  }

  open(client: string): Session {
    return { client, state: 'idle', hints: new Set(), used_at: 0 };
  }

  /** A statement outside of any transaction. */
  read(text: string, values: readonly SqlValue[]): Row[] {
    return mapped(() => this.#reader.rows(text, values));
  }

  /** @throws StorageError `unavailable` where the wait for other writers is too long. */
  async enter(session: Session): Promise<void> {
    if (session.state === 'dead') throw broken();
    if (session.state === 'writing') return;
    if (this.#holder !== undefined) await this.#wait(session);
    if (isDead(session)) {
      if (this.#holder === session) this.#next();
      throw broken();
    }
    this.#holder = session;
    session.state = 'writing';
    this.#writer.script('begin immediate');
    session.used_at = this.#loop.now;
    this.#endWhenIdle(session);
  }

  write(session: Session, text: string, values: readonly SqlValue[]): Row[] {
    if (session.state !== 'writing') throw broken();
    session.used_at = this.#loop.now;
    return mapped(() => this.#writer.rows(text, values));
  }

  /** Waits for the disk, then commits. */
  async flushed(session: Session): Promise<void> {
    const ms = this.flush();
    session.used_at = this.#loop.now + ms;
    await this.#loop.pause(ms);
    this.commit(session);
  }

  commit(session: Session): void {
    if (session.state === 'dead') throw broken();
    if (session.state === 'writing') {
      this.#writer.script('commit');
      this.committed(session.client);
      this.#leave(session);
    }
    for (const channel of session.hints) this.hint(channel);
  }

  /** Rolls back whatever is open and forgets the session. */
  end(session: Session): void {
    const wasWriting = session.state === 'writing';
    session.state = 'dead';
    if (!wasWriting) return;
    this.#writer.script('rollback');
    this.#leave(session);
  }

  #endWhenIdle(session: Session): void {
    this.#loop.after(session.used_at + IDLE_MS_MAX - this.#loop.now, () => {
      if (session.state !== 'writing') return;
      if (this.#loop.now - session.used_at > IDLE_MS_MAX - 1) this.end(session);
      else this.#endWhenIdle(session);
    });
  }

  #leave(session: Session): void {
    session.state = 'dead';
    this.#holder = undefined;
    this.#next();
  }

  #next(): void {
    this.#holder = undefined;
    this.#queue.shift()?.enter();
  }

  #wait(session: Session): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = {
        session,
        enter: () => {
          giveUp();
          this.#holder = session;
          resolve();
        },
      };
      const giveUp = this.#loop.after(LOCK_WAIT_MS_MAX, () => {
        const at = this.#queue.indexOf(waiting);
        if (at < 0) return;
        this.#queue.splice(at, 1);
        reject(new StorageError('unavailable', 'canceling statement due to lock timeout'));
      });
      this.#queue.push(waiting);
    });
  }
}

function mapped(work: () => Row[]): Row[] {
  try {
    return work();
  } catch (error) {
    throw sqliteError(error);
  }
}

export function broken(): StorageError {
  return new StorageError('unavailable', 'terminating connection');
}

/** For the compiler, which does not know that others change the session while somebody waits. */
function isDead(session: Session): boolean {
  return session.state === 'dead';
}
