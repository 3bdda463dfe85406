import type { Random } from '../../../core/clock.ts';
import { type Refusal, refuse } from '../../../core/refusal.ts';
import { Secret } from '../../../core/secret.ts';
import type { Database } from '../../../storage/index.ts';
import { digestOf } from '../digest.ts';
import type { IdentityKeys } from '../identity-keys.ts';
import { decodeSegment, splitJws } from '../jws.ts';
import { seal, unseal } from '../people/sealed.ts';
import { loadPerson } from '../people/store.ts';
import type { Time } from '../time.ts';
import { findIdToken, latestIdToken, saveIdToken } from './store.ts';

/** Which of the company's identity provider's clients an ID token is for. */
export type ForClient = { issuer: string; client_id: string };

export type KeptIdToken = { person: string; token: Secret; sub: string };

/** What the company's identity provider said of people who signed in, as long as it says so. */
export interface IdTokens {
  wanted(): boolean;
  /** Undefined where it was kept. Its signature is for the provider to verify, which issued it and takes it back. */
  keep(person: string, token: Secret): Promise<Refusal | undefined>;
  of(person: string, client: ForClient): Promise<KeptIdToken | undefined>;
  /** Of whoever let the gateway act for them at `upstream` last: what the server offers is read with it. */
  forLists(upstream: string, client: ForClient): Promise<KeptIdToken | undefined>;
}

const CHARACTERS_MAX = 16_384;

type Read = { issuer: string; audience: readonly string[]; sub: string; expires_at: number };

export function openIdTokens(parts: {
  db: Database;
  time: Time;
  random: Random;
  keys: IdentityKeys;
  wanted: () => boolean;
}): IdTokens {
  const { db, time, random, keys } = parts;
  const opened = (stored: { person: string; issuer: string; sealed: string }, client: ForClient) => {
    const bytes = unseal(stored.sealed, about(stored.person, stored.issuer), keys.sealing);
    const text = Buffer.from(bytes).toString('utf8');
    const read = readIdToken(text);
    if (typeof read === 'string' || !read.audience.includes(client.client_id)) return undefined;
    return { person: stored.person, token: new Secret(text), sub: read.sub };
  };
  return {
    wanted: parts.wanted,
    async keep(person, token) {
      const read = readIdToken(token.reveal());
      if (typeof read === 'string') return invalid(read);
      const { issuer, sub, expires_at } = read;
      if (expires_at <= time.now()) return invalid('The ID token has expired.');
      const known = await loadPerson(db, person);
      // A person of the company's is one subject there, whoever's token they bring.
      const other = known?.subject !== null && known?.subject !== digestOf({ issuer, subject: sub });
      if (known === undefined || other) return invalid('The ID token is not yours.');
      const sealed = seal(Buffer.from(token.reveal()), about(person, issuer), keys.sealing, random);
      await saveIdToken(db, { person, issuer, sealed, expires_at });
      return undefined;
    },
    async of(person, client) {
      const stored = await findIdToken(db, person, client.issuer, time.now());
      return stored && opened(stored, client);
    },
    async forLists(upstream, client) {
      const stored = await latestIdToken(db, upstream, client.issuer, time.now());
      return stored && opened(stored, client);
    },
  };
}

/** @returns what is wrong with it, where it is none. */
export function readIdToken(text: string): Read | string {
  const jws = splitJws(text, CHARACTERS_MAX);
  const claims = jws && decodeSegment(jws.payload);
  if (claims === undefined) return 'This is no ID token.';
  const { iss, sub, aud, exp } = claims;
  const audience = (Array.isArray(aud) ? aud : [aud]).filter((one): one is string => typeof one === 'string');
  const whole = typeof iss === 'string' && typeof sub === 'string' && typeof exp === 'number' && audience.length > 0;
  return whole ? { issuer: iss, audience, sub, expires_at: Math.floor(exp * 1_000) } : 'This is no ID token.';
}

function invalid(sentence: string): Refusal {
  return refuse('input_invalid', sentence, { public: sentence });
}

function about(person: string, issuer: string): string {
  return JSON.stringify(['id token', person, issuer]);
}
