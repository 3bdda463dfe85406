import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Canceller } from '../../src/core/cancellation.ts';
import { type JsonObject, writeJson } from '../../src/core/json.ts';
import type { Run } from '../../src/core/principal.ts';
import { isRefusal, type Refusal, refuse } from '../../src/core/refusal.ts';
import { openEgress } from '../../src/enforcement/index.ts';
import { openUpstreams } from '../../src/protocols/mcp/upstream/upstreams.ts';
import type {
  Era,
  ExchangeIo,
  OpenOptions,
  UpstreamLimits,
  UpstreamReply,
  UpstreamSession,
  UpstreamSettings,
  Upstreams,
} from '../../src/protocols/mcp/upstream.ts';
import { systemClock } from '../support/clock.ts';

export const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/mcp/${name}`, import.meta.url));

const closers: (() => Promise<void> | void)[] = [];
after(async () => {
  for (const close of closers.reverse()) await close();
});

export function whenOver(close: () => Promise<void> | void): void {
  closers.push(close);
}

/** Closed when the file's tests are over. */
export function gatewayOf(...settings: UpstreamSettings[]): Upstreams {
  return stoppableGateway(new Set(), ...settings);
}

/** The same, where what stands in `stopped` (ids of runs and servers) is on the stop list. */
export function stoppableGateway(stopped: ReadonlySet<string>, ...settings: UpstreamSettings[]): Upstreams {
  const egress = openEgress({ clock: systemClock, environment: { PATH: process.env['PATH'] ?? '' } });
  const upstreams = openUpstreams({
    egress,
    clock: systemClock,
    settings,
    stopped: (server, run) =>
      stopped.has(server) || stopped.has(run?.id ?? '') ? refuse('stopped', 'by this test') : undefined,
    client_info: { name: 'sallyport', version: 'test' },
  });
  closers.push(async () => {
    await upstreams.close();
    await egress.close();
  });
  return upstreams;
}

type Extra = { era?: Era; shared?: boolean; limits?: Partial<UpstreamLimits> };

export function overStdio(
  server: string,
  program: string,
  args: readonly string[],
  extra: Extra = {},
): UpstreamSettings {
  const command = [process.execPath, fixture(program), ...args];
  return { server, transport: { kind: 'stdio', command, env: {} }, shared: false, ...extra };
}

export function overHttp(server: string, url: string, extra: Extra = {}): UpstreamSettings {
  return { server, transport: { kind: 'http', url, gateway_only: false }, shared: false, ...extra };
}

/** Starts a fixture that prints its address. */
export async function startProgram(
  program: string,
  args: readonly string[],
): Promise<{ url: string; process: ChildProcess }> {
  const child = spawn(process.execPath, [fixture(program), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  closers.push(() => void child.kill('SIGKILL'));
  for await (const part of child.stdout) return { url: String(part).trim(), process: child };
  throw new Error(`${program} printed no address`);
}

export function runOf(id: string): Run {
  const labels = { confidentiality: 'public', integrity: 'trusted' } as const;
  const granted = { purpose: null, subject: null, chain: [], scopes: [] };
  const times = { opened_at: 0, expires_at: Number.MAX_SAFE_INTEGER };
  return { id, agent: 'a', job: 'j', opened_by: 'test', ...granted, ...times, labels };
}

/** What a client of 2025 declares that can answer everything. */
export const CAPABLE: NonNullable<OpenOptions['client']> = {
  capabilities: { sampling: {}, elicitation: {}, roots: {} },
  clientInfo: { name: 'agent', version: '1' },
};

export async function sessionOf(
  upstreams: Upstreams,
  server: string,
  run = runOf('run'),
  options: OpenOptions = {},
): Promise<UpstreamSession> {
  const session = await upstreams.open(server, run, options);
  assert.ok(!isRefusal(session), isRefusal(session) ? session.reason : '');
  return session;
}

export type Heard = { method: string; params: JsonObject };
export type Sent = { reply: UpstreamReply | Refusal; heard: Heard[]; asked: Heard[] };
type Sending = Partial<ExchangeIo> & { meta?: JsonObject; progress?: boolean };

/** One request; the rest of its life is returned with the reply. */
export async function send(
  upstreams: Upstreams,
  session: UpstreamSession,
  method: string,
  params: JsonObject = {},
  { meta = {}, progress = false, ...io }: Sending = {},
): Promise<Sent> {
  const id = upstreams.nextId();
  const heard: Heard[] = [];
  const asked: Heard[] = [];
  const full: JsonObject = {
    ...params,
    _meta: { ...metaOf(session, meta), ...(progress ? { progressToken: id } : {}) },
  };
  const bytes = writeJson({ jsonrpc: '2.0', id, method, params: full });
  const reply = await session.send(
    { bytes, id, method, params: full },
    {
      cancellation: new Canceller(),
      onRequest: async () => ({ kind: 'error', error: { code: -1, message: 'not asked for in this test' } }),
      ...io,
      onNotification: (name, given) => {
        heard.push({ method: name, params: given });
        return io.onNotification?.(name, given);
      },
      ...(io.onRequest === undefined
        ? {}
        : {
            onRequest: (name: string, given: JsonObject) => {
              asked.push({ method: name, params: given });
              return io.onRequest!(name, given);
            },
          }),
    },
  );
  return { reply, heard, asked };
}

function metaOf(session: UpstreamSession, meta: JsonObject): JsonObject {
  if (session.era === '2025-11-25') return meta;
  return {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
    ...meta,
  };
}

export function call(
  upstreams: Upstreams,
  session: UpstreamSession,
  name: string,
  args: JsonObject = {},
  sending?: Sending,
) {
  return send(upstreams, session, 'tools/call', { name, arguments: args }, sending);
}

/** The text of a tool's result. */
export function textOf({ reply }: Sent): string {
  assert.ok(!isRefusal(reply), isRefusal(reply) ? `${reply.code}: ${reply.reason}` : '');
  assert.equal(reply.kind, 'result', JSON.stringify(reply));
  const content = (reply.kind === 'result' ? reply.result['content'] : []) as { text: string }[];
  return content.map((part) => part.text).join('');
}

export function codeOf(value: Sent | Refusal | object): string {
  const reply = 'reply' in value ? (value as Sent).reply : value;
  return isRefusal(reply) ? reply.code : 'answered';
}

export async function until(what: string, holds: () => boolean, wait_ms = 5_000): Promise<void> {
  const deadline = Date.now() + wait_ms;
  while (!holds()) {
    assert.ok(Date.now() < deadline, `waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
