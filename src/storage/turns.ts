/** Who comes first goes first: SQLite has one writer, and a busy one must not starve the others. */
export class Turns {
  #taken = false;
  readonly #waiting: (() => void)[] = [];

  /** Whether somebody has the turn now. */
  get taken(): boolean {
    return this.#taken;
  }

  /** Resolves when it is this caller's turn, which lasts until `pass`. */
  take(): Promise<void> | undefined {
    if (!this.#taken) {
      this.#taken = true;
      return undefined;
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  pass(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#taken = false;
    else next();
  }
}
