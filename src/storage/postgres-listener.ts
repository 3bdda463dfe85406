import pg from 'pg';
import type { Clock } from '../core/clock.ts';
import type { Hints } from './hints.ts';

const PING_EVERY_MS = 5_000;
const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 5_000;

/**
 * One connection of its own that listens, since LISTEN belongs to a connection and the pool's come and go. Lost hints are
 * made good by the poll behind them, so this only has to come back: after every reconnection all listeners are told,
 * because something may have been missed, and a ping finds the connection that died without a word.
 */
export class PostgresListener {
  readonly #options: pg.ClientConfig;
  readonly #clock: Clock;
  readonly #hints: Hints;
  #client: pg.Client | undefined;
  #started = false;
  #closed = false;
  #retry_ms = RETRY_MS_MIN;
  #cancel: () => void = () => {};

  constructor(options: pg.ClientConfig, clock: Clock, hints: Hints) {
    this.#options = options;
    this.#clock = clock;
    this.#hints = hints;
  }

  /** Listens on what `hints` has listeners for; called again when there is a new channel. */
  listen(channel: string): void {
    if (!this.#started) {
      this.#started = true;
      void this.#connect();
    } else if (this.#client !== undefined) {
      void this.#say(this.#client, `listen ${quoted(channel)}`);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => {});
  }

  async #connect(): Promise<void> {
    const client = new pg.Client(this.#options);
    let lost = false;
    const lose = (): void => {
      if (lost) return;
      lost = true;
      this.#lost(client);
    };
    client.on('error', lose);
    client.on('end', lose);
    client.on('notification', ({ channel }) => this.#hints.send(channel));
    try {
      await client.connect();
      for (const channel of this.#hints.channels) await client.query(`listen ${quoted(channel)}`);
    } catch {
      lose();
      return;
    }
    if (this.#closed || lost) {
      await client.end().catch(() => {});
      return;
    }
    this.#client = client;
    this.#retry_ms = RETRY_MS_MIN;
    // Also those that joined while it was connecting, and whatever was said meanwhile.
    for (const channel of this.#hints.channels) void this.#say(client, `listen ${quoted(channel)}`);
    this.#hints.sendAll();
    this.#watch(client);
  }

  #watch(client: pg.Client): void {
    this.#cancel = this.#clock.after(PING_EVERY_MS, async () => {
      if (await this.#say(client, 'select 1')) this.#watch(client);
    });
  }

  /** A query that fails here means a connection that is not to be trusted. */
  async #say(client: pg.Client, text: string): Promise<boolean> {
    try {
      await client.query(text);
      return true;
    } catch {
      this.#lost(client);
      return false;
    }
  }

  #lost(client: pg.Client): void {
    void client.end().catch(() => {});
    if (this.#closed || (this.#client !== undefined && this.#client !== client)) return;
    this.#client = undefined;
    this.#cancel();
    this.#cancel = this.#clock.after(this.#retry_ms, () => void this.#connect());
    this.#retry_ms = Math.min(this.#retry_ms * 2, RETRY_MS_MAX);
  }
}

function quoted(channel: string): string {
  return pg.escapeIdentifier(channel);
}
