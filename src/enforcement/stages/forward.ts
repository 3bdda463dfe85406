import type { Clock } from '../../core/clock.ts';
import type { Access } from '../../core/decision.ts';
import type { Answer, Frame } from '../../core/exchange.ts';
import { type Refusal, refuse } from '../../core/refusal.ts';
import type { ChildRequest, ChildResult, ForwardIo } from '../attempt.ts';
import type { CutCause } from '../live.ts';
import type { Pass } from '../pass.ts';
import type { StageRun } from '../pipeline.ts';
import { type Decider, factsOf } from './decide.ts';

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
  policy: Decider;
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
  return async (pass) => {
    const receipt = pass.receipt;
    const { live } = pass;
    if (live.cause !== undefined) pass.answer = cutRefusal(pass);
    else if (!from.leased()) pass.answer = refuse('lease_lapsed', 'no news of revocations for more than a second');
    else {
      const left_ms = Math.min(pass.run.expires_at - from.now(), from.exchangeMsMax());
      live.ends_at = from.clock.monotonic() + left_ms;
      pass.answer = await untilCut(from.clock, pass, pass.attempt.forward(pass.intent, ioOf(from, pass, receipt)));
    }
    return undefined;
  };
}

function ioOf(from: Forwarding, pass: Pass, receipt: string): ForwardIo {
  const { live } = pass;
  return {
    get signal() {
      return live.signal;
    },
    receipt,
    caller: pass.caller,
    run: pass.run,
    emit: (frame: Frame) => {
      if (live.cause !== undefined) return Promise.resolve();
      pass.frames += 1;
      return pass.sink.frame(frame);
    },
    visible: (candidates) => shown(from, pass, candidates),
    child: (request) => from.child(pass, request),
  };
}

function shown(from: Forwarding, pass: Pass, candidates: readonly Pick<Access, 'action' | 'resource'>[]) {
  const visible = from.policy.visible(factsOf(pass), candidates);
  const names = candidates.filter((_, at) => visible[at]).map(({ resource }) => `${resource.type}::${resource.id}`);
  pass.listed = { count: (pass.listed?.count ?? 0) + names.length, digest: from.digest(names) };
  return visible;
}

/** The protocol's answer; or, once the exchange is cut, a refusal, whatever the protocol still says. */
function untilCut(clock: Clock, pass: Pass, answer: Promise<Answer | Refusal>): Promise<Answer | Refusal> {
  return new Promise((resolve) => {
    const release = pass.live.onCut(() => clock.after(CUT_GRACE_MS, () => resolve(cutRefusal(pass))));
    const settle = (settled: Answer | Refusal) => {
      release();
      resolve(pass.live.cause === undefined ? settled : cutRefusal(pass));
    };
    answer.then(settle, (error: unknown) => settle(failed(error)));
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
