import type { LogFiles } from '../../src/controls/audit/index.ts';
import type { Chance } from './chance.ts';
import type { Loop } from './loop.ts';
import type { Process } from './process.ts';

type File = { bytes: Uint8Array; durable: Uint8Array | undefined };

/** A replica's disk: slow at times, full at times, and after a crash without some of what was not made durable. */
export class Disk {
  readonly #loop: Loop;
  readonly #chance: Chance;
  readonly #files = new Map<string, File>();
  #requests: { done: boolean; work: () => void }[] = [];
  #slowUntil = 0;
  #fullUntil = 0;

  constructor(loop: Loop, chance: Chance) {
    this.#loop = loop;
    this.#chance = chance;
  }

  slow(ms: number): void {
    this.#slowUntil = this.#loop.now + ms;
  }

  full(ms: number): void {
    this.#fullUntil = this.#loop.now + ms;
  }

  heal(): void {
    this.#slowUntil = 0;
    this.#fullUntil = 0;
  }

  /**
   * The process is gone. What it had asked for happened or did not, but not later; and with the machine goes some of what
   * was not made durable.
   */
  crash(): void {
    for (const request of this.#requests.splice(0)) {
      request.done = true;
      if (this.#chance.happens(0.5)) request.work();
    }
    for (const [path, file] of this.#files) {
      if (file.durable === file.bytes || this.#chance.happens(0.5)) continue;
      if (file.durable === undefined) this.#files.delete(path);
      else file.bytes = file.durable;
    }
  }

  /** The disk as one life of the process sees it; `written` is told of every file that changes. */
  files(process: Process, written: (path: string, bytes: Uint8Array) => void): LogFiles {
    const operation = <T>(work: () => T): Promise<T> =>
      new Promise((resolve, reject) => {
        const ms = this.#chance.between(0.05, this.#loop.now < this.#slowUntil ? 900 : 2);
        const request = { done: false, work: () => void attempt(work) };
        this.#requests.push(request);
        this.#loop.after(ms, () => {
          if (request.done) return;
          this.#requests.splice(this.#requests.indexOf(request), 1);
          const result = attempt(work);
          process.after(0, () => ('error' in result ? reject(result.error) : resolve(result.value)));
        });
      });
    return {
      read: (path) => operation(() => this.#files.get(path)?.bytes),
      size: (path) => operation(() => this.#files.get(path)?.bytes.length),
      write: (path, bytes, { durable }) =>
        operation(() => {
          if (this.#loop.now < this.#fullUntil) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
          const kept = bytes.slice();
          this.#files.set(path, { bytes: kept, durable: durable ? kept : this.#files.get(path)?.durable });
          written(path, kept);
        }),
      flush: (paths) =>
        operation(() => {
          for (const path of paths) {
            const file = this.#files.get(path);
            if (file !== undefined) file.durable = file.bytes;
          }
        }),
      remove: (path) =>
        operation(() => {
          for (const name of [...this.#files.keys()]) if (isBelow(name, path)) this.#files.delete(name);
        }),
      move: (from, to) =>
        operation(() => {
          for (const [name, file] of [...this.#files]) {
            if (!isBelow(name, from)) continue;
            this.#files.delete(name);
            this.#files.set(to + name.slice(from.length), file);
          }
        }),
      free_bytes: () => operation(() => (this.#loop.now < this.#fullUntil ? 0 : 2 ** 40)),
    };
  }
}

function attempt<T>(work: () => T): { value: T } | { error: unknown } {
  try {
    return { value: work() };
  } catch (error) {
    return { error };
  }
}

function isBelow(name: string, path: string): boolean {
  return name === path || name.startsWith(`${path}/`);
}
