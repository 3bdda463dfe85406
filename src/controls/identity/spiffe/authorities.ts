import { createPublicKey } from 'node:crypto';
import type { Random } from '../../../core/clock.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import type { Secret } from '../../../core/secret.ts';
import { type ChangeParts, change } from '../change.ts';
import { digestOf } from '../digest.ts';
import { publicHalf, type SigningJwk } from '../identity-keys.ts';
import type { Bundle } from './bundle.ts';
import { type ParsedCertificate, readCertificate } from './certificate.ts';
import { BACKDATED_MS, issueAuthority } from './issue.ts';
import { insertAuthority, loadAuthorities, type StoredAuthority } from './store.ts';

/** One authority signs X.509-SVIDs and JWT-SVIDs with a key each; it is named by the first. */
export type AuthorityKeys = { x509: SigningJwk; jwt: SigningJwk };

/** Private keys of this replica's authorities: files beside the gateway's other keys. */
export interface AuthorityShelf {
  list(): readonly Secret<AuthorityKeys>[];
  /** Durable when it returns. */
  make(): Secret<AuthorityKeys>;
  remove(kid: string): void;
}

/** How often others are asked to read our bundle, and what a new authority waits for before it signs: three such times. */
export const REFRESH_SECONDS = 300;
const OVERLAP_MS = 3 * REFRESH_SECONDS * 1000;

export type AuthorityParts = ChangeParts & {
  random: Random;
  trust_domain: string;
  shelf: AuthorityShelf;
  authority_ms: number;
};

export type AuthorityEntry = Pick<StoredAuthority, 'kid' | 'added_at' | 'active_at' | 'expires_at'> & {
  /** Whether this replica holds its key and signs with it now. */
  signs: boolean;
};

export interface Authorities {
  /** Every replica's that has not expired, since any of them may have signed. */
  bundle(): Bundle;
  /** The one that this replica signs with now. */
  signing(): { keys: Secret<AuthorityKeys>; expires_at: number };
  list(): readonly AuthorityEntry[];
  refresh(): Promise<void>;
  /** Makes the next one when the newest has lived half of its life; forgets keys that have expired. */
  keep(): Promise<void>;
  /** Makes the next one now. It signs after the overlap. */
  rotate(by: string): Promise<AuthorityEntry | Refusal>;
}

type Known = StoredAuthority & { parsed: ParsedCertificate };

/**
 * The trust domain's authorities. A new one is in the bundle for three refreshes before it signs, and the old one stays
 * there until it expires, which is half of a life after it last signed: so no SVID is ever ahead of, or outlives, what
 * verifies it.
 */
export async function openAuthorities(parts: AuthorityParts): Promise<Authorities> {
  let known: readonly Known[] = [];
  const now = (): number => parts.time.now();
  const held = (): readonly [Known, Secret<AuthorityKeys>][] => {
    const shelf = new Map(parts.shelf.list().map((keys) => [keys.reveal().x509.kid, keys]));
    return known.flatMap((authority): [Known, Secret<AuthorityKeys>][] => {
      const keys = shelf.get(authority.kid);
      return keys !== undefined && authority.expires_at > now() ? [[authority, keys]] : [];
    });
  };
  let own: readonly [Known, Secret<AuthorityKeys>][] = [];
  const signing = (): [Known, Secret<AuthorityKeys>] => {
    const active = own.filter(([{ active_at, expires_at }]) => active_at <= now() && expires_at > now()).at(-1);
    if (active === undefined) throw new Error('this replica has no authority of the trust domain that may sign');
    return active;
  };
  const refresh = async (): Promise<void> => {
    known = (await loadAuthorities(parts.db, parts.trust_domain)).flatMap(parse);
    own = held();
  };
  const make = async (by: string, active_at: number): Promise<StoredAuthority | Refusal> => {
    const made = await add(parts, by, active_at);
    await refresh();
    return made;
  };
  const keep = async (): Promise<void> => {
    for (const { kid, expires_at } of known) if (expires_at <= now()) parts.shelf.remove(kid);
    own = held();
    const newest = own.at(-1)?.[0];
    if (newest !== undefined && newest.expires_at - now() > parts.authority_ms / 2) return;
    const made = await make('gateway', newest === undefined ? now() : now() + overlapOf(parts));
    if (isRefusal(made)) throw new Error(`an authority could not be made known: ${made.reason}`);
  };
  await refresh();
  await keep();
  return {
    bundle: () => bundleOf(known, parts.trust_domain, now()),
    signing: () => ({ keys: signing()[1], expires_at: signing()[0].expires_at }),
    list: () => known.filter(({ expires_at }) => expires_at > now()).map((one) => entryOf(one, signing()[0].kid)),
    refresh,
    keep,
    async rotate(by) {
      const made = await make(by, now() + overlapOf(parts));
      return isRefusal(made) ? made : entryOf(made, signing()[0].kid);
    },
  };
}

