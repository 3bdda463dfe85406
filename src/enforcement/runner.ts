import type { Clock } from '../core/clock.ts';
import type { ProtocolName } from '../core/exchange.ts';
import { isRefusal, type Refusal, type RefusalCode, refuse } from '../core/refusal.ts';
import type { Attempt, ChildRequest, ChildResult, Gateway, PassResult, Sink } from './attempt.ts';
import type { Live, LiveExchange } from './live.ts';
import { Pass, stageFailed } from './pass.ts';
import { column, type StageRun, type Table, type Verdict } from './pipeline.ts';

/**
 * How many passes are made at most where one was overtaken: decided under rules that have changed since, or while nobody
 * knew whether they had.
 */
const PASSES_MAX: Partial<Record<RefusalCode, number>> = { state_changed: 8, lease_lapsed: 3 };

/** Where the runner leaves a record of what it refused. */
export interface Recorder {
  /** Before identity: counted, in one receipt per code, source and second. */
  stranger(pass: Pass, refusal: Refusal): void;
  /** After identity: a receipt of its own. Resolves with its id, or undefined while the log cannot be written. */
  refused(pass: Pass, refusal: Refusal): Promise<string | undefined>;
  /** After the intent: the outcome of an exchange whose stages broke off. */
  brokenOff(pass: Pass, refusal: Refusal): Promise<void>;
}

export type RunnerParts = {
  table: Table;
  live: Live;
  clock: Clock;
  recorder: Recorder;
  stateVersion(): number;
  /** Resolves when this replica has asked for the rules anew, whatever came of it. Bounded by who gives it. */
  news(): Promise<void>;
  /** For each stage but `forward`, whose time is the upstream's. */
  stageMsMax(): number;
};

type Column = readonly { stage: string; run: StageRun }[];

/**
 * Takes every exchange down its column of the table. There is no other path: a stage that throws, hangs or finds a fact
 * missing has refused, and whatever ends a pass is recorded here, not where it happened.
 */
export class Runner implements Gateway {
  readonly #parts: RunnerParts;
  readonly #columns: Record<ProtocolName, Column>;

