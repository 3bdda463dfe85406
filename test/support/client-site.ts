import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { buildConnector } from 'undici';
import type { Network } from '../../src/enforcement/index.ts';

const PUBLIC = '93.184.216.34';
const file = (name: string) => readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url));

/** A site on the web, as far as the gateway can tell, that publishes metadata of clients. */
export type ClientSite = {
  origin: string;
  network: Network;
  /** By path; what is not there is not found. */
  documents: Map<string, object>;
  /** Paths that were asked for. */
  asked: string[];
  /** What the site's name resolves to. */
  addresses: string[];
  close(): void;
};

export async function openClientSite(): Promise<ClientSite> {
  const documents = new Map<string, object>();
  const asked: string[] = [];
  const addresses = [PUBLIC];
  const ca = file('certificate.pem');
  const server: Server = createServer({ key: file('key.pem'), cert: ca }, (request, response) => {
    asked.push(request.url ?? '');
    const found = documents.get(request.url ?? '');
    response.writeHead(found === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(found ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const connect = buildConnector({ ca });
  return {
    origin: 'https://learned.example',
    documents,
    asked,
    addresses,
    network: {
      resolve: async () => addresses,
      connect: (options, callback) => connect({ ...options, hostname: '127.0.0.1', port: String(port) }, callback),
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
