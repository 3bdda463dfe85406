import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Type byte of `NotificationResponse` (PostgreSQL, "Message Formats"). */
const NOTIFICATION = 0x41;
const HEAD_BYTES = 5;

/**
 * A way to PostgreSQL on which notifications get lost: whatever the server says arrives, but for those, while `losing`. So
 * what NOTIFY only makes faster is told apart from what holds without it.
 */
export class LostNotices {
  losing = false;
  lost = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(target: { host: string; port: number }) {
    this.#server = createServer((client) => {
      const server = connect(target);
      for (const socket of [client, server]) {
        this.#sockets.add(socket);
        socket.setNoDelay(true);
        socket.on('error', () => socket.destroy());
        socket.on('close', () => {
          client.destroy();
          server.destroy();
          this.#sockets.delete(socket);
        });
      }
      client.pipe(server);
      this.#filter(server, client);
    });
  }

  static async open(database: string): Promise<{ network: LostNotices; url: string }> {
    const url = new URL(database);
    const network = new LostNotices({ host: url.hostname, port: Number(url.port || 5432) });
    network.#server.listen(0, '127.0.0.1');
    await once(network.#server, 'listening');
    const address = network.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    url.hostname = '127.0.0.1';
    url.port = String(address.port);
    return { network, url: url.href };
  }

  /** Messages are passed on whole: a type, a length that counts itself, and so many bytes. */
  #filter(from: Socket, to: Socket): void {
    let waiting: Buffer = Buffer.alloc(0);
    from.on('data', (bytes: Buffer) => {
      waiting = Buffer.concat([waiting, bytes]);
      const passed: Buffer[] = [];
      for (let message = firstOf(waiting); message !== undefined; message = firstOf(waiting)) {
        waiting = waiting.subarray(message.length);
        if (this.losing && message[0] === NOTIFICATION) this.lost += 1;
        else passed.push(message);
      }
      if (passed.length > 0) to.write(Buffer.concat(passed));
    });
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** The first message, if it is there whole. */
function firstOf(bytes: Buffer): Buffer | undefined {
  if (bytes.length < HEAD_BYTES) return undefined;
  const length = 1 + bytes.readUInt32BE(1);
  return bytes.length < length ? undefined : bytes.subarray(0, length);
}
