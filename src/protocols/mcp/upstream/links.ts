import type { OnBehalf, UpstreamCredential } from '../../../core/upstream-credential.ts';
import type { Egress } from '../../../enforcement/index.ts';
import type { UpstreamSettings } from '../upstream.ts';
import { type HttpContext, HttpLink } from './http-link.ts';
import type { Link } from './link.ts';
import { StdioLink } from './stdio-link.ts';

/** Streams stay open and must not take the sockets of calls. */
const STREAM_SOCKETS_MAX = 1_024;
const CALL_SOCKETS_MAX = 256;

/** Whom a link is for, with what, and who is told when the server says on it that a list changed. */
export type Opening = {
  own: OnBehalf | undefined;
  credential: UpstreamCredential | undefined;
  listChanged(): void;
};

/** Makes links to one server; over HTTP all of them use the same pools of sockets. */
export function linksTo(
  transport: UpstreamSettings['transport'],
  egress: Egress,
  context: Omit<HttpContext, 'headers' | 'own' | 'listChanged'>,
  /** Over TLS: whether a server with this key may be spoken to. */
  admits: (key: string) => boolean,
): { connect(opening: Opening): Link; close(): Promise<void> } {
  if (transport.kind === 'stdio') {
    const { command, env, cwd } = transport;
    const program = cwd === undefined ? { command } : { command, cwd };
    return {
      connect: ({ credential, listChanged }) => {
        const started = { ...program, env: { ...env, ...credential?.env } };
        return new StdioLink(egress, started, { ...context, listChanged }, credential?.secrets);
      },
      close: async () => {},
    };
  }
  const { url, ca, headers = {} } = transport;
  const address = { url, admits, ...(ca === undefined ? {} : { ca }) };
  const calls = egress.http({ ...address, sockets_max: CALL_SOCKETS_MAX });
  const streams = egress.http({ ...address, sockets_max: STREAM_SOCKETS_MAX });
  return {
    connect: ({ own, listChanged }) => new HttpLink({ calls, streams }, { ...context, headers, own, listChanged }),
    async close() {
      await Promise.all([calls.close(), streams.close()]);
    },
  };
}
