import type { Clock } from '../core/clock.ts';
import type { ProtocolName } from '../core/exchange.ts';
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts';
import type { Attempt, ChildRequest, ChildResult, Gateway, PassResult, Sink } from './attempt.ts';
import type { Live, LiveExchange } from './live.ts';
import { Pass, stageFailed } from './pass.ts';
import { column, type StageRun, type Table, type Verdict } from './pipeline.ts';

/** A pass that was decided under rules that have changed since is made again, so often at most. */
const PASSES_MAX = 3;

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
      forward: (_intent, io) => request.carry(io.signal),
    };
    const sink: Sink = { frame: () => Promise.resolve(), gone: parent.live.signal };
    const result = await this.#exchange(attempt, sink, parent);
    if (result.kind === 'refused') return { kind: 'refused', refusal: result.refusal };
    return { kind: 'answered', value: result.answer.value };
  }

  async #exchange(attempt: Attempt, sink: Sink, parent: Pass | undefined): Promise<PassResult> {
    const live = this.#parts.live.begin();
    const onGone = () => live.cut('caller_gone');
    if (sink.gone.aborted) onGone();
    else sink.gone.addEventListener('abort', onGone, { once: true });
    try {
      return await this.#passes(attempt, sink, parent, live);
    } finally {
      sink.gone.removeEventListener('abort', onGone);
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
      if (refusal.code !== 'state_changed' || count === PASSES_MAX) return this.#end(pass, refusal);
      earlier = pass;
    }
  }

  async #walk(pass: Pass): Promise<Verdict> {
    for (const { stage, run } of this.#columns[pass.attempt.protocol]) {
      const from = this.#parts.clock.monotonic();
      const deciding = this.#stage(stage, run, pass);
      // A stage that is done is not waited for: each wait costs a turn of the queue.
      const verdict = deciding instanceof Promise ? await deciding : deciding;
      const us = Math.round((this.#parts.clock.monotonic() - from) * 1000);
      pass.checks.push({ stage, verdict: verdict ? (isError(verdict) ? 'error' : 'refuse') : 'pass', us });
      if (verdict) return verdict;
    }
    return undefined;
  }

  #stage(stage: string, run: StageRun, pass: Pass): Verdict | Promise<Verdict> {
    try {
      const verdict = run(pass);
      if (!(verdict instanceof Promise)) return verdict;
      const bounded = stage === 'forward' ? verdict : this.#bounded(stage, verdict, pass);
      return bounded.catch((error: unknown) => stageFailed(stage, error));
    } catch (error) {
      return stageFailed(stage, error);
    }
  }

  #bounded(stage: string, verdict: Promise<Verdict>, pass: Pass): Promise<Verdict> {
    return new Promise((resolve, reject) => {
      const { live } = pass;
      const bound_ms = this.#parts.stageMsMax();
      live.expect(this.#parts.clock.monotonic() + bound_ms, () => {
        const refusal = refuse('stage_timed_out', `${stage} took more than ${bound_ms} ms`);
        live.arrived();
        resolve(refusal);
        void this.#afterAll(pass, verdict, refusal);
      });
      verdict.then(
        (settled) => {
          live.arrived();
          resolve(settled);
        },
        (error) => {
          live.arrived();
          reject(error);
        },
      );
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
