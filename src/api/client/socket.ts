import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Transport, TransportAnswer } from './transport.ts';

/**
 * The gateway's control socket: whoever may open it (mode 0600 in a folder of mode 0700) is the local operator. It is a
 * path on this machine, never an address, so it is not an outgoing connection in the sense of the egress rule.
 */
export function socketTransport(path: string): Transport {
  return ({ method, path: target, headers, body, signal }) =>
    new Promise<TransportAnswer>((resolve, reject) => {
      const outgoing = httpRequest(
        {
          socketPath: path,
          method,
          path: target,
          headers: { ...headers, host: 'localhost' },
          ...(signal ? { signal } : {}),
        },
        (answer: IncomingMessage) => resolve({ status: answer.statusCode ?? 0, body: answer }),
      );
      outgoing.once('error', reject);
      outgoing.end(body);
    });
}
