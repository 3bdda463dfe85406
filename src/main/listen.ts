import type { AddressInfo, Server } from 'node:net';

/** @returns the address as a URL, with the port that the system chose where it was asked to. */
export function listen(
  server: Server,
  { host, port }: { host: string; port: number },
  scheme: 'http' | 'https' = 'http',
): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address() as AddressInfo;
      resolve(`${scheme}://${host.includes(':') ? `[${host}]` : host}:${address.port}`);
    });
  });
}

/** Ends what is open, too: by now, what may end has ended. */
export function closeServer(server: Server & { closeAllConnections(): void }): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
