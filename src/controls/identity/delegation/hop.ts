import { hash, type KeyObject } from 'node:crypto';
import { isId } from '../../../core/ids.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../core/json.ts';
import { type Refusal, refuse } from '../../../core/refusal.ts';
import type { Scope } from '../../../core/scope.ts';
import { digestOf } from '../digest.ts';
import type { SigningJwk } from '../identity-keys.ts';
import { signatureHolds } from '../jwk.ts';
import { decodeSegment, signJws, splitJws } from '../jws.ts';
import { readScope } from './scope.ts';

/** Who lends: a person, or the agent of a run. */
export type Lender = { kind: 'user' } | { kind: 'agent'; id: string; generation: number; run: string };

/** One hop as it was granted. Everything that is enforced of it is signed. */
export type Hop = {
  id: string;
  /** The hop by which the lender itself acts, and the SHA-256 of its signed form; null for the first. */
  parent: { id: string; digest: string } | null;
  lender: Lender;
  /** Opaque id of the user in whose name; the same in every hop of a chain. */
  subject: string | null;
  actor: string;
  /** Of the actor's registration. */
  generation: number;
  /** Counts the hops up to this one. */
  depth: number;
  scope: Scope;
  issued_at: number;
  expires_at: number;
};

/** A type of its own (RFC 8725, section 3.11): no token is ever taken for a grant, nor a grant for a token. */
const TYPE = 'sallyport-delegation+jwt';
export const HOP_CHARS_MAX = 16_384;

export type HopReader = { issuer: string; signingKey: (kid: string) => KeyObject | undefined };

export function hopDigest(signed: string): string {
  return hash('sha256', signed, 'hex');
}

export function scopeDigest(scope: Scope): string {
  return digestOf(scope);
}

/** `may_act` (RFC 8693, section 4.4) names the one who may redeem it. */
export function signHop(hop: Hop, issuer: string, key: SigningJwk): string {
  const { id, subject, actor, issued_at, expires_at, lender, ...rest } = hop;
  const claims = {
    iss: issuer,
    aud: issuer,
    jti: id,
    sub: subject ?? (lender.kind === 'agent' ? lender.id : actor),
    iat: Math.floor(issued_at / 1000),
    exp: Math.floor(expires_at / 1000),
    may_act: { sub: actor },
    hop: { ...rest, lender, subject, issued_at, expires_at },
  };
  return signJws({ typ: TYPE }, claims, key);
}

export function readHop(text: string, { issuer, signingKey }: HopReader): Hop | Refusal {
  const jws = splitJws(text, HOP_CHARS_MAX);
  const header = jws === undefined ? undefined : decodeSegment(jws.header);
  const claims = jws === undefined ? undefined : decodeSegment(jws.payload);
  if (jws === undefined || header === undefined || claims === undefined) {
    return refuse('delegation_forged', 'the delegation is not a compact JWS of two JSON objects');
  }
  if (header.typ !== TYPE || header.alg !== 'ES256' || header.crit !== undefined) {
    return refuse('delegation_forged', `the delegation is not a ${TYPE} signed with ES256`);
  }
  const key = typeof header.kid === 'string' ? signingKey(header.kid) : undefined;
  if (key === undefined || !signatureHolds('ES256', key, jws.signed, jws.signature)) {
    return refuse('delegation_forged', 'no key of this gateway has signed the delegation');
  }
  const hop = claims.iss === issuer && claims.aud === issuer ? hopOf(claims) : undefined;
  return hop ?? refuse('delegation_forged', 'the delegation is signed and does not have the form of one');
}

/**
 * What a signed form says, whoever signed it: its key may be gone by the time that somebody reads what was done. Whoever
 * asks holds each scope against the digest that a receipt has of it.
 */
export function hopAsSigned(text: string): Hop | undefined {
  const jws = splitJws(text, HOP_CHARS_MAX);
  const claims = jws === undefined ? undefined : decodeSegment(jws.payload);
  return claims === undefined ? undefined : hopOf(claims);
}

function hopOf({ jti, may_act, hop }: JsonObject): Hop | undefined {
  if (typeof jti !== 'string' || !isId('dlg', jti) || !isJsonObject(may_act) || !isJsonObject(hop)) return undefined;
  const { subject, generation, depth, issued_at, expires_at } = hop;
  const parent = parentOf(hop.parent);
  const lender = lenderOf(hop.lender);
  const scope = readScope(hop.scope);
  if (parent === undefined || lender === undefined || typeof scope === 'string') return undefined;
  if (typeof may_act.sub !== 'string' || (subject !== null && typeof subject !== 'string')) return undefined;
  if (typeof generation !== 'number' || typeof depth !== 'number') return undefined;
  if (typeof issued_at !== 'number' || typeof expires_at !== 'number') return undefined;
  const whole = { actions: null, resources: null, budgets: {}, ...scope };
  return {
    id: jti,
    parent,
    lender,
    subject,
    actor: may_act.sub,
    generation,
    depth,
    scope: whole,
    issued_at,
    expires_at,
  };
}

function parentOf(value: JsonValue | undefined): Hop['parent'] | undefined {
  if (value === null) return null;
  if (!isJsonObject(value) || typeof value.id !== 'string' || typeof value.digest !== 'string') return undefined;
  return { id: value.id, digest: value.digest };
}

function lenderOf(value: JsonValue | undefined): Lender | undefined {
  if (!isJsonObject(value)) return undefined;
  const { kind, id, generation, run } = value;
  if (kind === 'user') return { kind };
  if (kind !== 'agent' || typeof id !== 'string' || typeof generation !== 'number' || typeof run !== 'string') {
    return undefined;
  }
  return { kind, id, generation, run };
}
