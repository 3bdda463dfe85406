import { generateKeyPairSync } from 'node:crypto';
import type { Clock } from '../../../core/clock.ts';
import type { JsonObject } from '../../../core/json.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import { RateLimit } from '../rate-limits.ts';
import { type Bundle, writeBundle } from './bundle.ts';
import type { IssuedSvid, Issuer } from './issuer.ts';
import { verifyJwtSvid } from './jwt-svid.ts';
import { idOfAgent, type Mapped } from './mapping.ts';

const AUDIENCES_MAX = 8;
const AUDIENCE_CHARS_MAX = 1_024;
/** Each SVID costs a key, a signature and a receipt: for each workload so many at once, then so many a second. */
const FETCHES = { burst: 50, per_second: 5 };

/** A key and a certificate of a workload's own: made here, for its socket alone, and kept nowhere. */
export type X509Update = {
  id: string;
  certificate: Uint8Array;
  /** PKCS #8, DER. */
  private_key: Uint8Array;
  expires_at: number;
  bundle: Bundle;
  federated: readonly Bundle[];
};

export type BundlesUpdate = { bundles: readonly Bundle[] };

export type WorkloadParts = {
  clock: Clock;
  issuer: Issuer;
  trust_domain: string;
  bundles(): readonly [own: Bundle, ...federated: Bundle[]];
  /** `listen` is told when a bundle, an agent or a stop may have changed; `version` counts changes of bundles. */
  changes: { readonly version: number; listen(changed: () => void): () => void };
  now(): number;
};

/**
 * SPIFFE Workload API, by its meaning; a transport puts it on a wire. Streams say what is, then what has become of it: a
 * new SVID at half of the old one's life, a bundle when it changes. A refusal is the last thing that a stream says.
 */
export interface WorkloadApi {
  x509Svids(to: Mapped, signal: AbortSignal): AsyncIterable<X509Update | Refusal>;
  bundles(to: Mapped, signal: AbortSignal): AsyncIterable<BundlesUpdate | Refusal>;
  jwtSvid(
    to: Mapped,
    asked: { audience: readonly string[]; id: string },
  ): Promise<{ id: string; svid: string } | Refusal>;
  validate(to: Mapped, asked: { audience: string; svid: string }): { id: string; claims: JsonObject } | Refusal;
}

export function openWorkloadApi(parts: WorkloadParts): WorkloadApi {
  const limit = new RateLimit(FETCHES, () => parts.clock.monotonic());
  const spent = (to: Mapped): Refusal | undefined =>
    limit.take(idOfAgent(parts.trust_domain, to)) ? undefined : refuse('rate_limited', `${to.agent} fetches too often`);
  return {
    async *x509Svids(to, signal) {
      const refusal = spent(to);
      if (refusal === undefined) yield* x509Svids(to, signal, parts);
      else yield refusal;
    },
    bundles: (to, signal) => bundles(to, signal, parts),
    async jwtSvid(to, { audience, id }) {
      const named = audience.every((name) => name !== '' && name.length <= AUDIENCE_CHARS_MAX);
      if (audience.length === 0 || audience.length > AUDIENCES_MAX || !named) {
        return refuse('input_invalid', `a JWT-SVID is for 1 to ${AUDIENCES_MAX} audiences`);
      }
      if (id !== '' && id !== idOfAgent(parts.trust_domain, to)) {
        return refuse('svid_unmapped', 'the workload asked for a JWT-SVID of another SPIFFE ID');
      }
      return spent(to) ?? parts.issuer.jwt(to, audience);
    },
    validate(to, { audience, svid }) {
      const agent = parts.issuer.admits(to);
      if (isRefusal(agent)) return agent;
      const of = (trust_domain: string) => parts.bundles().find((bundle) => bundle.trust_domain === trust_domain);
      const verified = verifyJwtSvid(svid, { audience, now: parts.now() }, of);
      return isRefusal(verified) ? verified : { id: verified.id.text, claims: verified.claims };
    },
  };
}

async function* x509Svids(to: Mapped, signal: AbortSignal, parts: WorkloadParts): AsyncGenerator<X509Update | Refusal> {
  let held: (IssuedSvid & { private_key: Buffer; generation: number }) | undefined;
  let version = -1;
  for (;;) {
    const agent = parts.issuer.admits(to);
    if (isRefusal(agent)) return yield agent;
    const spent = held === undefined || parts.now() >= halfOf(held) || held.generation !== agent.generation;
    if (held === undefined || spent) {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const issued = await parts.issuer.agent(to, publicKey);
      if (isRefusal(issued)) return yield issued;
      const private_key = privateKey.export({ type: 'pkcs8', format: 'der' });
      held = { ...issued, private_key, generation: agent.generation };
    }
    if (spent || version !== parts.changes.version) {
      version = parts.changes.version;
      const [bundle, ...federated] = parts.bundles();
      const { id, certificate, private_key, expires_at } = held;
      yield { id, certificate, private_key, expires_at, bundle, federated };
    }
    await changed(parts, signal, halfOf(held) - parts.now());
    if (signal.aborted) return;
  }
}

export function halfOf({ issued_at, expires_at }: Pick<IssuedSvid, 'issued_at' | 'expires_at'>): number {
  return issued_at + (expires_at - issued_at) / 2;
}

async function* bundles(
  to: Mapped,
  signal: AbortSignal,
  parts: WorkloadParts,
): AsyncGenerator<BundlesUpdate | Refusal> {
  let version = -1;
  for (;;) {
    const agent = parts.issuer.admits(to);
    if (isRefusal(agent)) return yield agent;
    if (version !== parts.changes.version) {
      version = parts.changes.version;
      yield { bundles: parts.bundles() };
    }
    await changed(parts, signal, undefined);
    if (signal.aborted) return;
  }
}

/** Until something may have changed, the time is up, or nobody listens any more. */
function changed(parts: WorkloadParts, signal: AbortSignal, wait_ms: number | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      unlisten();
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const unlisten = parts.changes.listen(done);
    const cancel = wait_ms === undefined ? () => undefined : parts.clock.after(Math.max(wait_ms, 0), done);
    signal.addEventListener('abort', done, { once: true });
  });
}

/** The keys of JWT-SVIDs alone, as FetchJWTBundles has them. */
export function jwtBundle(bundle: Bundle): JsonObject {
  return writeBundle({ ...bundle, authorities: [], sequence: undefined, refresh_seconds: undefined });
}
