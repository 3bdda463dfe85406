import { hash } from 'node:crypto';
import type { Answer, Intent } from '../../src/core/exchange.ts';
import { type Refusal, refuse } from '../../src/core/refusal.ts';
import type { ChildRequest, ForwardIo } from '../../src/enforcement/index.ts';
import type { Call } from './call.ts';
import type { Chance } from './chance.ts';
import type { Judge } from './judge.ts';
import type { Loop } from './loop.ts';
import { Link } from './network.ts';
import type { Replica } from './replica.ts';

/** The server that does what it is told; slow, silent or absent at times. What it does, the judge sees. */
export class Upstream {
  readonly #loop: Loop;
  readonly #chance: Chance;
  readonly #judge: Judge;
  readonly #link: Link;
  #silentUntil = 0;

  constructor(loop: Loop, chance: Chance, judge: Judge) {
    this.#loop = loop;
    this.#chance = chance;
    this.#judge = judge;
    this.#link = new Link(loop, chance.fork());
    this.#link.loss = 0.02;
  }

  hang(ms: number): void {
    this.#silentUntil = this.#loop.now + ms;
  }

  heal(): void {
    this.#silentUntil = 0;
    this.#link.loss = 0;
  }

  /** The replica's side: sends what the intent names and waits for an answer or the end. */
  forward(replica: Replica, call: Call, intent: Intent, io: ForwardIo): Promise<Answer | Refusal> {
    this.#judge.forwarding(call, replica.machine.name, replica.identity.stops.find(io.caller) !== undefined);
    const { sent } = intent;
    if (sent === undefined) throw new Error('nothing to send');
    return new Promise((resolve) => {
      io.cancellation.onCancel(() => resolve(refuse('upstream_failed', 'given up')));
      const there = this.#link.transit('there');
      if (there === undefined) return;
      const asked = call.asksBack ? () => io.child(childOf(call, this.#judge)).then(() => undefined) : undefined;
      this.#loop.after(there, () => this.#receive(replica, call, io.receipt, sent, resolve, asked));
    });
  }

  #receive(
    replica: Replica,
    call: Call,
    receipt: string,
    sent: Uint8Array,
    resolve: (answer: Answer | Refusal) => void,
    asked: (() => Promise<undefined>) | undefined,
  ): void {
    this.#judge.effect(receipt, sent);
    if (this.#loop.now < this.#silentUntil) return;
    const working = this.#chance.between(0.2, this.#chance.happens(0.05) ? 900 : 8);
    const back = this.#link.transit('back');
    if (back === undefined) return;
    const failed = this.#chance.happens(0.03);
    replica.process.after(working + back, async () => {
      await asked?.();
      resolve(failed ? refuse('upstream_failed', 'the server said no') : answerTo(call));
    });
  }
}

function answerTo(call: Call): Answer {
  return { outcome: 'completed', value: { done: call.number }, received_bytes: 12, frames: 0 };
}

/** What the upstream asks of the agent while it works: decided and recorded like everything else. */
function childOf(call: Call, judge: Judge): ChildRequest {
  const sent = Buffer.from(JSON.stringify({ asks: call.number }));
  const digest = hash('sha256', sent);
  return {
    upstream: 'journal',
    intent: {
      effect: 'read',
      operation: 'sampling/createMessage',
      accesses: [{ action: 'sampling.create', resource: { type: 'Agent', id: call.agent.id }, args: {} }],
      received_digest: digest,
      received_bytes: sent.length,
      sent,
      upstream: 'journal',
      payload: null,
    },
    carry: async () => {
      judge.carried(digest);
      return { outcome: 'completed', value: { said: call.number }, received_bytes: 10, frames: 0 };
    },
  };
}
