import type { Clock } from '../../core/clock.ts';
import type { Refusal } from '../../core/refusal.ts';
import { type HttpAddress, type HttpOrigin, openOrigin } from './http.ts';
import { type Child, launch, type Program } from './launch.ts';
import { fetchLearned, type LearnedAnswer, type LearnedBounds, type Network, systemNetwork } from './learned.ts';
import { openWarden } from './warden-link.ts';

/**
 * The one door for whatever leaves the gateway. Three ways lead through it, by where the destination was named:
 * - `http`: an address in the operator's file. It may be private; redirects are never followed.
 * - `launch`: a program in the operator's file, as an argument list. No shell ever reads it.
 * - `learned`: an address that somebody sent us. It must be public, and is reached where it was checked.
 */
export interface Egress {
  http(address: HttpAddress): HttpOrigin;
  launch(program: Program): Child;
  learned(url: string, bounds?: Partial<LearnedBounds>): Promise<LearnedAnswer | Refusal>;
  /** Closes every socket and ends every child, with all its descendants. */
  close(): Promise<void>;
}

export type EgressOptions = {
  clock: Clock;
  /** What every child gets besides its own list: `PATH` and `HOME`, from configuration. */
  environment: Readonly<Record<string, string>>;
  network?: Network;
};

export function openEgress(options: EgressOptions): Egress {
  const origins = new Set<HttpOrigin>();
  const children = new Set<Child>();
  const warden = openWarden(options.environment);
  const network = options.network ?? systemNetwork();

  return {
    http(address) {
      const origin = openOrigin(address, () => origins.delete(origin));
      origins.add(origin);
      return origin;
    },
    launch(program) {
      const child = launch(program, { clock: options.clock, environment: options.environment, warden });
      children.add(child);
      void child.ended.then(() => children.delete(child));
      return child;
    },
    learned: (url, bounds) => fetchLearned(url, { clock: options.clock, network }, bounds),
    async close() {
      await Promise.all([...children].map((child) => child.close()));
      await Promise.all([...origins].map((origin) => origin.close()));
      warden.close();
    },
  };
}
