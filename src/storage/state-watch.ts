import type { Clock } from '../core/clock.ts';
import type { Database, Row, Transaction } from './database.ts';
import { within } from './deadline.ts';
import type { Migration } from './migrate.ts';

/**
 * One number, raised by every change of what decisions rest on (policy, stop list, agents, keys, pins), in the transaction
 * of the change. Replicas follow it by polling. A poll that succeeds is a lease: the replica knows of every change that
 * was committed before the poll was *sent*, so it may forward for one second from then on its monotonic clock. Whatever
 * goes wrong (no answer, a slow listener, an older database put back, a clock that ran backwards) ends in no lease.
 */
export interface StateWatch {
  /** The newest version whose listeners have all finished. 0 before `start`. */
  version(): number;
  leased(): boolean;
  /** The same, with the operator's reason when there is none. */
  lease(): Lease;
  /** `listener` is awaited before `version()` advances; `topics` are those changed since the version before. */
  onChange(listener: StateListener): () => void;
  /**
   * Raises the version. Call it first in the transaction of a change: it holds the state's lock to the end, so changes
   * come one after another, and no intent commits between a change and its taking effect.
   */
  bump(tx: Transaction, topic: string): Promise<number>;
  /** The version as of now, which cannot change before `tx` ends: what an intent compares with. */
  confirm(tx: Transaction): Promise<number>;
  /** Resolves after a poll that was sent after the call, whatever came of it. */
  poll(): Promise<void>;
  /** First poll, then one every quarter of a second and after every hint. */
  start(): Promise<void>;
  stop(): void;
}

export type Lease = { held: true } | { held: false; reason: string };
export type StateListener = (version: number, topics: ReadonlySet<string>) => Promise<void> | void;

export const LEASE_MS = 1_000;
const POLL_EVERY_MS = 250;
const LISTENERS_MS_MAX = 5_000;
const CHANNEL = 'sallyport_state';
const LOCK = 'state';
/** The row that counts; the others name the version at which their topic last changed. */
const TOTAL = '*';

export const stateMigrations: readonly Migration[] = [
  {
    id: 'storage/0001-state',
    sql: `create table state (topic text primary key, version bigint not null, changed_at bigint not null);
          insert into state (topic, version, changed_at) values ('${TOTAL}', 1, 0);`,
  },
];

type StateRow = Row & { topic: string; version: number; changed_at: number };

export function openStateWatch(options: { db: Database; clock: Clock }): StateWatch {
  return new Watch(options.db, options.clock);
}

class Watch implements StateWatch {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #listeners = new Set<StateListener>();
  #version = 0;
  #leaseEnds: number | undefined;
  #reason = 'the state has not been read yet';
  /** The latest the database's clock was ever seen to stand at. */
  #clockSeen = 0;
  #current: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #halt: () => void = () => {};
  #stopped = false;

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  version(): number {
    return this.#version;
  }

  leased(): boolean {
    return this.#leaseEnds !== undefined && this.#clock.monotonic() < this.#leaseEnds;
  }

  lease(): Lease {
    if (this.leased()) return { held: true };
    if (this.#leaseEnds === undefined) return { held: false, reason: this.#reason };
    return { held: false, reason: `no poll of the state has succeeded for ${LEASE_MS} ms` };
  }

  onChange(listener: StateListener): () => void {
    // Wrapped, so that one function may listen twice and end once.
    const own: StateListener = (version, topics) => listener(version, topics);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  async bump(tx: Transaction, topic: string): Promise<number> {
    await tx.lock(LOCK);
    const now = await tx.now();
    const raised = await tx.query<StateRow>(
      `update state set version = version + 1, changed_at = case when changed_at > $1 then changed_at else $1 end
       where topic = $2 returning version`,
      [now, TOTAL],
    );
    const version = raised[0]!.version;
    await tx.query(
      `insert into state (topic, version, changed_at) values ($1, $2, $3)
       on conflict (topic) do update set version = excluded.version, changed_at = excluded.changed_at`,
      [topic, version, now],
    );
    await tx.notify(CHANNEL);
    return version;
  }

  async confirm(tx: Transaction): Promise<number> {
    await tx.lock(LOCK, 'shared');
    const rows = await tx.query<StateRow>('select version from state where topic = $1', [TOTAL]);
    return rows[0]!.version;
  }

  poll(): Promise<void> {
    if (this.#current === undefined) return this.#begin();
    // The poll under way may have been answered before what the caller wants to see: one more, shared by all who wait.
    this.#next ??= this.#current.then(() => {
      this.#next = undefined;
      return this.#begin();
    });
    return this.#next;
  }

  async start(): Promise<void> {
    this.#stopped = false;
    const unlisten = this.#db.listen(CHANNEL, () => void this.poll());
    let cancel = (): void => {};
    const again = (): void => {
      cancel = this.#clock.after(POLL_EVERY_MS, () => {
        void this.poll();
        again();
      });
    };
    this.#halt = () => {
      unlisten();
      cancel();
    };
    again();
    await this.poll();
  }

  stop(): void {
    this.#stopped = true;
    this.#halt();
    this.#lose('stopped');
  }

  #begin(): Promise<void> {
    const sent = this.#clock.monotonic();
    const poll = this.#read(sent).catch((error: unknown) => {
      // The lease of the poll before runs on to its end: it was true when it was sent.
      this.#reason = `the state could not be followed: ${error instanceof Error ? error.message : String(error)}`;
      if (!this.leased()) this.#leaseEnds = undefined;
    });
    this.#current = poll.finally(() => {
      this.#current = undefined;
    });
    return this.#current;
  }

  async #read(sent: number): Promise<void> {
    const { now, rows } = await within(this.#clock, LEASE_MS, this.#ask());
    const total = rows.find((row) => row.topic === TOTAL);
    if (total === undefined) return this.#lose('the database holds no state');
    if (total.version < this.#version) {
      return this.#lose(`the database went back from version ${this.#version} to ${total.version}`);
    }
    this.#clockSeen = Math.max(this.#clockSeen, total.changed_at);
    if (now < this.#clockSeen) {
      return this.#lose(`the database's clock went back by ${this.#clockSeen - now} ms, so expiries cannot be trusted`);
    }
    this.#clockSeen = now;
    if (total.version > this.#version) {
      const topics = new Set(rows.map((row) => row.topic).filter((topic) => topic !== TOTAL));
      await within(this.#clock, LISTENERS_MS_MAX, this.#tell(total.version, topics));
      this.#version = total.version;
    }
    if (!this.#stopped) this.#leaseEnds = sent + LEASE_MS;
  }

  async #ask(): Promise<{ now: number; rows: StateRow[] }> {
    const now = await this.#db.now();
    const rows = await this.#db.query<StateRow>(
      'select topic, version, changed_at from state where version > $1 or topic = $2',
      [this.#version, TOTAL],
    );
    return { now, rows };
  }

  async #tell(version: number, topics: ReadonlySet<string>): Promise<void> {
    await Promise.all([...this.#listeners].map((listener) => listener(version, topics)));
  }

  #lose(reason: string): void {
    this.#reason = reason;
    this.#leaseEnds = undefined;
  }
}
