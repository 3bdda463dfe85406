import type { IncomingMessage, ServerResponse } from 'node:http';
import { Canceller } from '../../core/cancellation.ts';
import type { Gateway } from '../../enforcement/index.ts';
import { readFields } from '../http/index.ts';
import { type AttemptParts, AuthzenAttempt } from './attempt.ts';
import { ENDPOINTS, type Endpoint } from './endpoints.ts';

export type AuthzenOptions = AttemptParts & { gateway: Gateway };

export type Authzen = {
  serves(path: string): boolean;
  handler(request: IncomingMessage, response: ServerResponse): void;
};

/** The decision point's side of the agents' port: a handler of node:http for `/access/v1/*`. */
export function openAuthzen({ gateway, ...parts }: AuthzenOptions): Authzen {
  const endpoints = new Map(ENDPOINTS.map((endpoint) => [endpoint.path, endpoint]));

  async function serve(request: IncomingMessage, response: ServerResponse, endpoint: Endpoint): Promise<void> {
    const gone = new Canceller();
    response.on('close', () => gone.cancel());
    const attempt = new AuthzenAttempt(parts, request, readFields(request.rawHeaders), endpoint);
    const sink = { frame: () => Promise.resolve(), gone };
    attempt.conclude(await gateway.exchange(attempt, sink), response);
  }

  return {
    serves: (path) => endpoints.has(path),
    handler(request, response) {
      const endpoint = endpoints.get((request.url ?? '').split('?', 1)[0] as string) as Endpoint;
      // The gateway answers every failure; what throws here is a bug, and ends the connection without an answer.
      serve(request, response, endpoint).catch(() => response.destroy());
    },
  };
}
