import type { Cancellation } from '../../core/cancellation.ts';
import type { Clock } from '../../core/clock.ts';
import type { Access } from '../../core/decision.ts';
import type { Answer, Frame } from '../../core/exchange.ts';
import type { Offered } from '../../core/manifest.ts';
import type { Caller, Run } from '../../core/principal.ts';
import { type Refusal, refuse } from '../../core/refusal.ts';
import type { Attempt, ChildRequest, ChildResult, ForwardIo } from '../attempt.ts';
import type { CutCause } from '../live.ts';
import type { Pass } from '../pass.ts';
import type { StageRun, Verdict } from '../pipeline.ts';
import { factsOf } from './decide.ts';

/** How long a protocol may take to let go of an exchange that was cut, before the answer no longer waits for it. */
const CUT_GRACE_MS = 100;

const CUT_REFUSALS = {
  stopped: 'stopped',
  caller_gone: 'caller_gone',
  timed_out: 'exchange_timed_out',
  gateway_stopping: 'gateway_stopping',
} as const satisfies Record<CutCause, string>;

export type Forwarding = {
  clock: Clock;
  /** The database's clock: by it a run expires, not by this machine's, which anybody may set. */
  now(): number;
  /** Longest exchange, milliseconds; a longer one is cut. */
  exchangeMsMax(): number;
  /** Whether this replica may forward now: it heard of revocations within the last second. */
  leased(): boolean;
  /** Resolves when this replica has asked for the rules anew, whatever came of it; within a second. */
  news(): Promise<void>;
  /** Whether what a server offers is what was pinned. */
  pinned(offered: Offered): boolean;
  /** Takes a request of the upstream's through the whole table. */
  child(parent: Pass, request: ChildRequest): Promise<ChildResult>;
  /** SHA-256, hex, of what a list showed. */
  digest(names: readonly string[]): string;
};

/**
 * The only stage with an effect. Nothing is refused here any more: whatever happens becomes the pass's answer, and
 * `record outcome` follows. What comes after a cut is dropped, whoever sends it.
 */
export function forward(from: Forwarding): StageRun {
  const carryOut = (pass: Pass, io: PassIo): Verdict | Promise<Verdict> => {
    const { live, intent } = pass;
    if (live.cause !== undefined) pass.answer = cutRefusal(pass);
    else if (!from.leased()) pass.answer = refuse('lease_lapsed', 'no news of revocations for more than a second');
    else {
      const ends = Math.min(pass.run.expires_at, ...pass.live.rests_on.map(({ until }) => until));
      const left_ms = Math.min(ends - from.now(), from.exchangeMsMax());
      live.ends_at = from.clock.monotonic() + left_ms;
      return untilCut(from.clock, pass, () => pass.attempt.forward(intent, io));
    }
    return undefined;
  };
  return (pass) => {
    const io = new PassIo(from, pass);
    // Its intent is durable: rather than fail it, news is asked for once, and what they stop is cut before anything leaves.
    return from.leased() ? carryOut(pass, io) : from.news().then(() => carryOut(pass, io));
  };
}

/** What a protocol may do with the pass that it carries out. */
class PassIo implements ForwardIo {
  readonly cancellation: Cancellation;
  readonly receipt: string;
  readonly caller: Caller;
  readonly run: Run;
  readonly #from: Forwarding;
  readonly #pass: Pass;

  constructor(from: Forwarding, pass: Pass) {
    this.#from = from;
    this.#pass = pass;
    this.cancellation = pass.live;
    this.receipt = pass.receipt;
    this.caller = pass.caller;
    this.run = pass.run;
  }

  emit(frame: Frame): Promise<void> {
    if (this.#pass.live.cause !== undefined) return Promise.resolve();
    this.#pass.frames += 1;
    return this.#pass.sink.frame(frame);
  }

  visible(candidates: readonly Pick<Access, 'action' | 'resource'>[]): readonly boolean[] {
    const pass = this.#pass;
    const visible = pass.rules.visible(factsOf(pass), candidates);
    const names = candidates.filter((_, at) => visible[at]).map(({ resource }) => `${resource.type}::${resource.id}`);
    pass.listed = { count: (pass.listed?.count ?? 0) + names.length, digest: this.#from.digest(names) };
    return visible;
  }

  child(request: ChildRequest): Promise<ChildResult> {
    return this.#from.child(this.#pass, request);
  }

  pinned(offered: Offered): boolean {
    return this.#from.pinned(offered);
  }
}

/** Keeps the protocol's answer; or, once the exchange is cut, a refusal, whatever the protocol still says. */
function untilCut(clock: Clock, pass: Pass, carryOut: () => ReturnType<Attempt['forward']>): Promise<undefined> {
  return new Promise((resolve) => {
    let kept = false;
    const keep = (answer: Answer | Refusal) => {
      if (!kept) pass.answer = answer;
      kept = true;
      resolve(undefined);
    };
    const release = pass.live.onCancel(() => clock.after(CUT_GRACE_MS, () => keep(cutRefusal(pass))));
    const settle = (settled: Answer | Refusal) => {
      release();
      keep(pass.live.cause === undefined ? settled : cutRefusal(pass));
    };
    const fail = (error: unknown) => settle(failed(error));
    try {
      const answer = carryOut();
      if (answer instanceof Promise) answer.then(settle, fail);
      else settle(answer);
    } catch (error) {
      fail(error);
    }
  });
}

/** A protocol that throws while it forwards may have had its effect: the outcome is unknown, and said to be. */
function failed(error: unknown): Refusal {
  const message = error instanceof Error ? error.message : String(error);
  return refuse('upstream_failed', `forwarding broke off: ${message}`);
}

function cutRefusal(pass: Pass): Refusal {
  const cause = pass.live.cause ?? 'stopped';
  pass.stop_cause = cause;
  return refuse(CUT_REFUSALS[cause], `cut in flight: ${cause}`);
}
