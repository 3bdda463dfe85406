import type { Clock, Random } from '../../../core/clock.ts';
import { newId } from '../../../core/ids.ts';
import type { JsonObject } from '../../../core/json.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import { Secret } from '../../../core/secret.ts';
import type { UpstreamCredential } from '../../../core/upstream-credential.ts';
import type { Database, StateWatch, Transaction } from '../../../storage/index.ts';
import { transact } from '../change.ts';
import type { RecordControl } from '../contract.ts';
import { digestOf } from '../digest.ts';
import { type ProofKey, proofKeyOf, wantsNonce } from '../sender-proofs.ts';
import type { Time } from '../time.ts';
import {
  type Also,
  ANYONE,
  type NewConnection,
  type NewVaultEntry,
  type Vault,
  type VaultEntry,
  type VaultKeySource,
  type VaultUse,
} from './contract.ts';
import { openKey, openWith, rewrap, sealNew, sealWith } from './envelope.ts';
import { Keyring, locked } from './keyring.ts';
import type { RefreshParts } from './refresh.ts';
import { type Access, accessOf, type Keyed, Renewal, writtenAccess } from './renewal.ts';
import { type Contents, isRenewable, readSecret, shownOf } from './shapes.ts';
import {
  boundOf,
  countEntries,
  deleteEntry,
  listEntries,
  loadEntry,
  putEntry,
  type StoredEntry,
  saveUse,
  saveWrapping,
  termsOf,
} from './store.ts';
import { completeTerms, mayGo, problemOf, servesRun } from './terms.ts';

export type VaultParts = RefreshParts & {
  db: Database;
  clock: Clock;
  random: Random;
  state: StateWatch;
  time: Time;
  record: RecordControl;
  keySource: VaultKeySource;
  report(problem: string, error: unknown): void;
};

/** Reading a key costs as much as signing with it. */
const PROOF_KEYS = new WeakMap<Contents, ProofKey>();
const TOPIC = 'vault';
const USES_EVERY_MS = 30_000;
const ENTRIES_MAX = 1_000;
const RENEWAL_MS_MIN = 10_000;

type Found = UpstreamCredential | Refusal | undefined;
/** An entry as the request path needs it. */
type Open = Keyed & { access: Access | undefined; rejected: Access | undefined; renewed_at: number };

/** Joins the parts, and wraps anew what was wrapped under a key before the current one. */
export async function openVault(parts: VaultParts): Promise<Vault> {
  const vault = new OpenVault(parts);
  await vault.rewrapAll();
  return vault;
}

class OpenVault implements Vault {
  readonly #parts: VaultParts;
  readonly #keyring: Keyring;
  readonly #renewal: Renewal;
  readonly #open = new Map<string, Open>();
  /** Counts what may have changed what stands in `#open`: what was read before does not enter it. */
  #generation = 0;
  readonly #uses = new Map<string, number>();
  readonly #listeners = new Set<() => void>();
  readonly #unlisten: () => void;
  #cancel = (): void => {};
  #closed = false;

