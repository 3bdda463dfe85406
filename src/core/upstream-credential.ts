import type { Caller, Run } from './principal.ts';
import type { Refusal } from './refusal.ts';
import type { Secret } from './secret.ts';

/** For whom a server behind the gateway is called. */
export type OnBehalf = { run: Run; caller?: Caller | undefined };

/** What a server is shown in an exchange. It is made for `forward` and handed to no other stage. */
export type UpstreamCredential = {
  kind: 'credential';
  /** Opaque: which entry or grant, and which version of it. A change of it means another credential. */
  id: string;
  /** Names in lower case. */
  headers: Readonly<Record<string, Secret>>;
  /** Variables of a child that serves one run alone. */
  env: Readonly<Record<string, Secret>>;
  /** What must not come back in an answer: the values above, and what they were made from. */
  secrets: readonly Secret[];
  /** Made anew for each message, such as a DPoP proof. Names in lower case. */
  proof?: ((method: HttpMethod) => Readonly<Record<string, Secret>>) | undefined;
  /**
   * Told of each answer. `again`: what was missing is known now, and the same message may be sent once more. A refusal says
   * why the server did not accept it, in the place of what would be said otherwise.
   */
  heard?: ((answer: CredentialAnswer) => 'again' | Refusal | undefined) | undefined;
};

export type HttpMethod = 'GET' | 'POST' | 'DELETE';

/** What the head of an answer over HTTP says of the credential, as it came. */
export type CredentialAnswer = {
  status: number;
  /** `WWW-Authenticate`. */
  challenge: string | undefined;
  /** `DPoP-Nonce` (RFC 9449, section 9). */
  nonce: string | undefined;
};

/**
 * What a server is to be shown; undefined where its configuration names nothing. Without `on` it is the gateway itself that
 * asks, reading what the server offers. Synchronous where it is at hand.
 */
export type CredentialSource = (
  server: string,
  on: OnBehalf | undefined,
) => UpstreamCredential | Refusal | undefined | Promise<UpstreamCredential | Refusal | undefined>;
