import type { Clock } from '../../../core/clock.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import type { Secret } from '../../../core/secret.ts';
import type { VaultKeySource } from './contract.ts';
import { keyId } from './envelope.ts';

/** A command that failed is not started again for each call that waits for it. */
const AGAIN_MS = 5_000;

/** The key-encryption keys, as far as they are at hand. */
export class Keyring {
  readonly #source: VaultKeySource;
  readonly #clock: Clock;
  #current: Secret<Uint8Array> | undefined;
  #asking: Promise<Secret<Uint8Array> | Refusal> | undefined;
  #failed: { refusal: Refusal; at: number } | undefined;

  constructor(source: VaultKeySource, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  get problem(): string | undefined {
    return this.#failed?.refusal.reason;
  }

  async current(): Promise<Secret<Uint8Array> | Refusal> {
    if (this.#current !== undefined) return this.#current;
    const failed = this.#failed;
    if (failed !== undefined && this.#clock.monotonic() - failed.at < AGAIN_MS) return failed.refusal;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** The one that wrapped this entry's data key: the current one, or one before it. */
  async of(kek: string): Promise<Secret<Uint8Array> | Refusal> {
    const current = await this.current();
    if (!isRefusal(current) && keyId(current) === kek) return current;
    const before = this.#source.previous().find((key) => keyId(key) === kek);
    if (before !== undefined) return before;
    return isRefusal(current) ? current : locked('it is sealed under a key that is not configured');
  }

  async #ask(): Promise<Secret<Uint8Array> | Refusal> {
    const key = await this.#source.current();
    if (!('problem' in key)) {
      this.#failed = undefined;
      this.#current = key;
      return key;
    }
    this.#failed = { refusal: locked(key.problem), at: this.#clock.monotonic() };
    return this.#failed.refusal;
  }
}

export function locked(why: string): Refusal {
  return refuse('upstream_credential_locked', `the vault does not open: ${why}`);
}
