import { request as httpRequest, type IncomingMessage } from 'node:http';
import { OBSERVING_HEADER } from '../contract/index.ts';
import type { Transport, TransportAnswer } from './transport.ts';

/**
 * The gateway's control socket: whoever may open it (mode 0600 in a folder of mode 0700) is the local operator. It is a
 * path on this machine, never an address, so it is not an outgoing connection in the sense of the egress rule. What needs
 * presence needs a person, so a sign-in made here is kept, in memory, as long as the transport is.
 */
export function socketTransport(path: string, onObserving: (until: number) => void = () => undefined): Transport {
  const cookies = new Map<string, string>();
  return ({ method, path: target, headers, body, signal }) =>
    new Promise<TransportAnswer>((resolve, reject) => {
      const outgoing = httpRequest(
        {
          socketPath: path,
          method,
          path: target,
          headers: { ...headers, host: 'localhost', ...cookieHeader(cookies) },
          ...(signal ? { signal } : {}),
        },
        (answer: IncomingMessage) => {
          const until = Number(answer.headers[OBSERVING_HEADER]);
          if (until > 0) onObserving(until);
          keepCookies(cookies, answer.headers['set-cookie'] ?? []);
          resolve({ status: answer.statusCode ?? 0, body: answer });
        },
      );
      outgoing.once('error', reject);
      outgoing.end(body);
    });
}

function cookieHeader(cookies: ReadonlyMap<string, string>): { cookie?: string } {
  if (cookies.size === 0) return {};
  return { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') };
}

function keepCookies(cookies: Map<string, string>, received: readonly string[]): void {
  for (const header of received) {
    const match = /^([^=;]+)=([^;]*)/.exec(header);
    if (match === null) continue;
    if (match[2] === '') cookies.delete(match[1]!);
    else cookies.set(match[1]!, match[2]!);
  }
}
