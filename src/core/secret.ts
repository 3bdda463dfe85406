import { inspect } from 'node:util';

/**
 * A value that must not reach a log, an error, a trace or a receipt. It prints as `[secret]` however it is printed;
 * only `reveal` gives it back, so that a search for `reveal(` finds every use.
 */
export class Secret<T = string> {
  readonly #value: T;
  constructor(value: T) {
    this.#value = value;
  }
  reveal(): T {
    return this.#value;
  }
  toString(): string {
    return '[secret]';
  }
  toJSON(): string {
    return '[secret]';
  }
  [inspect.custom](): string {
    return '[secret]';
  }
}
