import { chmodSync, chownSync, lstatSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import {
  createServer,
  type Http2Server,
  type Http2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { join } from 'node:path';
import {
  type Bundle,
  jwtBundle,
  type Mapped,
  readJwtSvidRequest,
  readValidateRequest,
  type WorkloadApi,
  writeJwtBundles,
  writeJwtSvid,
  writeValidated,
  writeX509Bundles,
  writeX509Svid,
} from '../controls/identity/index.ts';
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts';

const SERVICE = '/SpiffeWorkloadAPI/';
const MESSAGE_BYTES_MAX = 64 * 1024;
const PREFIX_BYTES = 5;
const REQUEST_MS_MAX = 10_000;
const CONNECTIONS_MAX = 64;
const STREAMS_MAX = 32;
/** How many streams, on however many connections, one workload may have open. */
const LIVE_STREAMS_MAX = 256;

export type WorkloadSocket = {
  name: string;
  to: Mapped;
  uid: number | undefined;
  gid: number | undefined;
};

/**
 * SPIFFE Workload API over gRPC (Workload Endpoint, sections 3 to 6), one Unix socket for each workload. Node cannot ask a
 * socket who is at its other end (there is no SO_PEERCRED), so the attestor is the file's owner and mode: whoever connects
 * could open the file, so is its user, in its group, or root. It proves that much and no more: not which process it is.
 */
export async function openWorkloadDoor(
  folder: string,
  socket: WorkloadSocket,
  api: WorkloadApi,
): Promise<{ path: string; close(): void }> {
  const sessions = new Set<Http2Session>();
  const server = createServer({ settings: { maxConcurrentStreams: STREAMS_MAX }, maxSessionMemory: 2 });
  server.maxConnections = CONNECTIONS_MAX;
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    session.on('error', () => session.destroy());
  });
  let live = 0;
  server.on('stream', (opened, headers) => {
    const stream = opened as ServerHttp2Stream;
    stream.on('error', () => stream.destroy());
    live += 1;
    stream.on('close', () => {
      live -= 1;
    });
    if (live > LIVE_STREAMS_MAX) return end(stream, refuse('rate_limited', 'too many streams of one workload'));
    answer(stream, headers, socket.to, api).catch(() => stream.destroy());
  });
  const path = await listen(server, folder, socket);
  return {
    path,
    close() {
      server.close();
      for (const session of sessions) session.destroy();
      rmSync(path, { force: true });
    },
  };
}

/** Made where nobody else can reach it, given its owner and mode, and only then moved to where workloads look. */
async function listen(server: Http2Server, folder: string, { name, uid, gid }: WorkloadSocket): Promise<string> {
  const path = join(folder, `${name}.sock`);
  const mode = gid === undefined ? 0o600 : 0o660;
  const beside = mkdtempSync(join(folder, '.'));
  try {
    const made = join(beside, 's');
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(made, resolve);
    });
    chmodSync(made, mode);
    if (uid !== undefined || gid !== undefined) chownSync(made, uid ?? process.getuid!(), gid ?? process.getgid!());
    const { mode: has, uid: owner } = lstatSync(made);
    if ((has & 0o777) !== mode || owner !== (uid ?? process.getuid!())) {
      throw new Error(`${path} could not be given to its user alone`);
    }
    renameSync(made, path);
    return path;
  } catch (error) {
    server.close();
    throw error;
  } finally {
    rmSync(beside, { recursive: true, force: true });
  }
}

export function makeSocketsFolder(folder: string, own: boolean): void {
  // Others must be able to walk through to the one socket that they may open, and to read nothing.
  mkdirSync(folder, { recursive: true, mode: own ? 0o700 : 0o711 });
}

async function answer(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  to: Mapped,
  api: WorkloadApi,
): Promise<void> {
  const path = headers[':path'] ?? '';
  if (headers[':method'] !== 'POST' || !String(headers['content-type']).startsWith('application/grpc')) {
    stream.respond({ ':status': 415 }, { endStream: true });
    return;
  }
  // Workload Endpoint, section 6.1: a page or a proxy that can be talked into a request cannot be talked into this header.
  if (headers['workload.spiffe.io'] !== 'true') return fail(stream, INVALID_ARGUMENT, 'security header missing');
  const message = await readMessage(stream);
  if (message === undefined) return fail(stream, INVALID_ARGUMENT, 'the request is not one gRPC message');
  const gone = new AbortController();
  stream.on('close', () => gone.abort());
  switch (path.startsWith(SERVICE) ? path.slice(SERVICE.length) : '') {
    case 'FetchX509SVID':
      return sendAll(stream, api.x509Svids(to, gone.signal), (update) =>
        writeX509Svid({ ...update, bundle: derOf(update.bundle) }, byDomain(update.federated, derOf)),
      );
    case 'FetchX509Bundles':
      return sendAll(stream, api.bundles(to, gone.signal), ({ bundles }) => writeX509Bundles(byDomain(bundles, derOf)));
    case 'FetchJWTBundles':
      return sendAll(stream, api.bundles(to, gone.signal), ({ bundles }) =>
        writeJwtBundles(byDomain(bundles, jwtBundle)),
      );
    case 'FetchJWTSVID': {
      const asked = readJwtSvidRequest(message);
      if (asked === undefined) return fail(stream, INVALID_ARGUMENT, 'the message is malformed');
      return sendOne(stream, await api.jwtSvid(to, asked), writeJwtSvid);
    }
    case 'ValidateJWTSVID': {
      const asked = readValidateRequest(message);
      if (asked === undefined) return fail(stream, INVALID_ARGUMENT, 'the message is malformed');
      const valid = api.validate(to, asked);
      if (isRefusal(valid)) return fail(stream, INVALID_ARGUMENT, `${valid.code}: ${valid.public}`);
      return sendOne(stream, valid, writeValidated);
    }
    default:
      return fail(stream, UNIMPLEMENTED, 'no such method');
  }
}

