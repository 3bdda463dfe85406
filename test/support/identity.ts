import { generateKeyPairSync, type JsonWebKeyInput, randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type ControlChange,
  type Identity,
  type IdentityKeys,
  type IdentityParts,
  identityMigrations,
  openIdentity,
  type SigningJwk,
} from '../../src/controls/identity/index.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { Presented } from '../../src/core/exchange.ts';
import { isRefusal, type RefusalCode } from '../../src/core/refusal.ts';
import { Secret } from '../../src/core/secret.ts';
import { systemClock } from '../../src/main/clock.ts';
import { type Database, migrate, openDatabase, openStateWatch, type StateWatch } from '../../src/storage/index.ts';
import { AgentClient, type AgentKey, ProofKey } from './agent-client.ts';
import { closedAuthorization, noDocuments } from './documents.ts';
import { vaultParts } from './vault.ts';

/** A clock that runs as the machine's, and can be moved forward. */
export class MovableClock implements Clock {
  #ahead = 0;
  now = (): number => Math.floor(systemClock.now() + this.#ahead);
  monotonic = (): number => systemClock.monotonic() + this.#ahead;
  after = (delay_ms: number, work: () => void): (() => void) => systemClock.after(delay_ms, work);
  forward(ms: number): void {
    this.#ahead += ms;
  }
}

export const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

export function makeKeys(): IdentityKeys {
  let next: Secret<SigningJwk> | undefined;
  const keys: IdentityKeys = {
    signing: makeSigningKey(),
    succession: {
      next: () => (next ??= makeSigningKey()),
      take() {
        keys.signing = next ?? makeSigningKey();
        next = undefined;
      },
    },
    sealing: new Secret(random(32)),
    pins: new Secret(random(32)),
  };
  return keys;
}

function makeSigningKey(): Secret<SigningJwk> {
  const { x, y, d } = makeAgentKey();
  return new Secret({ kty: 'EC', crv: 'P-256', kid: `key_${x.slice(0, 8)}`, x, y: y!, d });
}

export function makeAgentKey(kind: 'P-256' | 'Ed25519' = 'P-256'): AgentKey {
  const pair = kind === 'P-256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519');
  return pair.privateKey.export({ format: 'jwk' }) as AgentKey;
}

export function publicHalf({ d: _, ...key }: AgentKey): JsonWebKeyInput['key'] & Record<string, string> {
  return key as Record<string, string>;
}

export type Replica = {
  identity: Identity;
  state: StateWatch;
  db: Database;
  /** What was written to the log, in order. */
  recorded: ControlChange[];
  refused: RefusalCode[];
  problems: string[];
};

/** One replica's identity on a database that is there. */
export async function openReplica(
  given: { db: Database; issuer: string } & Partial<
    Pick<IdentityParts, 'authorization' | 'clock' | 'documents' | 'issuers' | 'keys' | 'record' | 'vault'>
  >,
): Promise<Replica> {
  const { db, clock = systemClock } = given;
  const state = openStateWatch({ db, clock });
  const recorded: ControlChange[] = [];
  const refused: RefusalCode[] = [];
  const problems: string[] = [];
  const identity = await openIdentity({
    db,
    clock,
    random,
    state,
    issuer: given.issuer,
    ...closedAuthorization,
    keys: given.keys ?? makeKeys(),
    record: async (_tx, change) => `rcp_${recorded.push(change)}`,
    documents: given.documents ?? noDocuments,
    issuers: given.issuers ?? [],
    vault: given.vault ?? vaultParts(),
    refused: (code) => refused.push(code),
    report: (problem) => problems.push(problem),
    ...(given.record === undefined ? {} : { record: given.record }),
    ...(given.authorization === undefined ? {} : { authorization: given.authorization }),
  });
  await state.start();
  return { identity, state, db, recorded, refused, problems };
}

export type World = Replica & {
  clock: MovableClock;
  keys: IdentityKeys;
  /** Signs an access token as the gateway would, with claims of the test's own. */
  forge(claims: Record<string, unknown>, header?: Record<string, unknown>): string;
  /** Another replica on the same database, with a signing key of its own. */
  another(): Promise<Replica>;
  issuer: string;
  /** Registers an agent and gives it a token. */
  agent(given?: { id?: string; jobs?: string[]; kind?: 'P-256' | 'Ed25519'; resource?: string }): Promise<AgentClient>;
  /** What a protocol would hand to identity for a request of this client's. */
  present(client: AgentClient, more?: Partial<Presented>): Presented;
  close(): Promise<void>;
};

/** A whole identity with its authorization server listening, on a database of its own. */
export async function openWorld(
  url = 'sqlite::memory:',
  more: Partial<Pick<IdentityParts, 'documents' | 'issuers'>> = {},
): Promise<World> {
  const clock = new MovableClock();
  const db = await openDatabase({ url, clock });
  await migrate(db, identityMigrations);
  const server = createServer();
  const issuer = await listen(server);
  const keys = makeKeys();
  const replica = await openReplica({ db, issuer, clock, keys, ...more });
  const others: Replica[] = [];
  server.on('request', (request, response) => replica.identity.authorizationServer.handler(request, response));
  return {
    ...replica,
    clock,
    issuer,
    keys,
    forge: (claims, header) => forge(keys, claims, header),
    async another() {
      const other = await openReplica({
        ...more,
        db,
        issuer,
        clock,
        keys: Object.assign(makeKeys(), { sealing: keys.sealing, pins: keys.pins }),
      });
      others.push(other);
      return other;
    },
    agent: (given = {}) => addAgent(replica.identity, issuer, given),
    present: (client, more = {}) => presented(client, more),
    async close() {
      server.closeAllConnections();
      server.close();
      for (const { identity, state } of [replica, ...others]) {
        await identity.close();
        state.stop();
      }
      await db.close();
    },
  };
}

function forge(keys: IdentityKeys, claims: Record<string, unknown>, header: Record<string, unknown> = {}): string {
  const key = keys.signing.reveal();
  return new ProofKey(key).jwt({ typ: 'at+jwt', alg: 'ES256', kid: key.kid, ...header }, claims);
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function addAgent(
  identity: Identity,
  issuer: string,
  given: { id?: string; jobs?: string[]; kind?: 'P-256' | 'Ed25519'; resource?: string },
): Promise<AgentClient> {
  const { id = 'triage', jobs = ['triage-issues'] } = given;
  const key = makeAgentKey(given.kind);
  const added = await identity.agents.add({ id, owner: 'ops', jobs, public_key: publicHalf(key) }, 'local');
  if (isRefusal(added)) throw new Error(added.reason);
  const resource = given.resource === undefined ? {} : { resource: given.resource };
  return AgentClient.open({ issuer, agent: id, key, job: jobs[0]!, ...resource });
}

export function presented(client: AgentClient, more: Partial<Presented> = {}): Presented {
  const method = more.method ?? 'POST';
  const path = more.path ?? '/mcp';
  const headers = client.headers(method, client.options.issuer + path);
  return {
    address: '127.0.0.1',
    host: new URL(client.options.issuer).host,
    origin: undefined,
    authorization: headers.authorization,
    proofs: [headers.dpop],
    method,
    path,
    bytes_announced: 0,
    ...more,
  };
}
