import type { Subject } from '../../../core/principal.ts';
import type { Refusal } from '../../../core/refusal.ts';
import type { Secret } from '../../../core/secret.ts';
import type { CredentialSource, OnBehalf } from '../../../core/upstream-credential.ts';

/** How the gateway is known at a token endpoint. Without a secret it signs an assertion with its own key (RFC 7523). */
export type TokenClient = {
  token_endpoint: string;
  /** Audience of assertions; the token endpoint's origin without it. */
  issuer?: string | undefined;
  client_id: string;
  client_secret?: Secret | undefined;
  scope?: string | undefined;
};

/** Where a server's tokens come from. None of these ever sees a token of an agent's. */
export type TokenSource =
  | { kind: 'client_credentials'; client: TokenClient; resource: string }
  /** RFC 8693: our own word on who acts for whom, for a token of the server's. */
  | { kind: 'exchange'; client: TokenClient; resource: string; audience?: string | undefined }
  /** The same at the company's identity provider, for an ID-JAG, and that for a token at the server's. */
  | { kind: 'id_jag'; idp: TokenClient; client: TokenClient; resource: string };

export type Consent = { person: string; upstream: string; client: string; given_at: number };

export interface UpstreamTokens {
  /** The token that `server` is shown; of the user and agent for whom it is called. */
  credential(server: string, source: TokenSource, on: OnBehalf | undefined): ReturnType<CredentialSource>;
  /** A person lets the gateway's client at a server act in their name. */
  consent(upstream: string, source: TokenSource, person: Subject): Promise<Consent | Refusal>;
  withdraw(upstream: string, person: Subject): Promise<Refusal | undefined>;
  consents(person: string): Promise<readonly Consent[]>;
}
