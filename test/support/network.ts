import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * A network between a client and a server that misbehaves on command: real sockets, real bytes.
 * - `pass`: bytes flow.
 * - `hold`: bytes stop in both directions, connections stay open: a partition without a word.
 * - `lose answers`: what the client sends arrives, what the server answers does not.
 */
export type NetworkMode = 'pass' | 'hold' | 'lose answers';

export class BadNetwork {
  mode: NetworkMode = 'pass';
  /** Called with what a client sends, before it is passed on. */
  onSent: (bytes: Buffer) => void = () => {};
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #refusing = false;

  private constructor(target: { host: string; port: number }) {
    this.#server = createServer((client) => {
      if (this.#refusing) {
        client.destroy();
        return;
      }
      const server = connect(target);
      this.#join(
        client,
        server,
        (bytes) => this.onSent(bytes),
        () => this.mode !== 'hold',
      );
      this.#join(
        server,
        client,
        () => {},
        () => this.mode === 'pass',
      );
    });
  }

  static async before(url: string): Promise<{ proxy: BadNetwork; url: string }> {
    const target = new URL(url);
    const proxy = new BadNetwork({ host: target.hostname, port: Number(target.port) });
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    const address = proxy.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
    target.hostname = '127.0.0.1';
    target.port = String(address.port);
    return { proxy, url: target.href };
  }

  get connections(): number {
    return this.#sockets.size / 2;
  }

  /** Breaks every connection, as a crash or a reset does, and from then on refuses new ones if asked to. */
  cut(options: { refuse: boolean } = { refuse: false }): void {
    this.#refusing = options.refuse;
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.#server.close();
    this.cut();
  }

  #join(from: Socket, to: Socket, see: (bytes: Buffer) => void, open: () => boolean): void {
    this.#sockets.add(from);
    from.on('data', (bytes: Buffer) => {
      see(bytes);
      if (open()) to.write(bytes);
    });
    from.on('error', () => {});
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
