/** Work of one kind, one after another. */
export class Serial {
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;

  get busy(): boolean {
    return this.#waiting > 0;
  }

  /** `work` must not throw: nobody who waits could do anything about it. */
  run(work: () => Promise<void>): Promise<void> {
    this.#waiting += 1;
    this.#last = this.#last.then(work).finally(() => {
      this.#waiting -= 1;
    });
    return this.#last;
  }

  /** Resolves when what was begun so far is over. */
  idle(): Promise<void> {
    return this.#last;
  }
}
