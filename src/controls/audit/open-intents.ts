import { EPOCH_SEATS } from './store.ts';

/**
 * Intents of this epoch whose outcome is not durable yet. The lowest is written into the epoch's row with each commit, so
 * that whoever takes the epoch over looks no further back.
 */
export class OpenIntents {
  /** In the order of their seats, since they are added in the order of their commits. */
  readonly #open = new Map<string, { seat: number; closing: boolean }>();
  #next = 0;
  #doubts = 0;
  #settled = 0;

  get size(): number {
    return this.#open.size;
  }

  add(id: string, seat: number): void {
    this.#open.set(id, { seat, closing: false });
    this.#next = (seat % EPOCH_SEATS) + 1;
  }

  seat(id: string): number | undefined {
    return this.#open.get(id)?.seat;
  }

  /** Its seat, once: an exchange has one outcome. */
  beginClosing(id: string): number | undefined {
    const intent = this.#open.get(id);
    if (intent === undefined || intent.closing) return undefined;
    intent.closing = true;
    return intent.seat;
  }

  close(id: string): void {
    this.#open.delete(id);
  }

  /** A commit with intents in it whose answer was lost: until it is known, nothing more counts as settled. */
  doubt(): () => void {
    this.#doubts += 1;
    return () => {
      this.#doubts -= 1;
    };
  }

  /** Every intent before that place of the epoch has its outcome. */
  settled(): number {
    if (this.#doubts > 0) return this.#settled;
    const first = this.#open.values().next().value;
    this.#settled = first === undefined ? this.#next : first.seat % EPOCH_SEATS;
    return this.#settled;
  }

  /** Of another epoch than the current: someone else has said what became of them. */
  clear(): void {
    this.#open.clear();
    this.#next = 0;
    this.#settled = 0;
  }
}
