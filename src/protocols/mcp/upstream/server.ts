import type { Clock } from '../../../core/clock.ts';
import type { ServerCatalog } from '../../../core/manifest.ts';
import type { Run } from '../../../core/principal.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import { visibleText } from '../../../core/visible-text.ts';
import type { Egress } from '../../../enforcement/index.ts';
import type { ClientFacts, Era, OpenOptions, UpstreamLimits, UpstreamSettings, UpstreamStatus } from '../upstream.ts';
import { ERAS } from '../upstream.ts';
import { Backoff } from './backoff.ts';
import { CatalogKeeper } from './catalog-keeper.ts';
import { exposureOf } from './exposure.ts';
import { discover, initialize, type Shaken } from './handshake.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { linksTo } from './links.ts';
import { Session } from './session.ts';

export type ServerContext = {
  egress: Egress;
  clock: Clock;
  /** The gateway as a client of its own, reading catalogs. */
  client: ClientFacts;
  nextId(): number;
  catalogChanged(catalog: ServerCatalog): void;
  /** The stop list. */
  stopped(server: string, run: Run | undefined): Refusal | undefined;
};

/** Who a session is for: a run, or the gateway itself. */
type Owner = Run | undefined;
type Entry = { session: Session; owner: Owner; leaving: boolean };
type Opened = Session | Refusal | { kind: 'other_era'; why: string };

/** The key in `Backoff` that stands for the server as a whole. */
const EVERYBODY = '';
const ERROR_CHARACTERS_MAX = 500;

/** One upstream: its sessions, what is known of it, and when it may be tried again. */
export class UpstreamServer {
  readonly settings: UpstreamSettings;
  readonly keeper: CatalogKeeper;
  readonly #context: ServerContext;
  readonly #limits: UpstreamLimits;
  readonly #backoff: Backoff;
  readonly #links: ReturnType<typeof linksTo>;
  readonly #sessions = new Map<string, Entry>();
  readonly #opening = new Map<string, Promise<Opened>>();
  readonly #speaks = new Map<Era, boolean>();
  #closed = false;
  #restarts = 0;
  #dropped = 0;
  #last_error: string | undefined;

