import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AgentClient } from '../support/agent-client.ts';

/** Headers of one connection, which end with it (RFC 9110, section 7.6.1). */
const HOP_BY_HOP: readonly string[] = ['connection', 'keep-alive', 'transfer-encoding'];

export type Shim = {
  origin: string;
  host: string;
  /** From now on requests go to this gateway, as this agent. */
  aim(gateway: string, agent: AgentClient): void;
  close(): Promise<void>;
};

/**
 * The suite cannot send credentials, so this adds a token and a fresh proof to each request. Nothing else is changed: raw
 * headers, `Host` and `Origin` go on as they came, and so do the answers, chunk by chunk.
 */
export async function openShim(): Promise<Shim> {
  let target: { gateway: URL; agent: AgentClient } | undefined;
  const server = createServer((incoming, outgoing) => {
    if (target === undefined) outgoing.writeHead(503).end();
    else pass(incoming, outgoing, target.gateway, target.agent);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    origin: `http://${host}`,
    aim(gateway, agent) {
      target = { gateway: new URL(gateway), agent };
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function pass(incoming: IncomingMessage, outgoing: ServerResponse, gateway: URL, agent: AgentClient): void {
  const { method = '', url = '/' } = incoming;
  const headers = endToEnd(incoming.rawHeaders);
  const credentials = agent.headers(method, `${gateway.origin}${url}`);
  for (const [name, value] of Object.entries(credentials)) headers.push(name, value);
  const onward = forward({
    hostname: gateway.hostname,
    port: gateway.port,
    method,
    path: url,
    headers,
    setHost: false,
  });
  onward.on('response', (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, endToEnd(answer.rawHeaders));
    outgoing.flushHeaders();
    answer.pipe(outgoing);
  });
  onward.on('error', () => outgoing.destroy());
  outgoing.on('close', () => onward.destroy());
  incoming.pipe(onward);
}

function endToEnd(raw: readonly string[]): string[] {
  return raw.filter((_, at) => !HOP_BY_HOP.includes((raw[at - (at % 2)] as string).toLowerCase()));
}
