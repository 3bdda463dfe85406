import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * The gateway's end of the warden, a small process of its own that outlives us by a moment: when our end of its pipe
 * closes, for whatever reason (`kill -9`, a crash, the machine's memory killer), it kills every child that we had. A child
 * that reads its input would notice by itself; one that hangs, or is hostile, would go on with our environment in it.
 */
export interface Warden {
  watch(group: number): void;
  forget(group: number): void;
  close(): void;
}

/** Starts the process with the first child to watch. */
export function openWarden(environment: Readonly<Record<string, string>>): Warden {
  const watched = new Set<number>();
  let process: ChildProcess | undefined;
  let closed = false;

  function start(): ChildProcess {
    const started = spawn(globalThis.process.execPath, ['--max-old-space-size=16', program()], {
      env: { ...environment },
      stdio: ['pipe', 'ignore', 'ignore'],
      // A group of its own: a Ctrl-C at the terminal goes to our group, and the warden must not die of it first.
      detached: true,
    });
    started.on('exit', () => {
      if (process === started) process = undefined;
      if (!closed && watched.size > 0) restart();
    });
    // An error means that it could not start or that its pipe broke; `exit` follows, or the next `watch` starts another.
    started.on('error', () => {
      if (process === started) process = undefined;
    });
    started.stdin?.on('error', () => {});
    started.unref();
    (started.stdin as unknown as { unref?(): void } | null)?.unref?.();
    return started;
  }

  function restart(): void {
    process = start();
    for (const group of watched) process.stdin?.write(`+${group}\n`);
  }

  return {
    watch(group) {
      watched.add(group);
      if (process === undefined) restart();
      else process.stdin?.write(`+${group}\n`);
    },
    forget(group) {
      watched.delete(group);
      process?.stdin?.write(`-${group}\n`);
    },
    close() {
      closed = true;
      process?.stdin?.end();
    },
  };
}

function program(): string {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return fileURLToPath(new URL(`./warden.${extension}`, import.meta.url));
}
