import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../../core/clock.ts';
import { sleep } from '../../core/clock.ts';
import { Secret } from '../../core/secret.ts';
import { visibleText } from '../../core/visible-text.ts';
import type { Warden } from './warden-link.ts';

export type Program = {
  /** The program and its arguments, as the operator wrote them. Nothing in them is interpreted. */
  command: readonly string[];
  /** With `PATH` and `HOME`, all that the child sees of the environment. */
  env: Readonly<Record<string, string | Secret>>;
  cwd?: string;
  output: ChildOutput;
};

export interface ChildOutput {
  data(part: Buffer): void;
  /** Once, when the process is gone or could not be started. */
  ended(end: ChildEnd): void;
}

/** `words` is the last that it wrote to its standard error, cleaned, for the operator. */
export type ChildEnd = { started: boolean; reason: string; words: string };

export interface Child {
  /** False while more is waiting to be written than `PENDING_BYTES_MAX`: the child does not read. The bytes are dropped. */
  write(bytes: Uint8Array): boolean;
  pause(): void;
  resume(): void;
  readonly ended: Promise<ChildEnd>;
  /** Closes its input, then asks, then kills, with all its descendants. */
  close(): Promise<void>;
  /** At once. */
  kill(): void;
}

type Surroundings = { clock: Clock; environment: Readonly<Record<string, string>>; warden: Warden };

/** A child that does not read its input costs us at most this much. */
const PENDING_BYTES_MAX = 16 * 1024 * 1024;
/** How much of its standard error is kept; the rest is read and forgotten, so that a flood neither fills nor blocks. */
const WORDS_BYTES_MAX = 2 * 1024;
/** After its input closed, and after it was asked to end. */
const END_MS_MAX = 2_000;
const TERM_MS_MAX = 1_000;
/** For reading what is left in its pipes after it ended. */
const PIPES_MS_MAX = 500;

type Running = ChildProcessByStdio<Writable, Readable, Readable>;

export function launch(program: Program, { clock, environment, warden }: Surroundings): Child {
  const [file = '', ...args] = program.command;
  const secrets = Object.values(program.env).flatMap((value) => (value instanceof Secret ? [value.reveal()] : []));
  const env = Object.fromEntries(Object.entries(program.env).map(([name, value]) => [name, plain(value)]));
  const child: Running = spawn(file, args, {
    env: { ...environment, ...env },
    ...(program.cwd === undefined ? {} : { cwd: program.cwd }),
    shell: false,
    // A process group of its own, so that whatever it starts dies with it.
    detached: process.platform !== 'win32',
    windowsHide: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  if (child.pid !== undefined) warden.watch(child.pid);
  const words = keepWords(child, secrets);
  const ended = endOf(child, { clock, warden, words, output: program.output });
  child.stdout.on('data', (part: Buffer) => program.output.data(part));
  child.stdin.on('error', () => {});
  child.stdout.on('error', () => {});

  return {
    write(bytes) {
      if (child.stdin.writableLength > PENDING_BYTES_MAX || !child.stdin.writable) return false;
      child.stdin.write(bytes);
      return true;
    },
    pause: () => void child.stdout.pause(),
    resume: () => void child.stdout.resume(),
    ended,
    async close() {
      child.stdin.end();
      if (await within(clock, ended, END_MS_MAX)) return;
      signal(child, 'SIGTERM');
      if (await within(clock, ended, TERM_MS_MAX)) return;
      signal(child, 'SIGKILL');
      await ended;
    },
    kill: () => signal(child, 'SIGKILL'),
  };
}

function plain(value: string | Secret): string {
  return value instanceof Secret ? value.reveal() : value;
}

type Watched = { clock: Clock; warden: Warden; words: () => string; output: ChildOutput };

function endOf(child: Running, { clock, warden, words, output }: Watched): Promise<ChildEnd> {
  return new Promise((resolve) => {
    let over = false;
    const finish = (started: boolean, reason: string): void => {
      if (over) return;
      over = true;
      // Descendants that outlive it, and hold its pipes, go with it.
      signal(child, 'SIGKILL');
      if (child.pid !== undefined) warden.forget(child.pid);
      child.stdin.destroy();
      const end = { started, reason, words: words() };
      output.ended(end);
      resolve(end);
    };
    child.on('error', (error) => finish(child.pid !== undefined, error.message));
    let reason = 'ended';
    child.on('exit', (code, name) => {
      reason = name === null ? `exited with ${code}` : `killed by ${name}`;
      signal(child, 'SIGKILL');
      // Also where reading was paused: what is left is read, so that the pipe ends.
      child.stdout.resume();
      // `close` follows when its pipes are read to their end; a descendant that left the group may hold them open.
      clock.after(PIPES_MS_MAX, () => finish(true, reason));
    });
    child.on('close', () => finish(true, reason));
  });
}

/** Reads standard error for ever and keeps its end. */
function keepWords(child: Running, secrets: readonly string[]): () => string {
  const longest = Math.max(0, ...secrets.map((secret) => Buffer.byteLength(secret)));
  const kept_max = WORDS_BYTES_MAX + longest;
  let kept = Buffer.alloc(0);
  let cut = false;
  child.stderr.on('error', () => {});
  child.stderr.on('data', (part: Buffer) => {
    cut ||= kept.length + part.length > kept_max;
    kept = Buffer.concat([kept, part.subarray(-kept_max)]).subarray(-kept_max);
  });
  return () => {
    // The beginning of what is kept may be the end of a secret.
    let text = (cut ? kept.subarray(longest) : kept).toString('utf8');
    for (const secret of secrets) if (secret !== '') text = text.replaceAll(secret, '[secret]');
    return visibleText(text.trim().replaceAll(/\s+/g, ' '));
  };
}

function signal(child: Running, name: 'SIGTERM' | 'SIGKILL'): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform === 'win32') child.kill(name);
    else process.kill(-child.pid, name);
  } catch {
    // Nobody of the group is left.
  }
}

async function within(clock: Clock, ended: Promise<unknown>, wait_ms: number): Promise<boolean> {
  return Promise.race([ended.then(() => true), sleep(clock, wait_ms).then(() => false)]);
}
