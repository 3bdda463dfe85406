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
  /** The server did not accept it: what is kept of it is not shown again. */
  refused?: (() => void) | undefined;
};

/**
 * What a server is to be shown; undefined where its configuration names nothing. Without `on` it is the gateway itself that
 * asks, reading what the server offers. Synchronous where it is at hand.
 */
export type CredentialSource = (
  server: string,
  on: OnBehalf | undefined,
) => UpstreamCredential | Refusal | undefined | Promise<UpstreamCredential | Refusal | undefined>;
