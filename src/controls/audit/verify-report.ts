/** What is wrong with a log. Positions count entries from 0. */
export type ProblemCode =
  | 'checkpoint_missing'
  | 'checkpoint_unreadable'
  | 'checkpoint_signature'
  | 'key_missing'
  | 'bundle_missing'
  | 'bundle_unreadable'
  | 'entry_missing'
  | 'entry_changed'
  | 'entry_unreadable'
  | 'place_missing'
  | 'chain_broken'
  | 'outcome_without_intent'
  | 'tile_missing'
  | 'tile_changed'
  | 'root_differs'
  | 'seen_unreadable'
  | 'seen_signature'
  | 'seen_other_log'
  | 'log_shorter'
  | 'history_changed'
  | 'proof_unreadable'
  | 'proof_differs';

export type Problem = { code: ProblemCode; position: number | null; detail: string };

export type VerifyReport = {
  /**
   * `verified`: a kept checkpoint or a trusted witness vouches. `self-asserted`: it hangs together, but whoever holds the
   * signing key could have rewritten all of it. `failed`: see `problems`.
   */
  verdict: 'verified' | 'self-asserted' | 'failed';
  origin: string | null;
  size: number;
  root: string | null;
  /** Entries, from the first on, that somebody other than the log's own key vouches for. */
  vouched: number;
  /** Kept checkpoints that the log extends. */
  seen: readonly { size: number; root: string }[];
  /** Trusted witnesses that cosigned the checkpoint. */
  witnesses: readonly string[];
  /** Intents without an outcome yet. */
  open_intents: number;
  bytes: number;
  duration_ms: number;
  /** The first position that is bad; where only a range is known to hold it, its first. */
  first_bad: number | null;
  /** The end of that range. */
  first_bad_before: number | null;
  problems: readonly Problem[];
};

const PROBLEMS_MAX = 32;

/** Gathers problems in any order; the report has them by position. */
export class Problems {
  readonly #exact: Problem[] = [];
  readonly #ranges: { problem: Problem; from: number; before: number }[] = [];

  add(code: ProblemCode, position: number | null, detail: string): void {
    this.#exact.push({ code, position, detail });
    // The first few of a kind say it; a bad disk has millions.
    if (this.#exact.length > PROBLEMS_MAX * 4) this.#exact.length = PROBLEMS_MAX * 2;
  }

  /** Something between `from` and `before` is bad; what exactly, nobody can say who has only a root to compare with. */
  addRange(code: ProblemCode, from: number, before: number, detail: string): void {
    this.#ranges.push({ problem: { code, position: from, detail }, from, before });
  }

  get none(): boolean {
    return this.#exact.length === 0 && this.#ranges.length === 0;
  }

  report(): Pick<VerifyReport, 'first_bad' | 'first_bad_before' | 'problems'> {
    const all = [...this.#exact, ...this.#ranges.map(({ problem }) => problem)];
    const ordered = all.toSorted((a, b) => (a.position ?? -1) - (b.position ?? -1));
    return { ...this.#first(), problems: ordered.slice(0, PROBLEMS_MAX) };
  }

  /** A problem with a place of its own says more than a range that it lies in or before. */
  #first(): Pick<VerifyReport, 'first_bad' | 'first_bad_before'> {
    const places = this.#exact.flatMap(({ position }) => position ?? []);
    const exact = places.length === 0 ? Number.POSITIVE_INFINITY : Math.min(...places);
    const range = this.#ranges.toSorted((a, b) => a.before - b.before)[0];
    if (range !== undefined && range.before <= exact) {
      const from = Math.max(...this.#ranges.filter(({ before }) => before === range.before).map((one) => one.from));
      return { first_bad: from, first_bad_before: range.before };
    }
    if (exact === Number.POSITIVE_INFINITY) return { first_bad: null, first_bad_before: null };
    return { first_bad: exact, first_bad_before: exact + 1 };
  }
}
