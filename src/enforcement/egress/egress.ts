import type { Clock } from '../../core/clock.ts';
import type { Documents } from '../../core/document.ts';
import { openDocuments } from './documents.ts';
import { type HttpAddress, type HttpOrigin, openOrigin } from './http.ts';
import { type Child, launch, type Program } from './launch.ts';
import { type Network, systemNetwork } from './learned.ts';
import { identifyProgram, type ProgramIdentity } from './program-identity.ts';
import { openWarden } from './warden-link.ts';

/**
 * The one door for whatever leaves the gateway. Three ways lead through it, by where the destination was named:
 * - `http`: an address in the operator's file. It may be private; redirects are never followed.
 * - `launch`: a program in the operator's file, as an argument list. No shell ever reads it.
 * - `documents`: one document at a time. What somebody sent us must be public, and is reached where it was checked;
 *   what the operator wrote may be private.
 */
export interface Egress {
  http(address: HttpAddress): HttpOrigin;
  launch(program: Program): Child;
  /** What `launch` would start, by the digests of its files. */
  identify(program: Omit<Program, 'output'>): Promise<ProgramIdentity>;
  readonly documents: Documents;
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
    identify: (program) => identifyProgram(program, options.environment),
    documents: openDocuments({ clock: options.clock, network }),
    async close() {
      await Promise.all([...children].map((child) => child.close()));
      await Promise.all([...origins].map((origin) => origin.close()));
      warden.close();
    },
  };
}
