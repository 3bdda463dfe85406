import type { Egress } from '../../../enforcement/index.ts';
import type { UpstreamSettings } from '../upstream.ts';
import { type HttpContext, HttpLink } from './http-link.ts';
import type { Link } from './link.ts';
import { StdioLink } from './stdio-link.ts';

/** Streams stay open and must not take the sockets of calls. */
const STREAM_SOCKETS_MAX = 1_024;
const CALL_SOCKETS_MAX = 256;

/** Makes links to one server; over HTTP all of them use the same pools of sockets. */
export function linksTo(
  transport: UpstreamSettings['transport'],
  egress: Egress,
  context: Omit<HttpContext, 'headers'>,
): { connect(): Link; close(): Promise<void> } {
  if (transport.kind === 'stdio') {
    const { command, env, cwd } = transport;
    const program = cwd === undefined ? { command, env } : { command, env, cwd };
    return { connect: () => new StdioLink(egress, program, context), close: async () => {} };
  }
  const calls = egress.http({ url: transport.url, sockets_max: CALL_SOCKETS_MAX });
  const streams = egress.http({ url: transport.url, sockets_max: STREAM_SOCKETS_MAX });
  const own = { ...context, headers: transport.headers ?? {} };
  return {
    connect: () => new HttpLink({ calls, streams }, own),
    async close() {
      await Promise.all([calls.close(), streams.close()]);
    },
  };
}
