/**
 * What was worked out of a text, for the next version that has the same text in it: of a new set mostly one policy is new.
 * Two generations: when the younger is full the older is forgotten, and what is asked for again comes along.
 */
export class Remembered<T> {
  readonly #characters_max: number;
  #characters = 0;
  #young = new Map<string, T>();
  #old = new Map<string, T>();

  /** @param characters_max of the texts of one generation. */
  constructor(characters_max: number) {
    this.#characters_max = characters_max;
  }

  of(text: string, make: () => T): T {
    const young = this.#young.get(text);
    if (young !== undefined) return young;
    const value = this.#old.get(text) ?? make();
    if (this.#characters > this.#characters_max) {
      [this.#old, this.#young] = [this.#young, new Map()];
      this.#characters = 0;
    }
    this.#characters += text.length;
    this.#young.set(text, value);
    return value;
  }
}
