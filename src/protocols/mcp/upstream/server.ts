import { Canceller, FirstOf } from '../../../core/cancellation.ts';
import type { Clock } from '../../../core/clock.ts';
import type { ManifestPart, ServerManifest } from '../../../core/manifest.ts';
import type { Run } from '../../../core/principal.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import type { CredentialSource, OnBehalf } from '../../../core/upstream-credential.ts';
import { visibleText } from '../../../core/visible-text.ts';
import type { Egress } from '../../../enforcement/index.ts';
import type {
  ClientFacts,
  Era,
  OpenOptions,
  ReadCatalog,
  UpstreamLimits,
  UpstreamSettings,
  UpstreamStatus,
} from '../upstream.ts';
import { ERAS } from '../upstream.ts';
import { Backoff } from './backoff.ts';
import { CatalogKeeper } from './catalog-keeper.ts';
import { exposureOf } from './exposure.ts';
import { discover, initialize, type Shaken } from './handshake.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { linksTo } from './links.ts';
import { addressPart, programPart } from './manifest.ts';
import { Session } from './session.ts';

export type ServerContext = {
  egress: Egress;
  clock: Clock;
  /** The gateway as a client of its own, reading catalogs. */
  client: ClientFacts;
  nextId(): number;
  catalogChanged(catalog: ReadCatalog): void;
  manifests: ManifestWatch;
  list_age_ms_max(): number;
  /** The stop list. */
  stopped(server: string, run: Run | undefined): Refusal | undefined;
  credential: CredentialSource;
};

/** Who knows what was approved of a server. */
export interface ManifestWatch {
  /** Before anything is started or sent: why what is there now may not be used; undefined where it may. */
  admit(server: string, origin: ManifestPart): Refusal | undefined;
  /** Resolves when what differs from what was approved is stopped. */
  observe(manifest: ServerManifest, whole: boolean): Promise<void>;
}

