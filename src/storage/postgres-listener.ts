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
  /** The connection of now, from before it is made until it is lost. */
  #client: pg.Client | undefined;
  #ready = false;
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
    } else if (this.#client !== undefined && this.#ready) {
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
    this.#client = client;
    this.#ready = false;
    client.on('error', () => this.#lost(client));
    client.on('end', () => this.#lost(client));
    client.on('notification', ({ channel }) => this.#hints.send(channel));
    try {
      await client.connect();
    } catch {
      this.#lost(client);
      return;
    }
    if (this.#client !== client) {
      await client.end().catch(() => {});
      return;
    }
    this.#ready = true;
    this.#retry_ms = RETRY_MS_MIN;
    const listening = this.#hints.channels.map((channel) => this.#say(client, `listen ${quoted(channel)}`));
    if ((await Promise.all(listening)).includes(false)) return;
    // Whatever was said while nobody listened.
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

  /** Once for each connection, however many ways its end is told. */
  #lost(client: pg.Client): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    void client.end().catch(() => {});
    this.#cancel();
    if (this.#closed) return;
    this.#cancel = this.#clock.after(this.#retry_ms, () => void this.#connect());
    this.#retry_ms = Math.min(this.#retry_ms * 2, RETRY_MS_MAX);
  }
}

function quoted(channel: string): string {
  return pg.escapeIdentifier(channel);
}
