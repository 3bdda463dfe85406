import { Canceller } from '../../../core/cancellation.ts';
import { type Clock, sleep } from '../../../core/clock.ts';
import { isJsonObject, type JsonObject, writeJson } from '../../../core/json.ts';
import type { ManifestPart, ServerManifest } from '../../../core/manifest.ts';
import { isRefusal, type Refusal } from '../../../core/refusal.ts';
import type { ClientFacts, ReadCatalog, UpstreamLimits } from '../upstream.ts';
import { type CatalogRead, readCatalog } from './catalog.ts';
import { type Introduction, introduceAgain, modernMeta } from './handshake.ts';
import { type Mirrored, mirroredOf } from './headers.ts';
import { BACKOFF_MS_MAX, CATALOG_MS_MIN, CHANGED_MS_MIN } from './limits.ts';
import { withManifest } from './manifest.ts';
import { noSuchMethod } from './messages.ts';
import type { Session } from './session.ts';

export type KeeperContext = {
  clock: Clock;
  limits: UpstreamLimits;
  client: ClientFacts;
  /** Over HTTP tools are held to the rules for header annotations. */
  over_http: boolean;
  nextId(): number;
  /** A session of the gateway's own. */
  open(): Promise<Session | Refusal>;
  /** Where the server was found to be, or which program it is. */
  origin(): ManifestPart;
  /** A catalog is relied on when this resolves: what of it differs from what was approved is stopped by then. */
  observe(manifest: ServerManifest, whole: boolean): Promise<void>;
  list_age_ms_max(): number;
  /** Why what is there now was not admitted, where that is why nothing could be read. */
  unfit(): Refusal | undefined;
  changed(catalog: ReadCatalog): void;
  failed(why: string): void;
};

/**
 * Keeps the catalog of one server: read once, read again when the server says that it changed, after it was lost, and
 * before it is too old. Who relies on it waits for what was read after the last that was heard: a tool that changes must
 * not be called once more by its old description.
 */
export class CatalogKeeper {
  readonly #context: KeeperContext;
  #catalog: ReadCatalog | undefined;
  #mirrored: ReadonlyMap<string, readonly Mirrored[]> = new Map();
  #reading: Promise<ReadCatalog | Refusal> | undefined;
  #soon: Promise<ReadCatalog | Refusal> | undefined;
  /** Whether something was heard since the last reading began. */
  #suspect = false;
  /** Sessions of runs whose server said that what it offers changed: to them it may offer something else. */
  readonly #suspects = new Set<Session>();
  #read_at = Number.NEGATIVE_INFINITY;
  #ttl_ms = 0;
  #changes = false;
  #again: (() => void) | undefined;
  #watched: Session | undefined;
  /** The session whose introduction was read last. */
  #introduced: Session | undefined;
  #failures = 0;
  readonly #over = new Canceller();

  constructor(context: KeeperContext) {
    this.#context = context;
  }

  get known(): ReadCatalog | undefined {
    return this.#catalog;
  }

  mirrored(tool: string): readonly Mirrored[] {
    return this.#mirrored.get(tool) ?? [];
  }

  /** The session that hears of changes, which must not be closed for being idle. */
  isWatching(session: Session): boolean {
    return this.#watched === session && this.#changes;
  }

