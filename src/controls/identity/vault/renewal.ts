import type { Clock, Random } from '../../../core/clock.ts';
import { sleep } from '../../../core/clock.ts';
import { newId } from '../../../core/ids.ts';
import type { JsonObject } from '../../../core/json.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import { Secret } from '../../../core/secret.ts';
import type { Database } from '../../../storage/index.ts';
import { transact } from '../change.ts';
import type { RecordControl } from '../contract.ts';
import { digestOf } from '../digest.ts';
import type { Time } from '../time.ts';
import { openWith, sealWith } from './envelope.ts';
import { type Granted, type RefreshParts, refreshToken } from './refresh.ts';
import { type Contents, isRenewable } from './shapes.ts';
import { boundOf, claimRenewal, loadEntry, releaseRenewal, type StoredEntry, saveRenewal } from './store.ts';

/** `renew_at` comes before `expires_at`: the token is still shown while another is asked for. */
export type Access = { token: Secret; renew_at: number; expires_at: number };

/** An entry with the key that its parts are sealed with. */
export type Keyed = { entry: StoredEntry; data_key: Secret<Uint8Array>; contents: Contents };

export type RenewalParts = RefreshParts & {
  db: Database;
  clock: Clock;
  random: Random;
  time: Time;
  record: RecordControl;
};

/** Longer than a token endpoint may take: a replica that died asking is waited for so long. */
const CLAIM_MS = 20_000;
const WAIT_MS_MAX = 15_000;
const WAIT_MS = 100;
const MARGIN_MS_MAX = 60_000;
/** After a refusal: a token endpoint is not asked again for each call that waits. */
const AGAIN_MS = 10_000;

/**
 * Access tokens of `oauth_refresh` entries. Refresh tokens may be good for one use (RFC 9700, section 4.14.2), and a second use
 * revokes them all: so one request is under way for each entry, in this process by a promise, among replicas by a claim on
 * the row, and what it gives is durable before it is used.
 */
export class Renewal {
  readonly #parts: RenewalParts;
  readonly #me: string;
  readonly #running = new Map<string, Promise<Access | Refusal>>();
  readonly #refused = new Map<string, { refusal: Refusal; at: number }>();

  constructor(parts: RenewalParts) {
    this.#parts = parts;
    this.#me = newId('rep', parts.random);
  }

  /** `not`: a token that a server did not accept, for which another one is wanted. */
  renew(keyed: Keyed, not: Access | undefined): Promise<Access | Refusal> {
    const { id } = keyed.entry;
    const refused = this.#refused.get(id);
    if (refused !== undefined && this.#parts.clock.monotonic() - refused.at < AGAIN_MS) {
      return Promise.resolve(refused.refusal);
    }
    const running = this.#running.get(id) ?? this.#renew(keyed, not).finally(() => this.#running.delete(id));
    this.#running.set(id, running);
    return running;
  }

  async #renew(keyed: Keyed, not: Access | undefined): Promise<Access | Refusal> {
    const { clock, time, db } = this.#parts;
    const { id, version, name } = keyed.entry;
    const until = clock.monotonic() + WAIT_MS_MAX;
    const claim = { id, version, by: this.#me };
    let claimed = false;
    while (clock.monotonic() < until) {
      const entry = await loadEntry(db, name);
      if (entry?.id !== id || entry.version !== version) return refuse('upstream_credential_missing', 'it was changed');
      const access = this.readAccess({ ...keyed, entry });
      // Another replica was quicker.
      if (access !== undefined && access.renew_at > time.now() && access.token.reveal() !== not?.token.reveal()) {
        if (claimed) await releaseRenewal(db, claim);
        return access;
      }
      if (claimed) return this.#ask({ ...keyed, entry });
      claimed = await claimRenewal(db, claim, time.now(), time.now() + CLAIM_MS);
      // What was read before the claim may be what another replica has just used up: it is read once more.
      if (claimed) continue;
      await sleep(clock, WAIT_MS);
    }
    return refuse('upstream_credential_refused', 'another replica has been renewing the access token for too long');
  }

  /** The refresh token is read anew: another replica may have used the one that we knew. */
  async #ask(keyed: Keyed): Promise<Access | Refusal> {
    const { entry, data_key } = keyed;
    const claim = { id: entry.id, version: entry.version, by: this.#me };
    const contents = openWith(data_key, entry.envelope.sealed, 'contents', boundOf(entry)) as unknown as Contents;
    if (!isRenewable(contents) || entry.oauth === null) throw new Error(`${entry.id} is not renewed`);
    const granted = await refreshToken(entry.oauth, contents, this.#parts);
    if (isRefusal(granted)) {
      await releaseRenewal(this.#parts.db, claim).catch(() => {});
      this.#refused.set(entry.id, { refusal: granted, at: this.#parts.clock.monotonic() });
      return granted;
    }
    return this.#keep({ ...keyed, contents }, granted);
  }

  async #keep({ entry, data_key, contents }: Keyed, granted: Granted): Promise<Access | Refusal> {
    const { db, random, record, time } = this.#parts;
    const access = accessOf(new Secret(granted.access_token), granted.seconds, time.now());
    const bound = boundOf(entry);
    const { refresh_token } = granted;
    const next = refresh_token === undefined ? contents : { ...contents, refresh_token };
    const sealed = sealWith(data_key, next, 'contents', bound, random);
    const renewed = {
      sealed,
      access: sealWith(data_key, writtenAccess(access), 'access', bound, random),
      access_expires_at: access.expires_at,
    };
    const saved = await transact<undefined>({ db }, async (tx) => {
      const claim = { id: entry.id, version: entry.version, by: this.#me };
      if (!(await saveRenewal(tx, claim, renewed))) return refuse('upstream_credential_missing', 'it was changed');
      const { id } = entry;
      await record(tx, {
        event: 'vault.renew',
        by: 'gateway',
        subject: id,
        before: digestOf({ sealed: entry.envelope.sealed }),
        after: digestOf({ sealed }),
        payload: { name: entry.name, expires_at: access.expires_at },
      });
      return undefined;
    });
    return isRefusal(saved) ? saved : access;
  }

  /** What the row holds of a token, whatever its age. */
  readAccess({ entry, data_key }: Keyed): Access | undefined {
    if (entry.access === null) return undefined;
    const { token, renew_at, expires_at } = openWith(data_key, entry.access, 'access', boundOf(entry));
    return { token: new Secret(String(token)), renew_at: Number(renew_at), expires_at: Number(expires_at) };
  }
}

export function accessOf(token: Secret, seconds: number, now: number): Access {
  const expires_at = Math.floor(now + seconds * 1_000);
  const margin_ms = Math.min(MARGIN_MS_MAX, seconds * 200);
  return { token, renew_at: Math.floor(expires_at - margin_ms), expires_at };
}

/** As it is sealed, and only so. */
export function writtenAccess({ token, renew_at, expires_at }: Access): JsonObject {
  return { token: token.reveal(), renew_at, expires_at };
}
