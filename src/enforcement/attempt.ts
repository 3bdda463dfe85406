import type { Cancellation } from '../core/cancellation.ts';
import type { Access } from '../core/decision.ts';
import type { Answer, Frame, Intent, Presented, ProtocolName } from '../core/exchange.ts';
import type { JsonValue } from '../core/json.ts';
import type { Offered } from '../core/manifest.ts';
import type { Caller, Run } from '../core/principal.ts';
import type { Refusal } from '../core/refusal.ts';

/**
 * What a protocol hands to the gateway for one exchange, and what it gets back. This is all that protocols and controls
 * know of each other: a protocol reads and writes the wire, the table decides whether anything happens.
 */
export interface Attempt {
  readonly protocol: ProtocolName;
  readonly presented: Presented;
  /** W3C trace id, hex, where the caller sent one. It may stand in the body: read it after `parse`. */
  readonly trace: string | undefined;
  /** Receipt id of an earlier pass that this one takes up. Read it after `parse`. */
  readonly continues: string | undefined;
  /** Wire message to accesses with arguments. Called once, after identity; may read the body, within its bounds. */
  parse(caller: Caller, run: Run): Promise<Intent | Refusal> | Intent | Refusal;
  /**
   * Carries out what was recorded, and nothing else: sends exactly `intent.sent`. Called at most once. A refusal is
   * returned where nothing left the gateway or the upstream failed; a throw counts as `unknown`.
   */
  forward(intent: Intent, io: ForwardIo): Promise<Answer | Refusal> | Answer | Refusal;
}

export interface ForwardIo {
  /** When the exchange is cut (kill, stop), when the caller goes away, or when time is up. */
  readonly cancellation: Cancellation;
  /** The receipt id of the intent; every answer carries it. */
  readonly receipt: string;
  readonly caller: Caller;
  readonly run: Run;
  /** Passes one frame on to the caller, inspected and counted. Resolves when the caller's side has taken it. */
  emit(frame: Frame): Promise<void>;
  /** Which of these would not certainly be denied to this caller, arguments unknown. For `discover` exchanges. */
  visible(candidates: readonly Pick<Access, 'action' | 'resource'>[]): readonly boolean[];
  /** Whether what a server offers is what was pinned; what is not must not reach an agent. */
  pinned(offered: Offered): boolean;
  /** Takes a request of the upstream's through the whole table, with the upstream as principal. */
  child(request: ChildRequest): Promise<ChildResult>;
}

/** A request from upstream (sampling, elicitation, roots). `carry` brings it to the agent and returns its answer. */
export type ChildRequest = {
  /** Opaque id of the upstream that asks; the principal is `Tool::"<upstream>"`. */
  upstream: string;
  intent: Intent;
  carry(cancellation: Cancellation): Promise<Answer | Refusal>;
};

export type ChildResult = { kind: 'answered'; value: JsonValue } | { kind: 'refused'; refusal: Refusal };

/** Where the frames of an exchange go. */
export interface Sink {
  frame(frame: Frame): Promise<void>;
  /** When the caller goes away. */
  readonly gone: Cancellation;
}

export type PassResult =
  | { kind: 'answered'; receipt: string; answer: Answer }
  /** `receipt` is undefined for refusals before identity, and while the log cannot be written. */
  | { kind: 'refused'; receipt: string | undefined; refusal: Refusal };

/** The one way in. */
export interface Gateway {
  exchange(attempt: Attempt, sink: Sink): Promise<PassResult>;
}
