/**
 * Says, once, that nobody waits for the work any more. What an AbortSignal says without an EventTarget, since each call has
 * several and listens to each of them.
 */
export interface Cancellation {
  readonly cancelled: boolean;
  /** Called once, when it is cancelled; at once where it was. The returned function takes the listener back. */
  onCancel(listener: () => void): () => void;
}

export class Canceller implements Cancellation {
  #cancelled = false;
  #listeners: (() => void)[] | undefined;

  get cancelled(): boolean {
    return this.#cancelled;
  }

  cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    // One by one, so that a listener may take back another that was not called yet.
    while (this.#listeners !== undefined && this.#listeners.length > 0) this.#listeners.shift()?.();
  }

  onCancel(listener: () => void): () => void {
    if (this.#cancelled) {
      listener();
      return nothing;
    }
    this.#listeners ??= [];
    this.#listeners.push(listener);
    return () => this.#remove(listener);
  }

  #remove(listener: () => void): void {
    const at = this.#listeners?.indexOf(listener) ?? -1;
    if (at >= 0) this.#listeners?.splice(at, 1);
  }
}

/** Cancelled with the first of them; to be released where they may outlive it. */
export class FirstOf extends Canceller {
  readonly #releases: readonly (() => void)[];

  constructor(...all: readonly Cancellation[]) {
    super();
    this.#releases = all.map((one) => one.onCancel(() => this.cancel()));
  }

  release(): void {
    for (const release of this.#releases) release();
  }
}

function nothing(): void {}