function derOf({ authorities }: Bundle): Buffer {
  return Buffer.concat(authorities.map(({ der }) => der));
}

function byDomain<T>(bundles: readonly Bundle[], value: (bundle: Bundle) => T): Record<string, T> {
  return Object.fromEntries(bundles.map((bundle) => [`spiffe://${bundle.trust_domain}`, value(bundle)]));
}

/** gRPC over HTTP/2, "Length-Prefixed-Message": a compression flag, four bytes of length, the message. */
function readMessage(stream: ServerHttp2Stream): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    stream.setTimeout(REQUEST_MS_MAX, () => resolve(undefined));
    stream.on('data', (part: Buffer) => {
      bytes += part.length;
      if (bytes > MESSAGE_BYTES_MAX + PREFIX_BYTES) resolve(undefined);
      else parts.push(part);
    });
    stream.on('close', () => resolve(undefined));
    stream.on('end', () => {
      stream.setTimeout(0);
      const whole = Buffer.concat(parts);
      const fits = whole.length >= PREFIX_BYTES && whole.readUInt32BE(1) === whole.length - PREFIX_BYTES;
      resolve(fits && whole[0] === 0 ? whole.subarray(PREFIX_BYTES) : undefined);
    });
  });
}

const OK = 0;
const INVALID_ARGUMENT = 3;
const PERMISSION_DENIED = 7;
const RESOURCE_EXHAUSTED = 8;
const UNIMPLEMENTED = 12;
const UNAVAILABLE = 14;

function statusOf({ http }: Refusal): number {
  if (http === 400) return INVALID_ARGUMENT;
  if (http === 429) return RESOURCE_EXHAUSTED;
  return http >= 500 ? UNAVAILABLE : PERMISSION_DENIED;
}

async function sendAll<T extends object>(
  stream: ServerHttp2Stream,
  updates: AsyncIterable<T | Refusal>,
  write: (update: T) => Buffer,
): Promise<void> {
  for await (const update of updates) {
    if (stream.destroyed) return;
    if (isRefusal(update)) return end(stream, update);
    begin(stream);
    await sendMessage(stream, write(update));
  }
}

async function sendOne<T extends object>(
  stream: ServerHttp2Stream,
  result: T | Refusal,
  write: (result: T) => Buffer,
): Promise<void> {
  if (isRefusal(result)) return end(stream, result);
  begin(stream);
  await sendMessage(stream, write(result));
  finish(stream, OK, '');
}

const HEAD = { ':status': 200, 'content-type': 'application/grpc' };

function begin(stream: ServerHttp2Stream): void {
  if (!stream.headersSent) stream.respond(HEAD, { waitForTrailers: true });
}

/** Resolves when there is room for more: who does not read is not written to. */
function sendMessage(stream: ServerHttp2Stream, message: Buffer): Promise<void> {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return new Promise((resolve) => {
    stream.once('close', resolve);
    stream.write(Buffer.concat([prefix, message]), () => {
      stream.off('close', resolve);
      resolve();
    });
  });
}

function end(stream: ServerHttp2Stream, refusal: Refusal): void {
  fail(stream, statusOf(refusal), `${refusal.code}: ${refusal.public}`);
}

function fail(stream: ServerHttp2Stream, status: number, message: string): void {
  if (stream.destroyed) return;
  if (stream.headersSent) finish(stream, status, message);
  else stream.respond({ ...HEAD, ...trailers(status, message) }, { endStream: true });
}

function finish(stream: ServerHttp2Stream, status: number, message: string): void {
  stream.once('wantTrailers', () => stream.sendTrailers(trailers(status, message)));
  stream.end();
}

function trailers(status: number, message: string): Record<string, string> {
  return { 'grpc-status': String(status), 'grpc-message': message.replace(/[^ -$&-~]+/g, encodeURIComponent) };
}
