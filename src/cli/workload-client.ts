import { connect } from 'node:http2';
import { connect as netConnect } from 'node:net';
import { readX509Svid } from '../controls/identity/spiffe/workload-messages.ts';

export type FetchedSvid = NonNullable<ReturnType<typeof readX509Svid>>;

const PREFIX_BYTES = 5;
const MESSAGE_BYTES_MAX = 1024 * 1024;

/**
 * FetchX509SVID of any SPIFFE Workload API, over its Unix socket: each SVID as it comes, until the server ends the stream or
 * `signal` does.
 * @throws with what the server said.
 */
export async function* fetchX509Svids(path: string, signal: AbortSignal): AsyncGenerator<FetchedSvid> {
  const session = connect('http://localhost', { createConnection: () => netConnect({ path }) });
  const broken = new Promise<never>((_, reject) => session.once('error', reject));
  broken.catch(() => undefined);
  const stream = session.request({
    ':method': 'POST',
    ':path': '/SpiffeWorkloadAPI/FetchX509SVID',
    'content-type': 'application/grpc',
    te: 'trailers',
    'workload.spiffe.io': 'true',
  });
  const said = { message: '' };
  const listenTo = (headers: Record<string, unknown>): void => {
    const status = headers['grpc-status'];
    if (status !== undefined && status !== '0')
      said.message = decodeURIComponent(String(headers['grpc-message'] ?? status));
  };
  stream.on('response', listenTo);
  stream.on('trailers', listenTo);
  stream.end(Buffer.alloc(PREFIX_BYTES));
  const stop = (): void => session.destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    let left = Buffer.alloc(0);
    const parts = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    for (;;) {
      const { done, value } = await Promise.race([parts.next(), broken]);
      if (done === true) break;
      left = Buffer.concat([left, value]);
      for (;;) {
        const message = firstMessage(left);
        if (message === undefined) break;
        left = left.subarray(PREFIX_BYTES + message.length);
        const svid = readX509Svid(message);
        if (svid === undefined) throw new Error('the Workload API answered with something that is no SVID');
        yield svid;
      }
    }
    if (said.message !== '') throw new Error(said.message);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    session.destroy();
  }
}

function firstMessage(bytes: Buffer): Buffer | undefined {
  if (bytes.length < PREFIX_BYTES) return undefined;
  const length = bytes.readUInt32BE(1);
  if (length > MESSAGE_BYTES_MAX || bytes[0] !== 0)
    throw new Error('the Workload API sent a message beyond all bounds');
  return bytes.length < PREFIX_BYTES + length ? undefined : bytes.subarray(PREFIX_BYTES, PREFIX_BYTES + length);
}