/** Who a session is for: a run, or the gateway itself. */
type Owner = Run | undefined;
type Entry = {
  session: Session;
  owner: Owner;
  leaving: boolean;
  /** Of the credential that its child was started with. */
  given: string | undefined;
};
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
  readonly #over = new Canceller();
  #restarts = 0;
  #dropped = 0;
  #last_error: string | undefined;
  #origin: ManifestPart;
  /** Why what is there now was not admitted. */
  #unfit: Refusal | undefined;

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
      origin: () => this.#origin,
      observe: context.manifests.observe,
      list_age_ms_max: context.list_age_ms_max,
      unfit: () => this.#unfit,
      changed: context.catalogChanged,
      failed: (why) => this.#note(why),
    });
    const { transport } = settings;
    this.#origin = transport.kind === 'http' ? addressPart(transport.url, null) : programPart({});
    const common = {
      clock: context.clock,
      limits: this.#limits,
      dropped: () => {
        this.#dropped += 1;
      },
      mirrored: (tool: string) => this.keeper.mirrored(tool),
      server: settings.server,
      credential: context.credential,
    };
    this.#links = linksTo(transport, context.egress, common, (key) => this.#admitsKey(key));
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

  /** Credentials changed. What a child was started with stays in it: one that would be given something else now ends. */
  async reviewCredentials(): Promise<void> {
    for (const entry of [...this.#sessions.values()].filter(({ given }) => given !== undefined)) {
      const on = entry.owner === undefined ? undefined : { run: entry.owner };
      const now = await this.#context.credential(this.settings.server, on);
      const id = now?.kind === 'credential' ? now.id : undefined;
      if (id !== entry.given && !entry.leaving) this.#leave(entry, 'its credential changed');
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
    // A server that never introduces itself would have everybody wait until its time is up.
    this.#over.cancel();
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
    const own: OnBehalf | undefined = owner !== undefined && this.#isOfOneRun(era) ? { run: owner } : undefined;
    const credential = await this.#context.credential(this.settings.server, own);
    // What one run may not be shown says nothing about the server, so that nobody else waits for it.
    if (isRefusal(credential)) return credential;
    const account = credential === undefined ? EVERYBODY : `${key} with ${credential.id}`;
    const waiting = this.#backoff.waiting(account);
    if (waiting !== undefined) return waiting;
    const unfit = await this.#identify();
    if (unfit !== undefined) return unfit;
    const entered: { session?: Session } = {};
    const link = this.#links.connect({ own, credential, listChanged: () => this.keeper.changed(entered.session) });
    const time = new FirstOf(this.#over);
    const { open_ms_max } = this.#limits;
    const cancel = clock.after(open_ms_max, () => time.cancel());
    const hand = { client: this.#clientOf(owner, options), clock, nextId, open_ms_max, late: time };
    const stdio = this.settings.transport.kind === 'stdio';
    const shaken = era === '2026-07-28' ? await discover(link, hand, stdio) : await initialize(link, hand);
    cancel();
    time.release();
    if (shaken.kind === 'introduced' && !this.#closed && !link.closed) {
      const session = new Session(this.settings.server, link, shaken.introduction, clock);
      entered.session = session;
      this.#enter(key, session, owner, stdio ? credential?.id : undefined);
      return session;
    }
    link.close('it was not opened');
    // A credential that was not accepted says nothing about the server: whoever shows another need not wait.
    const refused = link.last_status === 401 || link.last_status === 403;
    return this.#notOpened(shaken, time.cancelled, refused ? account : EVERYBODY);
  }

  /** What is about to be started is what was approved; over TLS each connection tells. */
  async #identify(): Promise<Refusal | undefined> {
    const { transport, server } = this.settings;
    this.#unfit = undefined;
    if (transport.kind === 'stdio') {
      const { command, env, cwd } = transport;
      const program = cwd === undefined ? { command, env } : { command, env, cwd };
      this.#origin = programPart(await this.#context.egress.identify(program));
    } else if (transport.url.startsWith('https:')) return undefined;
    return this.#context.manifests.admit(server, this.#origin);
  }

  /** Also of a session that has long been open. */
  #admitsKey(key: string): boolean {
    const { transport, server } = this.settings;
    if (transport.kind !== 'http') return true;
    this.#origin = addressPart(transport.url, key);
    this.#unfit = this.#context.manifests.admit(server, this.#origin);
    return this.#unfit === undefined;
  }

  #notOpened(shaken: Shaken, late: boolean, waits: string): Opened {
    if (this.#unfit !== undefined) return this.#unfit;
    if (this.#closed) return refuse('upstream_unavailable', `${this.settings.server} is not served any more`);
    if (shaken.kind === 'other_era') return shaken;
    const refusal = late
      ? refuse('upstream_timed_out', `it was not ready within ${this.#limits.open_ms_max} ms`)
      : isRefusal(shaken)
        ? shaken
        : refuse('upstream_unavailable', 'it closed while it was being opened');
    this.#note(refusal.reason);
    this.#backoff.failed(waits, refusal.reason, waits === EVERYBODY ? {} : { refusal });
    return refusal;
  }

  /** A shared session answers for nobody in particular: what its server asks would have no owner. */
  #clientOf(owner: Owner, { client }: OpenOptions): ClientFacts {
    const own = this.#context.client;
    if (this.settings.shared) return { ...own, capabilities: {} };
    return owner === undefined ? own : (client ?? { ...own, capabilities: {} });
  }

  #enter(key: string, session: Session, owner: Owner, given: string | undefined): void {
    const entry: Entry = { session, owner: this.#isOfOneRun(session.era) ? owner : undefined, leaving: false, given };
    this.#sessions.set(key, entry);
    this.#speaks.set(session.era, true);
    this.keeper.compare(session.introduction);
    this.#backoff.recovered(EVERYBODY);
    session.onClose((why) => {
      if (this.#sessions.get(key) === entry) this.#sessions.delete(key);
      if (entry.leaving) return;
      this.#restarts += 1;
      this.#note(why);
      // A session over HTTP may simply expire, and what is known of the server with it; a process did not have to end.
      if (this.settings.transport.kind === 'http') this.#speaks.delete(session.era);
      else {
        this.#backoff.failed(key, why, { lasted_ms: this.#context.clock.monotonic() - session.opened_at });
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
