import type { Clock } from '../../../core/clock.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import type { Engine } from '../engine.ts';
import { change, TOPIC } from '../life/change.ts';
import type { PolicyParts } from '../open.ts';
import type { PolicySet } from '../policy-set.ts';
import type { Candidate } from '../replay/contract.ts';
import { setByDigest, setOfFiles } from '../replay/sets.ts';
import { storeSet } from '../store.ts';
import type { ShadowSet, ShadowState, Shadows } from './contract.ts';
import { readShadow, writeShadow } from './store.ts';

type ShadowParts = Pick<PolicyParts, 'db' | 'clock' | 'now' | 'state' | 'record' | 'report'>;

/** The set beside, as the database names it: every replica runs the same, after a restart too. @throws where it cannot be read */
export async function openShadows(parts: ShadowParts, engine: Engine): Promise<Shadows> {
  const shadows = new FollowedShadows(parts, engine);
  await shadows.start();
  return shadows;
}

class FollowedShadows implements Shadows {
  readonly #parts: ShadowParts;
  readonly #engine: Engine;
  #row: ShadowSet | undefined;
  #loaded: PolicySet | undefined;
  #unlisten = (): void => {};
  #cancelEnd = (): void => {};

  constructor(parts: ShadowParts, engine: Engine) {
    this.#parts = parts;
    this.#engine = engine;
  }

  async start(): Promise<void> {
    await this.#follow();
    this.#unlisten = this.#parts.state.onChange(async (_version, topics) => {
      if (topics.has(TOPIC)) await this.#follow();
    });
  }

  current(): ShadowState | undefined {
    return this.#row && { ...this.#row, running: this.#row.until > this.#parts.now() };
  }

  async set(candidate: Candidate, { by, why, seconds }: { by: string; why: string; seconds: number }) {
    const set = await this.#candidate(candidate);
    if (isRefusal(set)) return set;
    const slow = set.policies.find(({ conjuncts }) => conjuncts === undefined);
    if (slow !== undefined) return tooSlow(slow.id);
    const before = this.current();
    const done = await change(this.#parts, async (tx) => {
      const since = await tx.now();
      const row = { set: set.digest, since, until: since + seconds * 1000, by, why };
      await storeSet(tx, { digest: set.digest, files: set.text.files });
      await writeShadow(tx, row);
      await this.#parts.record(tx, {
        event: 'policy.shadow',
        by,
        subject: set.digest,
        before: before?.running ? before.set : null,
        after: set.digest,
        payload: { why, until: row.until },
      });
      return row;
    });
    if (isRefusal(done)) return done;
    await this.#follow();
    return { ...done, running: true };
  }

  async clear(by: string): Promise<ShadowState | undefined | Refusal> {
    const now = this.current();
    if (now === undefined || !now.running) return undefined;
    const done = await change(this.#parts, async (tx) => {
      const { running: _running, ...row } = now;
      const ended = { ...row, until: await tx.now() };
      await writeShadow(tx, ended);
      const facts = { event: 'policy.shadow', by, subject: row.set, before: row.set, after: null } as const;
      await this.#parts.record(tx, facts);
      return ended;
    });
    if (isRefusal(done)) return done;
    await this.#follow();
    return { ...done, running: false };
  }

  close(): void {
    this.#unlisten();
    this.#cancelEnd();
  }

  /** A set that cannot be loaded runs nowhere; what is enforced goes on. */
  async #follow(): Promise<void> {
    this.#row = await readShadow(this.#parts.db);
    this.#cancelEnd();
    const left_ms = (this.#row?.until ?? 0) - this.#parts.now();
    if (this.#row === undefined || left_ms <= 0) return this.#use(undefined);
    this.#cancelEnd = endAfter(this.#parts.clock, left_ms, () => this.#use(undefined));
    if (this.#loaded?.digest === this.#row.set) return;
    const set = await setByDigest(this.#parts.db, this.#row.set);
    if (isRefusal(set)) {
      this.#parts.report('the policy set beside could not be loaded', new Error(set.reason));
      return this.#use(undefined);
    }
    this.#use(set);
  }

  #use(set: PolicySet | undefined): void {
    const before = this.#loaded;
    this.#loaded = set;
    this.#engine.useBeside(set);
    if (before !== set) before?.release();
  }

  #candidate(candidate: Candidate): Promise<PolicySet | Refusal> | PolicySet | Refusal {
    switch (candidate.of) {
      case 'files':
        return setOfFiles(candidate.files);
      case 'set':
        return setByDigest(this.#parts.db, candidate.set);
      case 'active':
        return refuse('input_invalid', 'the active set beside itself differs in nothing', {
          public: 'Name another set than the active one: beside itself it differs in nothing.',
        });
    }
  }
}

/** Beside each call there is time for closures, not for cedar-wasm. */
function tooSlow(policy: string): Refusal {
  const told = `The policy ${policy} is evaluated by cedar-wasm, which takes too long to run beside each call. Simulate the set instead.`;
  return refuse('input_invalid', `policy ${policy} is not compiled`, { public: told });
}

/** Timers of the platform hold 24 days. */
const TIMER_MS_MAX = 20 * 24 * 60 * 60_000;

function endAfter(clock: Clock, ms: number, end: () => void): () => void {
  let cancel = (): void => {};
  const wait = (left: number): void => {
    cancel = clock.after(Math.min(left, TIMER_MS_MAX), () => (left > TIMER_MS_MAX ? wait(left - TIMER_MS_MAX) : end()));
  };
  wait(ms);
  return () => cancel();
}
