import { type Clock, sleep } from '../../../core/clock.ts';
import { isJsonObject, type JsonObject, writeJson } from '../../../core/json.ts';
import type { ServerCatalog } from '../../../core/manifest.ts';
import { isRefusal, type Refusal } from '../../../core/refusal.ts';
import type { ClientFacts, UpstreamLimits } from '../upstream.ts';
import { readCatalog } from './catalog.ts';
import { modernMeta } from './handshake.ts';
import { type Mirrored, mirroredOf } from './headers.ts';
import { BACKOFF_MS_MAX, CATALOG_MS_MIN } from './limits.ts';
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
  changed(catalog: ServerCatalog): void;
  failed(why: string): void;
};

/**
 * Keeps the catalog of one server: read once, read again when the server says that it changed, and after it was lost. A
 * request never waits for a second reading: the catalog before it stays in use until the new one is whole.
 */
export class CatalogKeeper {
  readonly #context: KeeperContext;
  #catalog: ServerCatalog | undefined;
  #mirrored: ReadonlyMap<string, readonly Mirrored[]> = new Map();
  #reading: Promise<ServerCatalog | Refusal> | undefined;
  #read_at = Number.NEGATIVE_INFINITY;
  #ttl_ms = 0;
  #changes = false;
  #again: (() => void) | undefined;
  #watched: Session | undefined;
  #failures = 0;
  readonly #over = new AbortController();

  constructor(context: KeeperContext) {
    this.#context = context;
  }

  get known(): ServerCatalog | undefined {
    return this.#catalog;
  }

  mirrored(tool: string): readonly Mirrored[] {
    return this.#mirrored.get(tool) ?? [];
  }

  /** The session that hears of changes, which must not be closed for being idle. */
  isWatching(session: Session): boolean {
    return this.#watched === session && this.#changes;
  }

  async get(): Promise<ServerCatalog | Refusal> {
    if (this.#catalog === undefined) return this.#read();
    const age_ms = this.#context.clock.monotonic() - this.#read_at;
    // A server that tells of changes needs no asking.
    if (!this.#changes && age_ms > this.#ttl_ms) void this.#read();
    return this.#catalog;
  }

  /** The server says so, or is suspected of it. However often: read at most once in `CATALOG_MS_MIN`. */
  changed(): void {
    if (this.#catalog === undefined || this.#again !== undefined || this.#over.signal.aborted) return;
    const since_ms = this.#context.clock.monotonic() - this.#read_at;
    this.#readAfter(Math.max(0, CATALOG_MS_MIN - since_ms));
  }

  close(): void {
    this.#over.abort();
    this.#again?.();
  }

  #readAfter(wait_ms: number): void {
    this.#again?.();
    this.#again = this.#context.clock.after(wait_ms, () => {
      this.#again = undefined;
      void this.#read();
    });
  }

  #read(): Promise<ServerCatalog | Refusal> {
    this.#reading ??= this.#readOnce().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readOnce(): Promise<ServerCatalog | Refusal> {
    const { clock, client, limits, nextId, over_http } = this.#context;
    const session = await this.#context.open();
    if (isRefusal(session)) return this.#failed(session);
    // Watched first: a change during the reading is then heard, and read after it.
    await Promise.race([this.#watch(session), sleep(clock, CATALOG_MS_MIN)]);
    this.#read_at = clock.monotonic();
    const read = await readCatalog(session, {
      client,
      limits,
      nextId,
      signal: this.#over.signal,
      checks_headers: over_http,
    });
    if (isRefusal(read)) return this.#failed(read);
    this.#failures = 0;
    this.#ttl_ms = read.ttl_ms;
    for (const why of read.excluded) this.#context.failed(`left out of the catalog: ${why}`);
    this.#replace(read.catalog);
    return read.catalog;
  }

  #replace(catalog: ServerCatalog): void {
    const before = this.#catalog?.digest;
    this.#catalog = catalog;
    if (before === catalog.digest) return;
    const entries = catalog.tools.map((tool) => [tool.name, mirroredOf(tool.inputSchema)] as const);
    this.#mirrored = new Map(entries.filter((entry): entry is [string, Mirrored[]] => typeof entry[1] !== 'string'));
    this.#context.changed(catalog);
  }

  #failed(refusal: Refusal): Refusal {
    if (this.#over.signal.aborted) return refusal;
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
      { signal: this.#over.signal, onNotification: standing, onRequest: async () => noSuchMethod() },
    );
    standing();
    if (this.#over.signal.aborted || this.#watched !== session) return;
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
