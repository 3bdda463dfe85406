/** An order in which those who write come to it: SQLite has one writer, and a busy one must not starve the others. */
export interface TurnOrder {
  /** Resolves when it is this caller's turn, which lasts until `pass`. */
  take(): Promise<void> | undefined;
  pass(): void;
}

/** Who comes first goes first. */
export class Turns implements TurnOrder {
  #taken = false;
  readonly #waiting: (() => void)[] = [];

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

/**
 * Turns where another thread writes the same database and keeps the order: whoever has the turn here asks there, so that
 * neither thread meets the other's lock in the file, which would be a matter of luck under load.
 */
export class SharedTurns implements TurnOrder {
  readonly #own = new Turns();
  #other: TurnOrder | undefined;
  #asked: TurnOrder | undefined;

  /** From the next turn on; undefined where nobody else writes. */
  share(other: TurnOrder | undefined): void {
    this.#other = other;
  }

  async take(): Promise<void> {
    await this.#own.take();
    this.#asked = this.#other;
    await this.#asked?.take();
  }

  pass(): void {
    this.#asked?.pass();
    this.#own.pass();
  }
}