  get #age_ms(): number {
    return this.#context.clock.monotonic() - this.#read_at;
  }

  get isFresh(): boolean {
    return this.#catalog !== undefined && !this.#suspect && this.#age_ms <= this.#context.list_age_ms_max();
  }

  async get(): Promise<ReadCatalog | Refusal> {
    if (this.#catalog === undefined) return this.#read();
    if (this.#suspect) return this.#readSoon();
    const age_ms_max = this.#context.list_age_ms_max();
    if (this.#age_ms > age_ms_max) return this.#read();
    // A server that tells of changes needs less asking, but one that lies by keeping silent needs some.
    if (this.#age_ms > Math.min(age_ms_max / 2, this.#changes ? age_ms_max : this.#ttl_ms)) void this.#read();
    return this.#catalog;
  }

  /** The server says so, in this session, or is suspected of it. However often: read at most once in `CHANGED_MS_MIN`. */
  changed(session?: Session): void {
    if (this.#over.cancelled) return;
    if (session !== undefined && session !== this.#watched) this.#suspects.add(session);
    this.#suspect = true;
    if (this.#catalog !== undefined) void this.#readSoon();
  }

  close(): void {
    this.#over.cancel();
    this.#again?.();
  }

  #readAfter(wait_ms: number): void {
    this.#again?.();
    this.#again = this.#context.clock.after(wait_ms, () => {
      this.#again = undefined;
      void this.#read();
    });
  }

  #readSoon(): Promise<ReadCatalog | Refusal> {
    this.#soon ??= this.#readNext().finally(() => {
      this.#soon = undefined;
    });
    return this.#soon;
  }

  /** A reading that began before the change was heard may have missed it. */
  async #readNext(): Promise<ReadCatalog | Refusal> {
    await this.#reading;
    await sleep(this.#context.clock, Math.max(0, CHANGED_MS_MIN - this.#age_ms));
    return this.#read();
  }

  #read(): Promise<ReadCatalog | Refusal> {
    this.#reading ??= this.#readOnce().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readOnce(): Promise<ReadCatalog | Refusal> {
    const { clock } = this.#context;
    const session = await this.#context.open();
    if (isRefusal(session)) return this.#failed(session);
    // Watched first: a change during the reading is then heard, and read after it.
    await Promise.race([this.#watch(session), sleep(clock, CATALOG_MS_MIN)]);
    this.#read_at = clock.monotonic();
    this.#suspect = false;
    const read = await this.#readFrom(session);
    if (isRefusal(read)) return this.#failed(this.#context.unfit() ?? read);
    const introduction = await this.#introductionOf(session);
    if (isRefusal(introduction)) return this.#failed(introduction);
    const catalog = withManifest(read.catalog, this.#context.origin(), introduction);
    await this.#compareSuspects(session);
    await this.#context.observe(catalog.manifest, true);
    this.#failures = 0;
    this.#ttl_ms = read.ttl_ms;
    for (const why of read.excluded) this.#context.failed(`left out of the catalog: ${why}`);
    this.#replace(catalog);
    return catalog;
  }

  #readFrom(session: Session): Promise<CatalogRead | Refusal> {
    const { client, limits, nextId, over_http } = this.#context;
    return readCatalog(session, { client, limits, nextId, cancellation: this.#over, checks_headers: over_http });
  }

  /** Where there are no sessions a server may say something else of itself each time; in a session it has said it. */
  async #introductionOf(session: Session): Promise<Introduction | Refusal> {
    const { client, nextId } = this.#context;
    const isFirst = this.#introduced !== session;
    this.#introduced = session;
    if (session.era === '2025-11-25' || isFirst) return session.introduction;
    return introduceAgain(session, { client, nextId }, this.#over);
  }

  /** Agents are told what was approved, whatever a session of theirs is told; but who says two things is not trusted. */
  compare(introduction: Introduction): void {
    const known = this.#catalog;
    if (known === undefined || (known.instructions ?? '').normalize() === (introduction.instructions ?? '').normalize())
      return;
    const said = withManifest(known, this.#context.origin(), { ...introduction, serverInfo: known.serverInfo });
    const part = said.manifest.parts.filter(({ kind }) => kind === 'server');
    void this.#context.observe({ server: known.server, parts: part }, false);
  }

  /** What a server tells one run and not the gateway is compared like the rest; agents are shown none of it. */
  async #compareSuspects(own: Session): Promise<void> {
    const suspects = [...this.#suspects].filter((session) => session !== own && !session.closed);
    this.#suspects.clear();
    for (const session of suspects) {
      const read = await this.#readFrom(session);
      if (isRefusal(read)) continue;
      const found = withManifest(read.catalog, this.#context.origin(), session.introduction);
      const parts = found.manifest.parts.filter(({ kind }) => kind !== 'origin' && kind !== 'server');
      await this.#context.observe({ ...found.manifest, parts }, false);
    }
  }

  #replace(catalog: ReadCatalog): void {
    const before = this.#catalog?.digest;
    this.#catalog = catalog;
    if (before === catalog.digest) return;
    const entries = catalog.tools.map((tool) => [tool.name, mirroredOf(tool.inputSchema)] as const);
    this.#mirrored = new Map(entries.filter((entry): entry is [string, Mirrored[]] => typeof entry[1] !== 'string'));
    this.#context.changed(catalog);
  }

  #failed(refusal: Refusal): Refusal {
    if (this.#over.cancelled) return refusal;
    this.#suspect = true;
    this.#context.failed(refusal.reason);
    this.#failures += 1;
    if (this.#catalog !== undefined) this.#readAfter(Math.min(CATALOG_MS_MIN * 2 ** this.#failures, BACKOFF_MS_MAX));
    return refusal;
  }

  /** Done when changes are heard. */
  #watch(session: Session): Promise<void> {
    if (this.#watched === session) return Promise.resolve();
    this.#watched = session;
    const filter = changesOf(session.capabilities);
    this.#changes = Object.keys(filter).length > 0;
    session.onClose(() => {
      if (this.#watched !== session) return;
      this.#watched = undefined;
      // What changed while nobody listened is not known.
      if (this.#changes) this.#readAfter(CATALOG_MS_MIN);
    });
    if (!this.#changes) return Promise.resolve();
    return new Promise((standing) => {
      if (session.era === '2025-11-25') session.listen(() => {}, standing);
      else void this.#subscribe(session, filter, standing);
    });
  }

  /** 2026-07-28: changes are told on a stream that is asked for. The link notices what is told on it. */
  async #subscribe(session: Session, notifications: JsonObject, standing: () => void): Promise<void> {
    const { nextId, client } = this.#context;
    const method = 'subscriptions/listen';
    const id = nextId();
    const params = { _meta: modernMeta(client), notifications };
    const bytes = writeJson({ jsonrpc: '2.0', id, method, params });
    await session.send(
      { bytes, id, method, params },
      { cancellation: this.#over, onNotification: standing, onRequest: async () => noSuchMethod() },
    );
    standing();
    if (this.#over.cancelled || this.#watched !== session) return;
    this.#watched = undefined;
    this.#failures += 1;
    this.#readAfter(Math.min(CATALOG_MS_MIN * 2 ** this.#failures, BACKOFF_MS_MAX));
  }
}

/** The part of a `subscriptions/listen` filter that fits what the server declares. */
function changesOf(capabilities: JsonObject): JsonObject {
  const filter: JsonObject = {};
  for (const [capability, name] of [
    ['tools', 'toolsListChanged'],
    ['prompts', 'promptsListChanged'],
    ['resources', 'resourcesListChanged'],
  ] as const) {
    const declared = capabilities[capability];
    if (isJsonObject(declared) && declared['listChanged'] === true) filter[name] = true;
  }
  return filter;
}
