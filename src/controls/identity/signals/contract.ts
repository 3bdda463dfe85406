import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Secret } from '../../../core/secret.ts';

/** Somebody whose security events count here (a receiver's view of a stream, OpenID SSF 1.0, section 8). */
export type SignalSource = {
  /** `iss` of its events, and where its keys are. */
  issuer: string;
  jwks_uri: string;
  ca?: string | undefined;
  /** `aud` of events that are for us; the gateway's own issuer without it. */
  audience?: string | undefined;
  /** What the transmitter shows when it pushes (RFC 8935); without it nobody may push in its name. */
  push_token?: Secret | undefined;
  /** Where events are fetched (RFC 8936). */
  poll?: { url: string; token: Secret; every_seconds: number } | undefined;
};

/** Somebody who is told what was revoked here. */
export type SignalSink = {
  /** Name of the stream, in its address and in faults. */
  stream: string;
  audience: string;
  push?: { url: string; token?: Secret | undefined; ca?: string | undefined } | undefined;
  /** What the receiver shows when it fetches. */
  poll_token?: Secret | undefined;
};

/** Signs security events (RS256, as CAEP's interoperability profile has it). */
export type SignalsJwk = { kty: 'RSA'; kid: string; n: string; e: string; d: string } & Record<
  'p' | 'q' | 'dp' | 'dq' | 'qi',
  string
>;

export type SignalSettings = {
  receive: readonly SignalSource[];
  transmit: readonly SignalSink[];
  /** Made when the first event is told. */
  key(): Secret<SignalsJwk>;
};

export interface Signals {
  serves(path: string): boolean;
  handler(request: IncomingMessage, response: ServerResponse): void;
}
