import type { IncomingMessage, ServerResponse } from 'node:http';
import type { JsonObject } from '../../../core/json.ts';
import type { Refusal } from '../../../core/refusal.ts';
import type { Secret } from '../../../core/secret.ts';
import type { AuthorityEntry } from './authorities.ts';
import type { FederatedEntry } from './bundles.ts';
import type { Mapped, MappingRule } from './mapping.ts';
import type { WorkloadApi } from './workload-api.ts';

/** From configuration. */
export type SpiffeSettings = {
  trust_domain: string;
  svid_ms: number;
  authority_ms: number;
  /** Where bundles of other trust domains are: https addresses or absolute paths. */
  sources: Readonly<Record<string, string>>;
  /** Host names and addresses under which the gateway's own listener is reached. */
  hosts: readonly string[];
  /** Asked at each request: a reload may change them. */
  rules(): readonly MappingRule[];
};

/** What a TLS listener shows, and the authorities of every trust domain that it may meet. PEM. */
export type ServerCredentials = { certificate: string; private_key: Secret; authorities: readonly string[] };

export type SvidRefusal = { at: number; code: string; reason: string };

export type SpiffeStatus = {
  trust_domain: string;
  authorities: readonly AuthorityEntry[];
  /** The gateway's own SVID. */
  svid: { id: string; thumbprint: string; issued_at: number; expires_at: number; rotations: number };
  federated: readonly FederatedEntry[];
  /** The last ones, the newest first. */
  refusals: readonly SvidRefusal[];
};

/** The trust domain of this installation. */
export interface Spiffe {
  readonly workloads: WorkloadApi;
  credentials(): ServerCredentials;
  /** Called when `credentials` has changed. */
  onCredentials(changed: () => void): () => void;
  /** `svid`: another certificate of the gateway's own, now. `authority`: the next authority, which signs after the overlap. */
  rotate(what: 'svid' | 'authority', by: string): Promise<Refusal | undefined>;
  status(): SpiffeStatus;
  /** Our own bundle, as others read it. */
  bundle(): JsonObject;
  /** One SVID for whoever brings the token, within minutes. */
  joinToken(to: Mapped, by: string): Promise<{ secret: Secret; expires_at: number } | Refusal>;
  /** `/spiffe/bundle`, `/spiffe/join` and `/spiffe/svid`. */
  readonly door: { serves(path: string): boolean; handler(request: IncomingMessage, response: ServerResponse): void };
  close(): void;
}
