import type { Subject } from '../../../core/principal.ts';
import type { Refusal } from '../../../core/refusal.ts';
import type { Secret } from '../../../core/secret.ts';
import type { CredentialSource, OnBehalf } from '../../../core/upstream-credential.ts';
import type { ClientMethod } from '../token-client.ts';

/** A server at which each person signs in by themselves, as the operator's file has it. */
export type ConnectSource = {
  /** Of the server, which is also where its authorization is found. */
  url: string;
  /** The authorization server, where the server may name no other. */
  issuer?: string | undefined;
  /** How the gateway is known there, where it was registered by hand. */
  client_id?: string | undefined;
  client_secret?: Secret | undefined;
  client_key?: Secret | undefined;
  method?: ClientMethod | undefined;
  /** Asked for in the place of what the server says. */
  scope?: string | undefined;
  /** Addresses of authorization servers that may be private. */
  addresses: readonly string[];
  ca?: string | undefined;
  dpop: 'auto' | 'required' | 'never';
};

/** Of a person, or of the gateway itself: for its lists, and for agents that act in nobody's name. */
export const GATEWAY = 'gateway';

export type Connection = {
  upstream: string;
  /** `gateway`, or a person's id. */
  holder: string;
  issuer: string;
  client_id: string;
  scope: string;
  dpop: boolean;
  /** Without it the connection lasts as long as its access token. */
  renewable: boolean;
  made_by: string;
  made_at: number;
};

export type Begun = {
  /** Where the person's browser goes. */
  url: string;
  issuer: string;
  scope: string | undefined;
  expires_at: number;
};

/** What the authorization server sent the browser back with. */
export type Returned = {
  state: string;
  code?: string | undefined;
  error?: string | undefined;
  iss?: string | undefined;
};

export interface Connections {
  /** What `server` is shown for whoever it is called for; told of by its answers. */
  credential(server: string, source: ConnectSource, on: OnBehalf | undefined): ReturnType<CredentialSource>;
  /** Whether the server has said, to anybody, what it wants; where not, it is worth a question. */
  hasHeard(server: string): Promise<boolean>;
  begin(server: string, source: ConnectSource, person: Subject, holder: string): Promise<Begun | Refusal>;
  /** @param sourceOf as the configuration is now */
  finish(
    person: Subject,
    returned: Returned,
    sourceOf: (server: string) => ConnectSource | undefined,
  ): Promise<Connection | Refusal>;
  list(holder: string): Promise<readonly Connection[]>;
  /** When the access token at hand ends. */
  endsAt(of: Connection): Promise<number | null>;
  end(server: string, holder: string, person: Subject): Promise<Refusal | undefined>;
  /** Those of people who have no account any more: nothing of them is kept. */
  endLeft(): Promise<void>;
}
