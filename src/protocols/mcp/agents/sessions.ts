import { type Cancellation, Canceller, FirstOf } from '../../../core/cancellation.ts';
import type { Clock, Random } from '../../../core/clock.ts';
import { newId } from '../../../core/ids.ts';
import type { JsonObject } from '../../../core/json.ts';
import type { Caller, Principal, Run } from '../../../core/principal.ts';
import { type Refusal, refuse } from '../../../core/refusal.ts';
import type { RpcOutcome, UpstreamSession } from '../upstream.ts';
import { EventLog } from './event-log.ts';
import type { SessionStore } from './store.ts';
import type { RpcId } from './wire.ts';

const IDLE_MS_MAX = 30 * 60_000;
const STREAMS_MAX = 32;
const IN_FLIGHT_MAX = 128;
const SUBSCRIPTIONS_MAX = 256;

/** What the agent said of itself when it began. */
export type SessionFacts = {
  version: string;
  capabilities: JsonObject;
  clientInfo: JsonObject;
  /** The one server of `/mcp/<server>`, or undefined at `/mcp`. */
  server: string | undefined;
};

/** A message to the agent that belongs to none of its requests. */
export type Notice = { method: string; params: JsonObject };

/**
 * One session of 2025-11-25. Its id is no credential: it is bound to the principal and the run that began it, and is
 * unknown to every other, whoever guesses it.
 */
export class Session {
  readonly id: string;
  readonly principal: Principal;
  readonly run: string;
  readonly facts: SessionFacts;
  /** Least severe log line that the agent wants, once it has said so. */
  level: string | undefined;
  used_at: number;
  readonly subscriptions = new Set<string>();
  readonly #random: Random;
  readonly #inFlight = new Map<string, () => void>();
  readonly #asked = new Map<string, (outcome: RpcOutcome) => void>();
  readonly #streams = new Map<string, EventLog>();
  readonly #heard = new WeakSet<UpstreamSession>();
  readonly #closing = new Canceller();
  #listener: ((notice: Notice) => void) | undefined;

  constructor(from: { id: string; caller: Caller; run: Run; facts: SessionFacts; now: number; random: Random }) {
    this.id = from.id;
    this.principal = from.caller.principal;
    this.run = from.run.id;
    this.facts = from.facts;
    this.used_at = from.now;
    this.#random = from.random;
  }

  /** When the session ends. */
  get closed(): Cancellation {
    return this.#closing;
  }

  belongsTo(caller: Caller, run: Run): boolean {
    const { type, id } = caller.principal;
    return this.principal.type === type && this.principal.id === id && this.run === run.id;
  }

  get isBusy(): boolean {
    return this.#inFlight.size > 0 || this.#listener !== undefined;
  }