  constructor(parts: VaultParts) {
    this.#parts = parts;
    this.#keyring = new Keyring(parts.keySource, parts.clock);
    this.#renewal = new Renewal(parts);
    this.#unlisten = parts.state.onChange((_version, topics) => {
      if (topics.has(TOPIC)) this.#forget();
    });
    this.#noteUsesLater();
  }

  problem(): string | undefined {
    return this.#keyring.problem;
  }

  async list(): Promise<readonly VaultEntry[]> {
    return (await listEntries(this.#parts.db)).map(described);
  }

  async find(name: string): Promise<VaultEntry | undefined> {
    const entry = await loadEntry(this.#parts.db, name);
    return entry === undefined ? undefined : described(entry);
  }

  async set(given: NewVaultEntry, secret: Secret, by: string): Promise<VaultEntry | Refusal> {
    const { name, kind } = given;
    const terms = completeTerms(given);
    const contents = readSecret(kind, secret);
    const problem = problemOf(name, kind, terms) ?? (typeof contents === 'string' ? contents : undefined);
    if (problem !== undefined) return refuse('input_invalid', problem, { public: problem });
    const { random } = this.#parts;
    const id = newId('ven', random);
    const fresh = { ...terms, id, name, kind, version: 1, set_by: by };
    return this.#put('vault.set', name, by, contents as Contents, (_before, set_at) => ({
      ...fresh,
      set_at,
      rotated_at: null,
      used_at: null,
      access_expires_at: null,
    }));
  }

  async rotate(name: string, secret: Secret, by: string): Promise<VaultEntry | Refusal> {
    const entry = await loadEntry(this.#parts.db, name);
    if (entry === undefined) return absent(name);
    const contents = readSecret(entry.kind, secret);
    if (typeof contents === 'string') return refuse('input_invalid', contents, { public: contents });
    return this.#put('vault.rotate', name, by, contents, (before, rotated_at) =>
      before === undefined || before.id !== entry.id
        ? undefined
        : { ...described(before), version: before.version + 1, rotated_at, access_expires_at: null },
    );
  }

  async remove(name: string, by: string): Promise<Refusal | undefined> {
    const removed = await this.#change(async (tx) => {
      const entry = await deleteEntry(tx, name);
      if (entry === undefined) return absent(name);
      const before = digestOfEntry(entry);
      await this.#record(tx, { event: 'vault.remove', by, entry, before, after: null });
      return entry;
    });
    return isRefusal(removed) ? removed : undefined;
  }

  async connect(
    { name, users, host, oauth, secrets, access: given }: NewConnection,
    by: string,
    also: Also,
  ): Promise<VaultEntry | Refusal> {
    const key = await this.#keyring.current();
    if (isRefusal(key)) return key;
    const { random } = this.#parts;
    const fresh = { id: newId('ven', random), name, kind: 'connection', version: 1, set_by: by } as const;
    const terms = completeTerms({ name, kind: 'connection', agents: [ANYONE], users, hosts: [host], oauth });
    return this.#change(async (tx, set_at) => {
      const access = accessOf(given.token, given.seconds, set_at);
      const times = { set_at, rotated_at: null, used_at: null, access_expires_at: access.expires_at };
      const entry = { ...terms, ...fresh, ...times };
      const contents = { kind: 'connection', ...secrets } as unknown as JsonObject;
      const envelope = sealNew(contents, boundOf(entry), key, random);
      const data_key = openKey(envelope, boundOf(entry), key);
      const sealed = sealWith(data_key, writtenAccess(access), 'access', boundOf(entry), random);
      await putEntry(tx, { ...entry, envelope, access: sealed });
      await also(tx, entry);
      return entry;
    });
  }

  disconnect(name: string, also: Also): Promise<VaultEntry | Refusal> {
    return this.#change(async (tx) => {
      const entry = await deleteEntry(tx, name);
      if (entry === undefined) return absent(name);
      await also(tx, entry);
      return described(entry);
    });
  }

  credential(use: VaultUse): Found | Promise<Found> {
    // The gateway's own child says what it offers without a credential; only a run's child is given one.
    if (use.to.kind === 'child' && use.on === undefined) return undefined;
    const open = this.#open.get(use.entry);
    return open === undefined ? this.#load(use) : this.#show(open, use);
  }

  onChange(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#unlisten();
    this.#cancel();
    this.#generation += 1;
    this.#open.clear();
    await this.#noteUses();
  }

  /** Every replica may do it at once: each entry is wrapped anew by whoever is first. */
  async rewrapAll(): Promise<void> {
    const { db, keySource, random } = this.#parts;
    if (keySource.previous().length === 0) return;
    const to = await this.#keyring.current();
    if (isRefusal(to)) return;
    for (const entry of await listEntries(db)) {
      const from = await this.#keyring.of(entry.envelope.kek);
      if (isRefusal(from) || from === to) continue;
      const next = rewrap(entry.envelope, boundOf(entry), { from, to }, random);
      await transact(this.#parts, async (tx) => {
        if (!(await saveWrapping(tx, entry, next))) return undefined;
        const { kek: before } = entry.envelope;
        await this.#record(tx, { event: 'vault.rewrap', by: 'gateway', entry, before, after: next.kek });
        return undefined;
      });
    }
  }

  async #load(use: VaultUse): Promise<Found> {
    const generation = this.#generation;
    const entry = await loadEntry(this.#parts.db, use.entry);
    if (entry === undefined) return refuse('upstream_credential_missing', `the vault has no entry ${use.entry}`);
    const unfit = this.#unfit(entry, use);
    if (unfit !== undefined) return unfit;
    const key = await this.#keyring.of(entry.envelope.kek);
    if (isRefusal(key)) return key;
    const open = this.#unseal(entry, key);
    if (isRefusal(open)) return open;
    if (generation === this.#generation && !this.#closed) this.#open.set(entry.name, open);
    return this.#show(open, use);
  }

  #unseal(entry: StoredEntry, key: Secret<Uint8Array>): Open | Refusal {
    try {
      const bound = boundOf(entry);
      const data_key = openKey(entry.envelope, bound, key);
      const contents = openWith(data_key, entry.envelope.sealed, 'contents', bound) as unknown as Contents;
      const keyed = { entry, data_key, contents };
      return { ...keyed, access: this.#renewal.readAccess(keyed), rejected: undefined, renewed_at: 0 };
    } catch {
      // The database says something else of it than was sealed, or it was sealed under another key.
      return locked(`${entry.id} was changed in the database`);
    }
  }

  #unfit(entry: VaultEntry, use: VaultUse): Refusal | undefined {
    const { on } = use;
    if (on !== undefined && !servesRun(entry, on.run))
      return refuse('upstream_credential_not_served', `${entry.name} does not serve ${on.run.agent} in ${on.run.job}`);
    if (!mayGo(entry, use))
      return refuse('upstream_credential_wrong_host', `${entry.name} may not go to ${use.server} at its address`);
    if (entry.expires_at !== null && entry.expires_at <= this.#parts.time.now())
      return refuse('upstream_credential_expired', `${entry.name} has expired`);
    return undefined;
  }

  #show(open: Open, use: VaultUse): Found | Promise<Found> {
    const unfit = this.#unfit(open.entry, use);
    if (unfit !== undefined) return unfit;
    if (!isRenewable(open.contents)) return this.#shown(open, use, undefined);
    const now = this.#parts.time.now();
    const { access } = open;
    // A server that refuses every token cannot make us ask for another one at each call.
    const rejected = access === open.rejected && now - open.renewed_at > RENEWAL_MS_MIN;
    if (access === undefined || rejected || access.expires_at <= now) return this.#renewed(open, use);
    // Asked for ahead of time, while the one at hand is still good.
    if (access.renew_at <= now) void this.#renewed(open, use);
    return this.#shown(open, use, access);
  }

  async #renewed(open: Open, use: VaultUse): Promise<Found> {
    try {
      const access = await this.#renewal.renew(open, open.rejected);
      if (isRefusal(access)) return access;
      open.access = access;
      open.renewed_at = this.#parts.time.now();
      return this.#shown(open, use, access);
    } catch (error) {
      this.#parts.report('an access token could not be renewed', error);
      return refuse('upstream_credential_refused', 'the access token could not be renewed or kept');
    }
  }

  #shown(open: Open, { to }: VaultUse, access: Access | undefined): UpstreamCredential {
    const { entry, contents } = open;
    const { headers, value, secrets } = shownOf(contents, entry, access?.token);
    this.#uses.set(entry.id, this.#parts.time.now());
    return {
      kind: 'credential',
      id: `${entry.id}:${entry.version}`,
      headers: to.kind === 'http' ? headers : {},
      env: to.kind === 'child' && value !== undefined ? { [to.variable]: value } : {},
      secrets,
      ...this.#proof(open, to, access),
      heard: ({ status, nonce, challenge }) => {
        if (nonce !== undefined && to.kind === 'http') this.#parts.proofs.heard(to.url, nonce);
        if (status === 401 && entry.oauth?.dpop === true && wantsNonce(challenge)) return 'again';
        if (status === 401) open.rejected = access;
        return undefined;
      },
    };
  }

  /** A token that is bound to a key is shown with a proof of it, made for each message. */
  #proof({ contents }: Open, to: VaultUse['to'], access: Access | undefined): Pick<UpstreamCredential, 'proof'> {
    if (contents.kind !== 'connection' || contents.dpop_key === null || to.kind !== 'http') return {};
    const key = PROOF_KEYS.get(contents) ?? proofKeyOf(new Secret(contents.dpop_key));
    PROOF_KEYS.set(contents, key);
    const token = access?.token.reveal();
    return { proof: (method) => ({ dpop: new Secret(this.#parts.proofs.make(key, { method, url: to.url, token })) }) };
  }

  async #put(
    event: 'vault.set' | 'vault.rotate',
    name: string,
    by: string,
    contents: Contents,
    entryOf: (before: StoredEntry | undefined, now: number) => VaultEntry | undefined,
  ): Promise<VaultEntry | Refusal> {
    const key = await this.#keyring.current();
    if (isRefusal(key)) return key;
    const put = await this.#change(async (tx, now) => {
      const before = await loadEntry(tx, name);
      const entry = entryOf(before, now);
      if (entry === undefined) return absent(name);
      if (before === undefined && (await countEntries(tx)) >= ENTRIES_MAX)
        return refuse('input_invalid', `there are ${ENTRIES_MAX} entries already`);
      const envelope = sealNew(contents as unknown as JsonObject, boundOf(entry), key, this.#parts.random);
      const stored: StoredEntry = { ...entry, envelope, access: null };
      await putEntry(tx, stored);
      const digests = { before: before === undefined ? null : digestOfEntry(before), after: digestOfEntry(stored) };
      await this.#record(tx, { event, by, entry: stored, ...digests });
      return stored;
    });
    return isRefusal(put) ? put : described(put);
  }

  /** On every replica before anything more is decided: an exchange whose state is older is decided again. */
  async #change<T>(work: (tx: Transaction, now: number) => Promise<T | Refusal>): Promise<T | Refusal> {
    const done = await transact(this.#parts, async (tx) => {
      await this.#parts.state.bump(tx, TOPIC);
      return work(tx, await tx.now());
    });
    if (!isRefusal(done)) this.#forget();
    return done;
  }

  #record(
    tx: Transaction,
    change: {
      event: 'vault.set' | 'vault.rotate' | 'vault.remove' | 'vault.rewrap';
      by: string;
      entry: StoredEntry;
      before: string | null;
      after: string | null;
    },
  ): Promise<string> {
    const { event, by, entry, before, after } = change;
    const payload = {
      name: entry.name,
      kind: entry.kind,
      version: entry.version,
      ...termsOf(entry),
    } as unknown as JsonObject;
    return this.#parts.record(tx, { event, by, subject: entry.id, before, after, payload });
  }

  #forget(): void {
    this.#generation += 1;
    this.#open.clear();
    for (const listener of this.#listeners) listener();
  }

  #noteUsesLater(): void {
    if (this.#closed) return;
    this.#cancel = this.#parts.clock.after(
      USES_EVERY_MS,
      () => void this.#noteUses().then(() => this.#noteUsesLater()),
    );
  }

  async #noteUses(): Promise<void> {
    const uses = [...this.#uses];
    this.#uses.clear();
    try {
      for (const [id, used_at] of uses) await saveUse(this.#parts.db, id, used_at);
    } catch (error) {
      this.#parts.report('when credentials were used could not be noted', error);
    }
  }
}

function described({ envelope: _envelope, access: _access, ...entry }: StoredEntry): VaultEntry {
  return entry;
}

/** Of what is sealed, never of what it holds: a digest of a short secret can be guessed. */
function digestOfEntry(entry: StoredEntry): string {
  return digestOf({ ...described(entry), used_at: null, sealed: entry.envelope.sealed });
}

function absent(name: string): Refusal {
  const problem = `There is no entry ${name}.`;
  return refuse('not_found', problem, { public: problem });
}
