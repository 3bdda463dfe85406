import type { KeyObject } from 'node:crypto';
import type { Database } from '../../storage/index.ts';
import type { AgentEntry, Stop, StopKind } from './contract.ts';
import { keyObjectOf, readPublicJwk } from './jwk.ts';
import { loadAgents, type StoredAgent } from './store/agents.ts';
import { loadEndedSince } from './store/runs.ts';
import { type KeptKey, loadSigningKeys } from './store/signing-keys.ts';
import { loadStops } from './store/stops.ts';
import { loadLiveTokens, type StoredToken } from './store/tokens.ts';
import type { Time } from './time.ts';

/** Runs that ended longer ago have no live exchange and no valid token: a token lives ten minutes. */
const ENDED_MS_KEPT = 60 * 60_000;

/**
 * A replica says three times a minute that it still signs with its key. One that was replaced is worth nothing half an hour later,
 * so that a signing key which somebody copied ends with its rotation.
 */
export const KEY_MS_MAX = 30 * 60_000;

/** A delegation lives a day at most, and outlives the key that signed it. */
const GRANT_KEY_MS_MAX = 24 * 60 * 60_000 + KEY_MS_MAX;

export type SigningKey = KeptKey & { key: KeyObject };
export type AgentStanding = StoredAgent & { entry: AgentEntry };

/**
 * What every request is held against, whole in memory: agents, live bearer tokens, stops, ended runs, signing keys. Read
 * anew on each change before the state's version advances, so a decision under a version knows all that the version knows.
 */
export class Standing {
  agents: ReadonlyMap<string, AgentStanding> = new Map();
  /** By the hash of their secret. */
  tokens: ReadonlyMap<string, StoredToken> = new Map();
  signingKeys: ReadonlyMap<string, SigningKey> = new Map();
  /** Those, and the ones before them: for delegations, which stand in the database as they were signed. */
  grantKeys: ReadonlyMap<string, SigningKey> = new Map();
  readonly #db: Database;
  readonly #time: Time;
  readonly #listeners = new Set<() => void>();
  #tokenIds: ReadonlySet<string> = new Set();
  #ended: ReadonlySet<string> = new Set();
  #stored: readonly Stop[] = [];
  /** Stops that hold here and are not in the database yet. */
  #pending: readonly Stop[] = [];
  #stops = indexStops([]);
  #reading: Promise<void> = Promise.resolve();

  constructor(db: Database, time: Time) {
    this.#db = db;
    this.#time = time;
  }

  /** Readings come one after another, so that an older one never overwrites a newer. */
  refresh(): Promise<void> {
    const reading = this.#reading.catch(() => {}).then(() => this.#read());
    this.#reading = reading;
    return reading;
  }

  async #read(): Promise<void> {
    await this.#time.sync();
    await this.refreshKeys();
    const now = this.#time.now();
    const [agents, tokens, stops, ended] = await Promise.all([
      loadAgents(this.#db),
      loadLiveTokens(this.#db, now),
      loadStops(this.#db),
      loadEndedSince(this.#db, now - ENDED_MS_KEPT),
    ]);
    this.agents = new Map(agents.map((agent) => [agent.id, { ...agent, entry: entryOf(agent) }]));
    this.tokens = new Map(tokens.map((token) => [token.secret, token]));
    this.#tokenIds = new Set(tokens.map((token) => token.id));
    this.#ended = new Set(ended);
    this.#stored = stops;
    this.#changed();
  }

  async refreshKeys(): Promise<void> {
    const now = this.#time.now();
    const kept = await loadSigningKeys(this.#db, now - GRANT_KEY_MS_MAX);
    const keys = kept.flatMap((stored) => this.#imported(stored));
    this.grantKeys = new Map(keys);
    this.signingKeys = new Map(keys.filter(([, { used_at }]) => used_at > now - KEY_MS_MAX));
  }

  /** Importing a key costs as much as verifying with it, so one that is known is kept. */
  #imported(stored: KeptKey): [string, SigningKey][] {
    const known = this.grantKeys.get(stored.kid);
    return known?.jwk === stored.jwk ? [[stored.kid, { ...stored, key: known.key }]] : readSigningKey(stored);
  }

  stops(): readonly Stop[] {
    const stored = new Set(this.#stored.map(({ stop }) => stop));
    return [...this.#stored, ...this.#pending.filter(({ stop }) => !stored.has(stop))];
  }

  /** Synchronous: a stop holds on this replica from here on. */
  addPending(stop: Stop): void {
    this.#pending = [...this.#pending, stop];
    this.#changed();
  }

  isPending(stop: string): boolean {
    return this.#pending.some((pending) => pending.stop === stop);
  }

  isStored(stop: string): boolean {
    return this.#stored.some((stored) => stored.stop === stop);
  }

  dropPending(stop: string): void {
    this.#pending = this.#pending.filter((pending) => pending.stop !== stop);
    this.#changed();
  }

  findStop(kind: StopKind, id: string): Stop | undefined {
    return this.#stops.get(kind)?.get(kind === 'all' ? '' : id);
  }

  get anyStop(): boolean {
    return this.#stops.size > 0;
  }

  hasEnded(run: string): boolean {
    return this.#ended.has(run);
  }

  holdsToken(id: string): boolean {
    return this.#tokenIds.has(id);
  }

  onChange(changed: () => void): () => void {
    const own = (): void => changed();
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  #changed(): void {
    this.#stops = indexStops(this.stops());
    for (const listener of this.#listeners) listener();
  }
}

function entryOf(agent: StoredAgent): AgentEntry {
  const { id, owner, version, jobs, purposes, users, thumbprint, added_at } = agent;
  return { id, owner, version, jobs, purposes, users, key: thumbprint, added_at };
}

function indexStops(stops: readonly Stop[]): Map<StopKind, Map<string, Stop>> {
  const index = new Map<StopKind, Map<string, Stop>>();
  for (const stop of stops) {
    const ofKind = index.get(stop.kind) ?? new Map<string, Stop>();
    index.set(stop.kind, ofKind.set(stop.id ?? '', stop));
  }
  return index;
}

function readSigningKey(stored: KeptKey): [string, SigningKey][] {
  const parsed = readPublicJwk(JSON.parse(stored.jwk));
  const key = 'problem' in parsed ? undefined : keyObjectOf(parsed);
  return key === undefined ? [] : [[stored.kid, { ...stored, key }]];
}
