import { chmod, mkdir, unlink } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { dirname } from 'node:path';
import type { ApiPorts } from '../ports.ts';
import { allHandlers } from '../routes/handlers.ts';
import { type Doorplate, doorplate } from './admit.ts';
import { buildApp } from './app.ts';
import { NO_PAGES, readPages } from './assets.ts';
import { type FlowCookie, flowCookie, type SessionCookie, sessionCookie } from './cookie.ts';

export type ApiOptions = ApiPorts & {
  listen: { host: string; port: number };
  /** Where a proxy stands before the console; its origin is then one of ours. */
  public_url: string | undefined;
  /** The control socket; none where the platform has no Unix sockets. */
  socket_path: string | undefined;
  /** What `npm run build:console` wrote; undefined where it was not built. */
  pages_folder: string | undefined;
  /** Told of bugs; answers say nothing of them. */
  report(problem: string, error: unknown): void;
};

export interface Api {
  readonly host: string;
  readonly port: number;
  readonly socket_path: string | undefined;
  close(): Promise<void>;
}

/** Opens the people's port and the control socket over one table of routes. */
export async function openApi(options: ApiOptions): Promise<Api> {
  const local = new WeakSet<IncomingMessage>();
  let doors: { plate: Doorplate; cookie: SessionCookie; flow: FlowCookie } | undefined;
  const opened = () => {
    if (doors === undefined) throw new Error('a request before the port was open');
    return doors;
  };
  const app = buildApp({
    clock: options.clock,
    people: options.identity.people,
    ...allHandlers(options),
    pages: options.pages_folder === undefined ? NO_PAGES : readPages(options.pages_folder),
    doorplate: () => opened().plate,
    observingUntil: () => options.mode.observing()?.until,
    cookie: () => opened().cookie,
    flow: () => opened().flow,
    local,
    report: options.report,
  });
  await app.listen({ host: options.listen.host, port: options.listen.port });
  const { port } = app.server.address() as AddressInfo;
  const from = { secure: options.public_url?.startsWith('https:') === true, port };
  doors = { plate: doorplate(port, options.public_url), cookie: sessionCookie(from), flow: flowCookie(from) };
  const socket = createServer((request, response) => {
    local.add(request);
    app.routing(request, response);
  });
  if (options.socket_path !== undefined) await listenAt(socket, options.socket_path);
  return {
    host: options.listen.host,
    port,
    socket_path: options.socket_path,
    close: async () => {
      const closed = options.socket_path === undefined ? undefined : closeServer(socket);
      await Promise.all([closed, app.close()]);
    },
  };
}

/** The folder's mode keeps others out before the socket's own is set; whoever can open it is the local operator. */
async function listenAt(server: Server, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await chmod(dirname(path), 0o700);
  if (await answers(path)) throw new Error(`another gateway answers at ${path}`);
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  await chmod(path, 0o600);
}

/** A socket left behind by a crash refuses; a live one accepts. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
