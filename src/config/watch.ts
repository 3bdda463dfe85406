import { createHash } from 'node:crypto';
import { readFileSync, unwatchFile, watch, watchFile } from 'node:fs';
import { basename, dirname } from 'node:path';
import { Secret } from '../core/secret.ts';
import { type Config, loadConfig } from './load.ts';
import type { ConfigProblem } from './problem.ts';

export type ConfigWatch = {
  /** Reads the file now, as SIGHUP does. Resolves when `onChange` has taken it or `onProblem` has heard of it. */
  reload(): Promise<void>;
  stop(): void;
};

export type WatchListeners = {
  /** A good file that differs. Exchanges in flight keep what they started with; the listener applies it to new ones. */
  onChange(next: Config, before: Config): void | Promise<void>;
  /** A bad file: what was running keeps running. */
  onProblem(problems: readonly ConfigProblem[]): void;
  /** After a bad file, the one that was in force all the time is back. */
  onRepaired(): void;
};

const SETTLE_MS = 150;
const POLL_MS = 2_000;

/** Follows the file through editors that write in place and editors that rename over it. */
export function watchConfig(current: Config, listeners: WatchListeners): ConfigWatch {
  let config = current;
  let seen = fingerprint(current.file);
  let broken = false;
  let timer: NodeJS.Timeout | undefined;
  let work = Promise.resolve();

  async function read(): Promise<void> {
    seen = fingerprint(config.file);
    const result = loadConfig(config.file);
    const wasBroken = broken;
    broken = result.kind === 'invalid';
    if (result.kind === 'invalid') return listeners.onProblem(result.problems);
    if (result.config.digest === config.digest) return wasBroken ? listeners.onRepaired() : undefined;
    const before = config;
    config = result.config;
    await listeners.onChange(config, before);
  }
  const reload = (): Promise<void> => {
    work = work.then(read, read);
    return work;
  };
  const touched = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (fingerprint(config.file) !== seen) void reload();
    }, SETTLE_MS).unref();
  };

  // The folder is watched, since a rename over the file ends a watch of the file itself. Polling covers network disks.
  const watcher = watch(dirname(config.file), { persistent: false }, (_event, name) => {
    if (name === null || name === basename(config.file)) touched();
  });
  watcher.on('error', () => watcher.close());
  watchFile(config.file, { persistent: false, interval: POLL_MS }, touched);
  return {
    reload,
    stop: () => {
      clearTimeout(timer);
      watcher.close();
      unwatchFile(config.file, touched);
    },
  };
}

function fingerprint(file: string): string {
  try {
    return createHash('sha256').update(readFileSync(file)).digest('hex');
  } catch {
    return 'unreadable';
  }
}

const FIXED: readonly { name: string; of: (config: Config) => unknown }[] = [
  { name: 'data', of: (config) => config.data },
  { name: 'storage.url', of: (config) => config.storage.url.reveal() },
  { name: 'listen', of: (config) => JSON.stringify(config.listen) },
  { name: 'identity', of: ({ identity }) => JSON.stringify({ ...identity, spiffe: undefined }) },
  { name: 'people', of: (config) => JSON.stringify(config.people) },
  { name: 'identity.spiffe', of: ({ identity }) => JSON.stringify({ ...identity.spiffe, agents: undefined }) },
  { name: 'policy', of: (config) => JSON.stringify(config.policy) },
  { name: 'vault', of: ({ vault }) => vaultOf(vault) },
  { name: 'audit.origin', of: (config) => config.audit.origin },
  { name: 'audit.folder', of: (config) => config.audit.folder },
  { name: 'audit.high_water', of: (config) => config.audit.high_water },
];

/** Secrets print alike, so they are compared by what they hold. */
function vaultOf({ key, previous, env, ...rest }: Config['vault']): string {
  const held = [key, ...previous, ...Object.values(env)].map((one) => (one instanceof Secret ? one.reveal() : one));
  return createHash('sha256')
    .update(JSON.stringify([held, Object.keys(env), rest]))
    .digest('hex');
}

/** Keys that changed and are read at start only; a gateway that keeps running says so. */
export function needsRestart(before: Config, next: Config): string[] {
  return FIXED.filter(({ of }) => of(before) !== of(next)).map(({ name }) => name);
}
