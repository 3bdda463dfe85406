import { hash } from 'node:crypto';
import { seatOf } from '../../src/controls/audit/store.ts';
import type { Row } from '../../src/storage/index.ts';
import type { Call } from './call.ts';
import { LogJudge } from './judge-log.ts';
import type { Loop } from './loop.ts';
import type { Server } from './server.ts';
import { Truth } from './truth.ts';

/** Something happened that must never happen. The message begins with the line of DESIGN section 10 that it breaks. */
export class Violation extends Error {}

export type ReceiptBody = {
  id: string;
  kind: 'intent' | 'outcome' | 'refusal' | 'hold' | 'control' | 'flood' | 'gap';
  replica: string;
  epoch: number;
  n: number;
  prev: string | null;
  intent?: string;
  outcome?: string;
  released?: string | null;
  parent?: string | null;
  state_version?: number;
  count?: number;
  request?: { sent: string | null };
};

type Intent = { body: ReceiptBody; call: Call | undefined; outcome: ReceiptBody | undefined; effects: number };

/** A replica gives its agents' requests one second on what it knew last. */
const LEASE_MS = 1_000;

/**
 * Sees what nobody in the world sees: every commit in its order, every effect at its moment. It knows what the product
 * promises and nothing of how the product keeps it.
 */
export class Judge {
  readonly log: LogJudge;
  readonly truth: Truth;
  readonly calls = new Map<string, Call>();
  readonly intents = new Map<string, Intent>();
  readonly counts = { intents: 0, effects: 0, answered: 0, refused: 0, changes: 0, children: 0 };
  /** By replica and epoch: refusals after identity that came back without a receipt, and those stated by gaps. */
  readonly unrecorded = new Map<string, number>();
  readonly stated = new Map<string, number>();
  /** The call whose intent was committed last. */
  latest: { call: Call; at: number } | undefined;
  violation: Violation | undefined;
  readonly #loop: Loop;
  readonly #server: Server;
  readonly #intentOf = new Map<string, string>();
  #version = 1;
  /** By epoch: the seat of the last receipt that was seen there. */
  readonly #seen = new Map<number, number>();

  constructor(loop: Loop, server: Server) {
    this.#loop = loop;
    this.#server = server;
    this.log = new LogJudge(server, (line) => this.fail(line));
    this.truth = new Truth(server, loop);
  }

  fail(line: string): void {
    if (this.violation !== undefined) return;
    this.#loop.tell(`VIOLATION ${line}`);
    this.violation = new Violation(line);
  }

