import { InvalidGrant, InvalidRequest, TemporarilyUnavailable } from 'oidc-provider/lib/helpers/errors.js';
import { Provider } from 'oidc-provider/lib/provider.js';
import type { Database } from '../../../storage/index.ts';
import { algorithmsOf } from '../jwk.ts';
import type { Standing } from '../standing.ts';
import { holdsAssertion, insertAssertion } from '../store/claims.ts';
import { type CertificateReader, isCertified, subjectOf } from './certificates.ts';
import { PERSONS_GRANTS, SECONDS_MAX } from './settings.ts';
import {
  consumeArtefact,
  deleteArtefact,
  deleteOfGrant,
  findArtefact,
  type StoredArtefact,
  saveArtefact,
} from './store.ts';

type Payload = Record<string, unknown>;

/** What oidc-provider asks of its storage (its documented adapter interface). */
export interface OidcAdapter {
  find(id: string): Promise<Payload | undefined>;
  findByUid(uid: string): Promise<Payload | undefined>;
  findByUserCode(user_code: string): Promise<Payload | undefined>;
  upsert(id: string, payload: Payload, expires_in_s?: number): Promise<void>;
  consume(id: string): Promise<void>;
  destroy(id: string): Promise<void>;
  revokeByGrantId(grant: string): Promise<void>;
}

export type AdapterParts = {
  db: Database;
  standing: Standing;
  now: () => number;
  /** What agents may ask with. */
  grant_types: readonly string[];
  /** Reads certificates of connections, where there is a trust domain. */
  svids: CertificateReader | undefined;
  /** Ends what a person let a client do, with its run. */
  endGrant: (id: string) => Promise<void>;
};

/** Kept as rows that end by themselves. `Client` is a client that registered itself. */
const KEPT: ReadonlySet<string> = new Set([
  'AuthorizationCode',
  'RefreshToken',
  'DeviceCode',
  'Interaction',
  'PushedAuthorizationRequest',
  'Grant',
]);

export function adapterFor(model: string, parts: AdapterParts): OidcAdapter {
  if (model === 'Client') return { ...nowhere(model), ...clients(parts) };
  if (model === 'ReplayDetection') return { ...nowhere(model), ...replays(parts) };
  if (model === 'Session') return { ...nowhere(model), upsert: async () => {}, destroy: async () => {} };
  return KEPT.has(model) ? { ...nowhere(model), ...artefacts(model, parts) } : nowhere(model);
}

/** Access tokens are self-contained; of sessions there are none: people sign in to the console, which is elsewhere. */
function nowhere(model: string): OidcAdapter {
  return {
    find: async () => undefined,
    findByUid: async () => undefined,
    findByUserCode: async () => undefined,
    upsert: () => Promise.reject(new Error(`${model} is not stored here`)),
    consume: () => Promise.reject(new Error(`${model} is not stored here`)),
    destroy: () => Promise.reject(new Error(`${model} is not stored here`)),
    revokeByGrantId: async () => {},
  };
}

function artefacts(model: string, { db, now, endGrant }: AdapterParts): Partial<OidcAdapter> {
  return {
    find: async (id) => restored(id, await findArtefact(db, model, id)),
    async upsert(id, payload, expires_in_s = SECONDS_MAX.grant) {
      const { jti: _, userCode, ...kept } = payload;
      const saved = await saveArtefact(
        db,
        {
          model,
          id,
          payload: kept,
          grant: text(payload.grantId),
          user_code: text(userCode),
          expires_at: now() + expires_in_s * 1000,
        },
        now(),
      );
      if (!saved) throw new TemporarilyUnavailable('too many requests are under way; try again shortly');
    },
    /** oidc-provider looks and then consumes, which two requests at once pass together; the row lets one through. */
    async consume(id) {
      const before = await findArtefact(db, model, id);
      if (await consumeArtefact(db, model, id, now())) return;
      const grant = text(before?.payload.grantId);
      if (grant !== undefined) await endGrant(grant);
      throw new InvalidGrant(`this ${model} was used before`);
    },
    destroy: (id) => (model === 'Grant' ? endGrant(id) : deleteArtefact(db, model, id)),
    revokeByGrantId: (grant) => deleteOfGrant(db, model, grant),
  };
}

function restored(id: string, stored: StoredArtefact | undefined): Payload | undefined {
  if (stored === undefined) return undefined;
  const { payload, consumed_at } = stored;
  return { ...payload, jti: id, ...(consumed_at === null ? {} : { consumed: Math.floor(consumed_at / 1000) }) };
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Agents, which people register, and clients that registered themselves. No agent's name looks like such a client's. */
function clients({ db, standing, grant_types, svids, now }: AdapterParts): Partial<OidcAdapter> {
  return {
    async find(id) {
      const agent = standing.agents.get(id);
      if (agent === undefined) return (await findArtefact(db, 'Client', id))?.payload;
      return {
        client_id: id,
        grant_types: [...grant_types],
        response_types: [],
        redirect_uris: [],
        ...((await isCertified(id, Provider.ctx, svids)) ? byCertificate(id) : byKey()),
        // One entry for each name of the algorithm: a signature may call Ed25519 either.
        jwks: { keys: algorithmsOf(agent.public_key).map((alg) => ({ ...agent.public_key, alg, use: 'sig' })) },
      };
    },
    async upsert(id, payload) {
      const kept = { ...payload, grant_types: granted(payload.grant_types) };
      const expires_at = now() + SECONDS_MAX.client * 1000;
      const row = { model: 'Client', id, payload: kept, grant: undefined, user_code: undefined, expires_at };
      if (!(await saveArtefact(db, row, now()))) throw new TemporarilyUnavailable('too many clients registered');
    },
  };
}

function byKey(): Payload {
  return { token_endpoint_auth_method: 'private_key_jwt', dpop_bound_access_tokens: true };
}

/** Its token is bound to the certificate, as it would be to a key. */
function byCertificate(id: string): Payload {
  const names = { tls_client_auth_san_uri: subjectOf(id) };
  return { token_endpoint_auth_method: 'tls_client_auth', tls_client_certificate_bound_access_tokens: true, ...names };
}

/** Whoever registers itself gets what a person can let it have, and nothing that it could do alone. */
function granted(asked: unknown): string[] {
  return PERSONS_GRANTS.filter((type) => Array.isArray(asked) && asked.includes(type));
}

function replays({ db, now }: AdapterParts): Partial<OidcAdapter> {
  return {
    async find(id) {
      return (await holdsAssertion(db, id)) ? { jti: id } : undefined;
    },
    /** oidc-provider looks and then stores, which two requests at once pass together; the unique index lets one through. */
    async upsert(id, _payload, expires_in_s = 0) {
      const first = await insertAssertion(db, { claim: id, expires_at: now() + expires_in_s * 1000 });
      if (!first) throw new InvalidRequest('this assertion or proof was used before');
    },
  };
}