function overlapOf({ authority_ms }: AuthorityParts): number {
  return Math.min(OVERLAP_MS, authority_ms / 8);
}

function parse(stored: StoredAuthority): Known[] {
  const parsed = readCertificate(Buffer.from(stored.certificate, 'base64'));
  return parsed === undefined ? [] : [{ ...stored, parsed }];
}

function entryOf({ kid, added_at, active_at, expires_at }: StoredAuthority, signing: string): AuthorityEntry {
  return { kid, added_at, active_at, expires_at, signs: kid === signing };
}

/** What changes the bundle is the arrival of an authority and its expiry; the latest of either numbers it. */
function bundleOf(known: readonly Known[], trust_domain: string, now: number): Bundle {
  const live = known.filter(({ expires_at }) => expires_at > now);
  const changes = known.flatMap(({ added_at, expires_at }) => (expires_at <= now ? [added_at, expires_at] : added_at));
  return {
    trust_domain,
    authorities: live.map(({ parsed }) => parsed),
    keys: new Map(
      live.map(({ jwt_kid, jwt_key }) => {
        const jwk = JSON.parse(jwt_key);
        return [jwt_kid, { key: createPublicKey({ key: jwk, format: 'jwk' }), jwk }];
      }),
    ),
    sequence: Math.max(0, ...changes),
    refresh_seconds: REFRESH_SECONDS,
  };
}

/** A key whose public half did not get into the database signs nothing, so it goes again. */
async function add(parts: AuthorityParts, by: string, active_at: number): Promise<StoredAuthority | Refusal> {
  const keys = parts.shelf.make().reveal();
  const made = await publish(keys, by, active_at, parts).catch((error: unknown) => {
    parts.shelf.remove(keys.x509.kid);
    throw error;
  });
  if (isRefusal(made)) parts.shelf.remove(keys.x509.kid);
  return made;
}

function publish(
  { x509, jwt }: AuthorityKeys,
  by: string,
  active_at: number,
  parts: AuthorityParts,
): Promise<StoredAuthority | Refusal> {
  const { trust_domain, authority_ms, random } = parts;
  return change<StoredAuthority>(parts, async (tx, added_at) => {
    const expires_at = added_at + authority_ms;
    const certificate = issueAuthority(
      x509,
      trust_domain,
      { not_before: added_at - BACKDATED_MS, not_after: expires_at },
      random,
    );
    const authority: StoredAuthority = {
      kid: x509.kid,
      trust_domain,
      certificate: certificate.toString('base64'),
      jwt_kid: jwt.kid,
      jwt_key: JSON.stringify(publicHalf(jwt)),
      added_at,
      active_at: Math.max(active_at, added_at),
      expires_at,
    };
    if (!(await insertAuthority(tx, authority))) return refuse('already_exists', `authority ${x509.kid} is known`);
    const after = digestOf({ ...authority });
    await parts.record(tx, { event: 'svid.authority', by, subject: x509.kid, before: null, after });
    return authority;
  });
}
