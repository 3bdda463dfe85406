import type { SignedIn } from '../controls/identity/index.ts';
import type { Refusal } from '../core/refusal.ts';
import type { Secret } from '../core/secret.ts';
import type { LiveEvent, Operation, Output, Parsed, ROUTES } from './contract/index.ts';
import type { ApiCaller } from './server/caller.ts';

/** What every handler knows besides its input. Role and presence were checked before it is called. */
export type Call = {
  caller: ApiCaller;
  /** Peer address; limits count by it. */
  source: string;
  /** Sets or clears the session's cookie on the answer. */
  cookie: { set(signedIn: SignedIn): void; clear(): void };
  /** What a sign-in was begun with, sealed, in a cookie of its own. */
  flow: { read(): string | undefined; set(flow: Secret): void; clear(): void };
};

type Streaming = { [O in Operation]: (typeof ROUTES)[O]['answers'] extends 'events' ? O : never }[Operation];

export type Handler<O extends Operation> = (
  input: Parsed<O>,
  call: Call,
) => Promise<Output<O> | Refusal> | Output<O> | Refusal;

/** One for each line of the contract that answers at once. */
export type Handlers = { readonly [O in Exclude<Operation, Streaming>]: Handler<O> };

export type StreamEvent = { id: number | undefined; event: LiveEvent };
export type StreamHandler<O extends Operation> = (
  input: Parsed<O>,
  call: Call & { last_event_id: string | undefined; signal: AbortSignal },
) => Promise<AsyncIterable<StreamEvent | 'idle'> | Refusal>;

/** One for each line that answers with events. */
export type StreamHandlers = { readonly [O in Streaming]: StreamHandler<O> };