  /** Lets `notifications/cancelled` find a request. */
  begin(id: RpcId, cancel: () => void): Refusal | undefined {
    const key = keyOf(id);
    if (this.#inFlight.has(key)) return refuse('request_malformed', 'a request with this id is in flight');
    if (this.#inFlight.size >= IN_FLIGHT_MAX) return refuse('rate_limited', `${IN_FLIGHT_MAX} requests in flight`);
    this.#inFlight.set(key, cancel);
    return undefined;
  }

  finish(id: RpcId): void {
    this.#inFlight.delete(keyOf(id));
  }

  cancel(id: RpcId): void {
    this.#inFlight.get(keyOf(id))?.();
  }

  /** A stream that can be taken up again. The oldest that have ended make room. */
  stream(): EventLog {
    for (const [name, log] of this.#streams) {
      if (this.#streams.size < STREAMS_MAX) break;
      if (log.ended) this.#streams.delete(name);
    }
    const log = new EventLog(newId('ses', this.#random).slice(4, 20));
    if (this.#streams.size < STREAMS_MAX) this.#streams.set(log.name, log);
    return log;
  }

  findStream(name: string): EventLog | undefined {
    return this.#streams.get(name);
  }

  /** Asks the agent something: `say` brings the question to it. Rejects when nobody waits for it. */
  ask(
    method: string,
    params: JsonObject,
    say: (text: string) => Promise<void>,
    cancellation: Cancellation,
  ): Promise<RpcOutcome> {
    const id = newId('ses', this.#random);
    return new Promise((resolve, reject) => {
      const over = new FirstOf(cancellation, this.#closing);
      const unanswered = () => {
        this.#asked.delete(id);
        over.release();
        reject(new Error('the exchange ended before the agent answered'));
      };
      if (over.cancelled) return unanswered();
      over.onCancel(unanswered);
      this.#asked.set(id, (outcome) => {
        this.#asked.delete(id);
        over.release();
        resolve(outcome);
      });
      say(JSON.stringify({ jsonrpc: '2.0', id, method, params })).catch(unanswered);
    });
  }

  /** @returns false for an answer to nothing that was asked here, or that was answered before. */
  answer(id: RpcId, outcome: RpcOutcome): boolean {
    const resolve = this.#asked.get(String(id));
    resolve?.(outcome);
    return resolve !== undefined;
  }

  /** The one GET stream. A new one takes over: who reconnects need not wait until the lost connection is noticed. */
  listen(listener: (notice: Notice) => void): () => void {
    this.#listener = listener;
    return () => {
      if (this.#listener === listener) this.#listener = undefined;
    };
  }

  /** Without a GET stream there is nobody to tell. */
  notify(notice: Notice): void {
    this.#listener?.(notice);
  }

  subscribe(uri: string): Refusal | undefined {
    if (this.subscriptions.size >= SUBSCRIPTIONS_MAX)
      return refuse('rate_limited', `${SUBSCRIPTIONS_MAX} subscriptions`);
    this.subscriptions.add(uri);
    return undefined;
  }

  /** Passes on what the server says outside of any request; once for each of its sessions. */
  hear(upstream: UpstreamSession, pass: (method: string, params: JsonObject) => void): void {
    if (this.#heard.has(upstream)) return;
    this.#heard.add(upstream);
    const stop = upstream.listen(pass);
    this.#closing.onCancel(stop);
  }

  close(): void {
    this.#closing.cancel();
    for (const cancel of this.#inFlight.values()) cancel();
    for (const log of this.#streams.values()) log.end();
  }
}

export type Sessions = {
  begin(caller: Caller, run: Run, facts: SessionFacts): Promise<Session | Refusal>;
  find(id: string, caller: Caller, run: Run): Session | Refusal;
  end(session: Session): Promise<void>;
  close(): void;
};

/** The sessions that this replica holds. Another's are unknown here, and the agent begins anew (404, as specified). */
export function openSessions(from: {
  clock: Clock;
  random: Random;
  store: SessionStore | undefined;
  perAgentMax(): number;
}): Sessions {
  const { clock, random, store } = from;
  const sessions = new Map<string, Session>();

  async function end(session: Session): Promise<void> {
    if (!sessions.delete(session.id)) return;
    session.close();
    await store?.end(session.id);
  }

  /** Ends what nobody used for long; when full, what of this agent's was used least recently. */
  function makeRoom(caller: Caller): void {
    const own: Session[] = [];
    for (const session of sessions.values()) {
      const idle = !session.isBusy && clock.now() - session.used_at > IDLE_MS_MAX;
      if (idle) void end(session).catch(() => undefined);
      else if (session.principal.id === caller.principal.id) own.push(session);
    }
    const surplus = own.filter((session) => !session.isBusy).sort((a, b) => a.used_at - b.used_at);
    for (let left = own.length; left >= from.perAgentMax() && surplus.length > 0; left -= 1) {
      void end(surplus.shift() as Session).catch(() => undefined);
    }
  }

  return {
    async begin(caller, run, facts) {
      makeRoom(caller);
      let count = 0;
      for (const session of sessions.values()) if (session.principal.id === caller.principal.id) count += 1;
      if (count >= from.perAgentMax()) return refuse('rate_limited', `${count} sessions of this agent are in use`);
      const now = clock.now();
      const session = new Session({ id: newId('ses', random), caller, run, facts, now, random });
      sessions.set(session.id, session);
      const principal = `${caller.principal.type}::${caller.principal.id}`;
      await store?.begin({ id: session.id, principal, run: run.id, server: facts.server, opened_at: now });
      return session;
    },
    find(id, caller, run) {
      const session = sessions.get(id);
      if (session === undefined || !session.belongsTo(caller, run)) {
        return refuse('session_unknown', session ? 'the session of another caller or run' : 'no such session here');
      }
      session.used_at = clock.now();
      return session;
    },
    end,
    close() {
      for (const session of sessions.values()) session.close();
      sessions.clear();
    },
  };
}

function keyOf(id: RpcId): string {
  return `${typeof id}:${id}`;
}