  /** After every commit, before anybody learns of it. */
  committed(): void {
    const rows = this.#written();
    const isOther = this.truth.refresh();
    const bodies = rows.map(({ body }) => JSON.parse(body) as ReceiptBody);
    const version = this.#server.look<Row & { version: number }>(`select version from state where topic = '*'`)[0]!
      .version;
    for (const [at, body] of bodies.entries()) {
      this.log.written(body, rows[at]!.body);
      this.#receipt(body, version);
    }
    if (isOther) {
      this.counts.changes++;
      if (!bodies.some(({ kind }) => kind === 'control'))
        this.fail(`13: version ${version} was made without a receipt`);
      if (version === this.#version) this.fail(`2: a change under version ${version} of which nobody will hear`);
    }
    this.#version = version;
    this.log.sequenced();
  }

  /** What the commit wrote: rows lie in the order of their seats, and a commit writes in one epoch. */
  #written(): { body: string }[] {
    const epochs = this.#server.look<Row & { epoch: number }>('select epoch from audit_epochs order by epoch');
    return epochs.flatMap(({ epoch }) => {
      const from = this.#seen.get(epoch) ?? seatOf(epoch, 0) - 1;
      const rows = this.#server.look<Row & { seat: number; body: string }>(
        'select seat, body from audit_receipts where seat > $1 and seat < $2 order by seat',
        [from, seatOf(epoch + 1, 0)],
      );
      this.#seen.set(epoch, rows.at(-1)?.seat ?? from);
      return rows;
    });
  }

  #receipt(body: ReceiptBody, version: number): void {
    this.#loop.tell(`receipt ${body.kind} ${body.id} of ${body.replica}/${body.epoch}/${body.n}`);
    if (body.kind === 'intent') this.#intent(body, version);
    if (body.kind === 'outcome') this.#outcome(body);
    if (body.kind === 'gap') add(this.stated, `${body.replica}/${body.epoch}`, body.count ?? 0);
  }

  #intent(body: ReceiptBody, version: number): void {
    this.counts.intents++;
    const digest = body.request?.sent ?? '';
    const call = this.calls.get(digest);
    this.intents.set(body.id, { body, call, outcome: undefined, effects: 0 });
    if (body.state_version !== version) {
      this.fail(`2: intent ${body.id} was decided under ${body.state_version} and committed under ${version}`);
    }
    if (body.parent !== null && body.parent !== undefined) {
      if (!this.intents.has(body.parent)) this.fail(`11: child intent ${body.id} of nothing that was recorded`);
      return;
    }
    if (call === undefined) {
      this.fail(`7: intent ${body.id} names bytes that nobody sent`);
      return;
    }
    const earlier = this.#intentOf.get(digest);
    if (earlier !== undefined) this.fail(`4: one proof was accepted twice, by ${earlier} and ${body.id}`);
    this.#intentOf.set(digest, body.id);
    this.latest = { call, at: this.#loop.now };
    const why = this.truth.forbids(call);
    if (why !== undefined) this.fail(`2, 4: intent ${body.id} of call ${call.number} was committed although ${why}`);
  }

  #outcome(body: ReceiptBody): void {
    const intent = this.intents.get(body.intent ?? '');
    if (intent === undefined) {
      this.fail(`1: outcome ${body.id} of an intent that was never recorded`);
      return;
    }
    if (intent.outcome !== undefined) {
      this.fail(`1: intent ${body.intent} has two outcomes`);
      return;
    }
    intent.outcome = body;
  }

  /** A replica is about to send bytes upstream: its last chance to know better. */
  forwarding(call: Call, replica: string, stoppedHere: boolean): void {
    if (stoppedHere) this.fail(`4: ${replica} forwards call ${call.number} although it knows of a stop`);
    const since = this.truth.forbiddenSince(call);
    if (since !== undefined && this.#loop.now - since > LEASE_MS) {
      this.fail(`4: ${replica} forwards call ${call.number}, revoked ${this.#loop.now - since} ms ago`);
    }
  }

  /** Bytes have reached the upstream: it acts. */
  effect(receipt: string, bytes: Uint8Array): void {
    this.counts.effects++;
    const intent = this.intents.get(receipt);
    this.#loop.tell(`effect under ${receipt}`);
    if (intent === undefined) {
      this.fail(`1: an effect under ${receipt}, which is not durable`);
      return;
    }
    intent.effects++;
    if (intent.effects > 1) this.fail(`1: two effects under the intent ${receipt}`);
    const digest = hash('sha256', bytes);
    if (intent.body.request?.sent !== digest) this.fail(`7: the upstream got other bytes than intent ${receipt} names`);
  }

  /** What an upstream asked has reached the agent. */
  carried(digest: string): void {
    this.counts.children++;
    for (const { body } of this.intents.values()) {
      if (body.request?.sent === digest && body.parent !== null) return;
    }
    this.fail('11: an undecided request of the upstream reached the agent');
  }

  /** An agent is told that its call was carried out. */
  answered(call: Call, receipt: string, released: string): void {
    this.counts.answered++;
    const intent = this.intents.get(receipt);
    this.#loop.tell(`call ${call.number} answered under ${receipt}`);
    if (intent === undefined || intent.call !== call) {
      this.fail(`1: call ${call.number} is answered under no intent`);
      return;
    }
    if (intent.effects === 0) this.fail(`1: call ${call.number} is answered and had no effect`);
    if (call.effect !== 'write') return;
    if (intent.outcome === undefined) {
      this.fail(`1: write ${call.number} is answered before its outcome is durable`);
      return;
    }
    if (intent.outcome.released !== released) this.fail(`7: outcome ${intent.outcome.id} names another answer`);
  }

  refused(call: Call, identified: boolean, receipt: string | undefined, seat: string): void {
    this.counts.refused++;
    this.#loop.tell(`call ${call.number} refused under ${receipt ?? 'no receipt'}`);
    if (receipt !== undefined) {
      if (!this.log.has(receipt)) this.fail(`1: refusal of call ${call.number} under ${receipt}, which is not durable`);
    } else if (identified) add(this.unrecorded, seat, 1);
  }
}

function add(counts: Map<string, number>, key: string, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}