  constructor(settings: UpstreamSettings, context: ServerContext) {
    this.settings = settings;
    this.#context = context;
    this.#limits = { ...DEFAULT_LIMITS, ...settings.limits };
    this.#backoff = new Backoff(context.clock);
    this.keeper = new CatalogKeeper({
      clock: context.clock,
      limits: this.#limits,
      client: context.client,
      over_http: settings.transport.kind === 'http',
      nextId: context.nextId,
      open: async () => this.open(undefined, {}),
      changed: context.catalogChanged,
      failed: (why) => this.#note(why),
    });
    this.#links = linksTo(settings.transport, context.egress, {
      clock: context.clock,
      limits: this.#limits,
      dropped: () => {
        this.#dropped += 1;
      },
      listChanged: () => this.keeper.changed(),
      mirrored: (tool) => this.keeper.mirrored(tool),
    });
  }

  /** Synchronous where the session stands. */
  open(owner: Owner, options: OpenOptions): Session | Refusal | Promise<Session | Refusal> {
    const order = this.#order(options.prefer);
    const key = this.#keyOf(order[0] as Era, owner, options);
    const entry = this.#sessions.get(key);
    if (entry !== undefined) {
      entry.session.touch();
      return entry.session;
    }
    if (this.#closed) return refuse('upstream_unavailable', `${this.settings.server} is not served any more`);
    const stopped = this.#context.stopped(this.settings.server, owner);
    if (stopped !== undefined) return stopped;
    return this.#backoff.waiting(EVERYBODY) ?? this.#backoff.waiting(key) ?? this.#establish(order, owner, options);
  }

  /** A stopped run's child may be at work with nothing in flight; a stop means that it ends. */
  review(): void {
    for (const entry of [...this.#sessions.values()]) {
      const stop = this.#context.stopped(this.settings.server, entry.owner);
      if (stop !== undefined) this.#leave(entry, stop.code);
    }
  }

  /** Closes what nobody has used for long, and what belongs to a run whose time is up. */
  sweep(): void {
    const now = this.#context.clock.now();
    for (const entry of [...this.#sessions.values()]) {
      const idle = entry.session.idle_ms > this.#limits.session_idle_ms_max;
      if (idle && !this.keeper.isWatching(entry.session)) this.#leave(entry, 'idle');
      else if ((entry.owner?.expires_at ?? now) < now) this.#leave(entry, 'the run expired');
    }
  }

  status(): UpstreamStatus {
    const waiting = this.#backoff.waiting(EVERYBODY) !== undefined;
    return {
      server: this.settings.server,
      state: waiting ? 'waiting' : this.#sessions.size > 0 ? 'ready' : 'idle',
      eras: ERAS.filter((era) => this.#speaks.get(era) === true),
      sessions: this.#sessions.size,
      restarts: this.#restarts,
      dropped: this.#dropped,
      last_error: this.#last_error,
      ...exposureOf(this.settings),
    };
  }

  async close(why: string): Promise<void> {
    this.#closed = true;
    this.keeper.close();
    for (const entry of [...this.#sessions.values()]) this.#leave(entry, why);
    await Promise.all(this.#opening.values());
    await this.#links.close();
  }

  #order(prefer: Era | undefined): Era[] {
    if (this.settings.era !== undefined) return [this.settings.era];
    const order = prefer === '2025-11-25' ? [...ERAS].reverse() : [...ERAS];
    const possible = order.filter((era) => this.#speaks.get(era) !== false);
    return possible.length > 0 ? possible : order;
  }

  /** Stateless requests over HTTP have no session that one run could leave something in for another. */
  #isOfOneRun(era: Era): boolean {
    return !this.settings.shared && !(era === '2026-07-28' && this.settings.transport.kind === 'http');
  }

  #keyOf(era: Era, owner: Owner, { scope = '' }: OpenOptions): string {
    if (!this.#isOfOneRun(era)) return `${era} of all`;
    return owner === undefined ? `${era} gateway` : `${era} run ${owner.id} ${scope}`;
  }

  async #establish(order: readonly Era[], owner: Owner, options: OpenOptions): Promise<Session | Refusal> {
    const reasons: string[] = [];
    for (const era of order) {
      const opened = await this.#openOnce(era, owner, options);
      if (opened instanceof Session) return opened;
      if (isRefusal(opened)) return opened;
      this.#speaks.set(era, false);
      reasons.push(`${era}: ${opened.why}`);
    }
    // Nothing that was thought of it holds; the next attempt asks anew.
    this.#speaks.clear();
    const why = `no common protocol version (${reasons.join('; ')})`;
    this.#note(why);
    this.#backoff.failed(EVERYBODY, why);
    return refuse('upstream_failed', why);
  }

  #openOnce(era: Era, owner: Owner, options: OpenOptions): Promise<Opened> | Opened {
    const key = this.#keyOf(era, owner, options);
    const entry = this.#sessions.get(key);
    if (entry !== undefined) return entry.session;
    const running = this.#opening.get(key);
    if (running !== undefined) return running;
    const full = this.#makeRoom(owner);
    if (full !== undefined) return full;
    const opening = this.#connect(era, key, owner, options).finally(() => this.#opening.delete(key));
    this.#opening.set(key, opening);
    return opening;
  }

  async #connect(era: Era, key: string, owner: Owner, options: OpenOptions): Promise<Opened> {
    const { clock, nextId } = this.#context;
    const link = this.#links.connect();
    const time = new AbortController();
    const { open_ms_max } = this.#limits;
    const cancel = clock.after(open_ms_max, () => time.abort());
    const hand = { client: this.#clientOf(owner, options), clock, nextId, open_ms_max, signal: time.signal };
    const stdio = this.settings.transport.kind === 'stdio';
    const shaken = era === '2026-07-28' ? await discover(link, hand, stdio) : await initialize(link, hand);
    cancel();
    if (shaken.kind === 'introduced' && !this.#closed && !link.closed) {
      const session = new Session(this.settings.server, link, shaken.introduction, clock);
      this.#enter(key, session, owner);
      return session;
    }
    link.close('it was not opened');
    return this.#notOpened(shaken, time.signal.aborted);
  }

  #notOpened(shaken: Shaken, late: boolean): Opened {
    if (shaken.kind === 'other_era') return shaken;
    const refusal = late
      ? refuse('upstream_timed_out', `it was not ready within ${this.#limits.open_ms_max} ms`)
      : isRefusal(shaken)
        ? shaken
        : refuse('upstream_unavailable', 'it closed while it was being opened');
    this.#note(refusal.reason);
    this.#backoff.failed(EVERYBODY, refusal.reason);
    return refusal;
  }

  /** A shared session answers for nobody in particular: what its server asks would have no owner. */
  #clientOf(owner: Owner, { client }: OpenOptions): ClientFacts {
    const own = this.#context.client;
    if (this.settings.shared) return { ...own, capabilities: {} };
    return owner === undefined ? own : (client ?? { ...own, capabilities: {} });
  }

  #enter(key: string, session: Session, owner: Owner): void {
    const entry: Entry = { session, owner: this.#isOfOneRun(session.era) ? owner : undefined, leaving: false };
    this.#sessions.set(key, entry);
    this.#speaks.set(session.era, true);
    this.#backoff.recovered(EVERYBODY);
    session.onClose((why) => {
      if (this.#sessions.get(key) === entry) this.#sessions.delete(key);
      if (entry.leaving) return;
      this.#restarts += 1;
      this.#note(why);
      // A session over HTTP may simply expire, and what is known of the server with it; a process did not have to end.
      if (this.settings.transport.kind === 'http') this.#speaks.delete(session.era);
      else {
        this.#backoff.failed(key, why, this.#context.clock.monotonic() - session.opened_at);
      }
    });
  }

  #leave(entry: Entry, why: string): void {
    entry.leaving = true;
    entry.session.close(why);
  }

  /** One run may have half of the places at most: whoever takes all of them would take the server from the others. */
  #makeRoom(owner: Owner): Refusal | undefined {
    const { sessions_max } = this.#limits;
    const own = [...this.#sessions.values()].filter(
      (entry) => entry.owner !== undefined && entry.owner.id === owner?.id,
    );
    if (own.length >= Math.max(1, Math.ceil(sessions_max / 2))) {
      return this.#leaveIdle(own) ? undefined : refuse('upstream_unavailable', `one run uses ${own.length} sessions`);
    }
    if (this.#sessions.size + this.#opening.size < sessions_max || this.#leaveIdle(this.#sessions.values()))
      return undefined;
    return refuse('upstream_unavailable', `all ${sessions_max} sessions of ${this.settings.server} are in use`);
  }

  /** Ends the one that was not used for longest, if any is not in use. */
  #leaveIdle(entries: Iterable<Entry>): boolean {
    let longest: Entry | undefined;
    for (const entry of entries) {
      const { idle_ms } = entry.session;
      if (idle_ms > (longest?.session.idle_ms ?? 0) && !this.keeper.isWatching(entry.session)) longest = entry;
    }
    if (longest === undefined) return false;
    this.#leave(longest, 'its place was needed');
    return true;
  }

  /** What a server says about itself in an error is text of its own choosing. */
  #note(why: string): void {
    this.#last_error = visibleText(why).slice(0, ERROR_CHARACTERS_MAX);
  }
}