  constructor(parts: RunnerParts) {
    this.#parts = parts;
    this.#columns = {
      mcp: column(parts.table, 'mcp'),
      llm: column(parts.table, 'llm'),
      postgres: column(parts.table, 'postgres'),
      authzen: column(parts.table, 'authzen'),
    };
  }

  exchange(attempt: Attempt, sink: Sink): Promise<PassResult> {
    return this.#exchange(attempt, sink, undefined);
  }

  /** A request of the upstream's, from within the exchange that it was forwarded for; cut when that one is. */
  async child(parent: Pass, request: ChildRequest): Promise<ChildResult> {
    const attempt: Attempt = {
      protocol: parent.attempt.protocol,
      presented: parent.attempt.presented,
      trace: parent.attempt.trace,
      continues: undefined,
      parse: () => request.intent,
      forward: (_intent, io) => request.carry(io.cancellation),
    };
    const sink: Sink = { frame: () => Promise.resolve(), gone: parent.live };
    const result = await this.#exchange(attempt, sink, parent);
    if (result.kind === 'refused') return { kind: 'refused', refusal: result.refusal };
    return { kind: 'answered', value: result.answer.value };
  }

  async #exchange(attempt: Attempt, sink: Sink, parent: Pass | undefined): Promise<PassResult> {
    const live = this.#parts.live.begin();
    const release = sink.gone.onCancel(() => live.cut('caller_gone'));
    try {
      return await this.#passes(attempt, sink, parent, live);
    } finally {
      release();
      this.#parts.live.end(live);
    }
  }

  async #passes(attempt: Attempt, sink: Sink, parent: Pass | undefined, live: LiveExchange): Promise<PassResult> {
    let earlier: Pass | undefined;
    for (let count = 1; ; count += 1) {
      const pass: Pass = new Pass({
        attempt,
        sink,
        live,
        parent,
        earlier,
        decided_under: this.#parts.stateVersion(),
        started_at: this.#parts.clock.monotonic(),
      });
      const refusal = (await this.#walk(pass)) ?? unanswered(pass);
      if (refusal === undefined) return answered(pass);
      if (count >= (PASSES_MAX[refusal.code] ?? 1)) return this.#end(pass, refusal);
      // Another pass under rules that are known to be old would come to the same end.
      await this.#parts.news();
      earlier = pass;
    }
  }

  async #walk(pass: Pass): Promise<Verdict> {
    let from = this.#parts.clock.monotonic();
    for (const { stage, run } of this.#columns[pass.attempt.protocol]) {
      const deciding = this.#stage(stage, run, pass);
      // A stage that is done is not waited for: each wait costs a turn of the queue.
      const verdict = deciding instanceof Promise ? await this.#settled(stage, deciding, pass, from) : deciding;
      const now = this.#parts.clock.monotonic();
      const us = Math.round((now - from) * 1000);
      from = now;
      pass.checks.push({ stage, verdict: verdict ? (isError(verdict) ? 'error' : 'refuse') : 'pass', us });
      if (verdict) return verdict;
    }
    return undefined;
  }

  #stage(stage: string, run: StageRun, pass: Pass): Verdict | Promise<Verdict> {
    try {
      return run(pass);
    } catch (error) {
      return stageFailed(stage, error);
    }
  }

  /** What a stage that is waited for comes to: one that rejects, or takes too long, has refused. */
  #settled(stage: string, deciding: Promise<Verdict>, pass: Pass, since: number): Promise<Verdict> {
    return new Promise((resolve) => {
      const { live } = pass;
      const settle = (verdict: Verdict) => {
        live.arrived();
        resolve(verdict);
      };
      deciding.then(settle, (error: unknown) => settle(stageFailed(stage, error)));
      if (stage === 'forward') return;
      const bound_ms = this.#parts.stageMsMax();
      live.expect(since + bound_ms, () => {
        const refusal = refuse('stage_timed_out', `${stage} took more than ${bound_ms} ms`);
        settle(refusal);
        void this.#afterAll(pass, deciding, refusal);
      });
    });
  }

  /** An intent that becomes durable after its pass was refused has an outcome too: nothing was forwarded for it. */
  async #afterAll(pass: Pass, verdict: Promise<Verdict>, refusal: Refusal): Promise<void> {
    if (pass.established().receipt !== undefined) return;
    await verdict.catch(() => undefined);
    if (pass.established().receipt !== undefined) await this.#parts.recorder.brokenOff(pass, refusal);
  }

  /** No path leaves without a record: counted before identity, a receipt after it, an outcome after the intent. */
  async #end(pass: Pass, refusal: Refusal): Promise<PassResult> {
    const { caller, receipt } = pass.established();
    if (receipt !== undefined) {
      await this.#parts.recorder.brokenOff(pass, refusal);
      return { kind: 'refused', receipt, refusal };
    }
    const shown = pass.shown ?? refusal;
    if (caller === undefined) {
      this.#parts.recorder.stranger(pass, refusal);
      return { kind: 'refused', receipt: undefined, refusal: shown };
    }
    return { kind: 'refused', receipt: await this.#parts.recorder.refused(pass, refusal), refusal: shown };
  }
}

function answered(pass: Pass): PassResult {
  const { answer } = pass;
  if (isRefusal(answer)) return { kind: 'refused', receipt: pass.receipt, refusal: answer };
  return { kind: 'answered', receipt: pass.receipt, answer };
}

/** A column without the stages that answer, or a protocol that has none. */
function unanswered(pass: Pass): Verdict {
  const { answer, receipt } = pass.established();
  if (answer !== undefined && receipt !== undefined) return undefined;
  return refuse('stage_failed', `the table has no way through for ${pass.attempt.protocol}`);
}

function isError(refusal: Refusal): boolean {
  return refusal.code === 'stage_failed' || refusal.code === 'stage_timed_out';
}
