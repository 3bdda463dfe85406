import type { Subject } from '../../../core/principal.ts';
import type { Refusal } from '../../../core/refusal.ts';
import type { Secret } from '../../../core/secret.ts';
import type { CredentialSource, OnBehalf } from '../../../core/upstream-credential.ts';
import type { TokenClient } from '../token-client.ts';

/** What a server's tokens are for. `dpop`: they are bound to a key of this process (RFC 9449). */
type Wanted = { client: TokenClient; resource: string; url: string; dpop: boolean };

/** Where a server's tokens come from. None of these ever sees a token of an agent's. */
export type TokenSource =
  | ({ kind: 'client_credentials' } & Wanted)
  /** RFC 7523: what the platform that the gateway runs on says of it. Read anew for each token, since such words are short-lived. */
  | ({ kind: 'workload'; assertion: () => Promise<Secret | Refusal> } & Wanted)
  /** RFC 8693: our own word on who acts for whom, for a token of the server's. */
  | ({ kind: 'exchange'; audience?: string | undefined } & Wanted)
  /** The same at the company's identity provider, for an ID-JAG, and that for a token at the server's. */
  | ({ kind: 'id_jag'; idp: TokenClient; subject: 'assertion' | 'id_token' } & Wanted);

/** For all users alike: its tokens say nothing of whom the gateway acts for. */
export function isOwn({ kind }: TokenSource): boolean {
  return kind === 'client_credentials' || kind === 'workload';
}

export type Consent = { person: string; upstream: string; client: string; given_at: number };

export interface UpstreamTokens {
  /** The token that `server` is shown; of the user and agent for whom it is called. */
  credential(server: string, source: TokenSource, on: OnBehalf | undefined): ReturnType<CredentialSource>;
  /** A person lets the gateway's client at a server act in their name. */
  consent(upstream: string, source: TokenSource, person: Subject): Promise<Consent | Refusal>;
  /** The ID token that the company's identity provider gave this person, for sources that need one. */
  keepIdToken(source: TokenSource, person: Subject, token: Secret): Promise<Refusal | undefined>;
  withdraw(upstream: string, person: Subject): Promise<Refusal | undefined>;
  consents(person: string): Promise<readonly Consent[]>;
}
