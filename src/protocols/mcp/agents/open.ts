import type { IncomingMessage, ServerResponse } from 'node:http';
import { Canceller } from '../../../core/cancellation.ts';
import type { Clock, Random } from '../../../core/clock.ts';
import type { Frame } from '../../../core/exchange.ts';
import type { Refusal } from '../../../core/refusal.ts';
import type { Secret } from '../../../core/secret.ts';
import type { Gateway } from '../../../enforcement/index.ts';
import type { Upstreams } from '../upstream.ts';
import type { McpSettings, Parts } from './asking.ts';
import { type Door, McpAttempt } from './attempt.ts';
import { openCatalogs } from './catalogs.ts';
import { readFields } from './headers.ts';
import { openNaming } from './names.ts';
import { Reply, readAccept } from './reply.ts';
import { openSchemas } from './schemas.ts';
import { openSeal } from './seal.ts';
import { openSessions } from './sessions.ts';
import { openSessionStore, type SessionDatabase } from './store.ts';

export type McpOptions = {
  gateway: Gateway;
  upstreams: Upstreams;
  /** Read at each use. */
  settings(): McpSettings;
  /** `WWW-Authenticate` values for a refusal at `path`. */
  challenges(refusal: Refusal, path: string): Readonly<Record<string, readonly string[]>>;
  clock: Clock;
  random: Random;
  /** 32 bytes, the same on every replica: seals what agents carry from one request to the next. */
  stateKey: Secret<Uint8Array>;
  onPinsChange?(changed: () => void): () => void;
  /** The gateway's version, as agents see it. */
  version: string;
  /** With it, sessions of 2025 are on record under this replica's name. */
  sessions?: { db: SessionDatabase; replica: string };
};

export type Mcp = {
  /** Whether a path is this door's. */
  serves(path: string): boolean;
  handler(request: IncomingMessage, response: ServerResponse): void;
  /** Ends the streams that would stay open for ever; what is being answered goes on. */
  endStreams(): void;
  close(): void;
};

/** The agents' side: a handler of node:http for `/mcp` and `/mcp/<server>`. */
export async function openMcp(options: McpOptions): Promise<Mcp> {
  const { gateway, upstreams, clock, random, settings } = options;
  const store = options.sessions && openSessionStore(options.sessions.db, options.sessions.replica);
  await store?.forget();
  const catalogs = openCatalogs(upstreams, clock);
  const sessions = openSessions({ clock, random, store, perAgentMax: () => settings().limits.sessions_per_agent_max });
  const closing = new Canceller();
  const parts: Parts = {
    closing,
    upstreams,
    catalogs,
    sessions,
    clock,
    random,
    settings,
    challenges: options.challenges,
    naming: openNaming(() => upstreams.list()),
    onPinsChange: options.onPinsChange ?? (() => () => undefined),
    schemas: openSchemas(),
    seal: openSeal({ key: options.stateKey, clock, random }),
    self: { name: 'sallyport', version: options.version },
  };

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const fields = readFields(request.rawHeaders);
    const reply = new Reply(response, readAccept(fields.accept), clock);
    const attempt = new McpAttempt(parts, request, fields, doorOf(request.url ?? ''), reply);
    const sink = { frame: (frame: Frame) => reply.event(JSON.stringify(frame.value)), gone: reply.gone };
    await attempt.conclude(await gateway.exchange(attempt, sink));
  }

  return {
    serves: (path) => path === '/mcp' || path.startsWith('/mcp/'),
    handler(request, response) {
      // The gateway answers every failure; what throws here is a bug, and ends the connection without an answer.
      serve(request, response).catch(() => response.destroy());
    },
    endStreams: () => closing.cancel(),
    close() {
      closing.cancel();
      sessions.close();
      catalogs.close();
    },
  };
}

/** The path as it stands in the request: nothing is decoded, so there is one spelling of each server's. */
function doorOf(url: string): Door {
  const end = url.indexOf('?');
  const path = end < 0 ? url : url.slice(0, end);
  return { path, server: path === '/mcp' ? undefined : path.slice('/mcp/'.length) };
}
