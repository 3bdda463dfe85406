import { createHash, generateKeyPairSync, sign, verify } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * A witness of its own, written from C2SP tlog-witness, tlog-cosignature and RFC 9162 section 2.1.4.2 alone, sharing nothing
 * with the code that it judges: Sallyport must please somebody else.
 */
const sha = (...parts: Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest();
const node = (left: Buffer, right: Buffer) => sha(Buffer.of(1), left, right);

export type Witness = { url: string; key: string; seen(): number; requests: string[]; close(): Promise<void> };

export async function startWitness(
  log: { origin: string; publicKey: Buffer },
  name = 'witness.test/w1',
): Promise<Witness> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = publicKey.export({ type: 'spki', format: 'der' }).subarray(12);
  const keyId = sha(Buffer.from(`${name}\n`), Buffer.of(4), raw).subarray(0, 4);
  const requests: string[] = [];
  let seen = { size: 0, root: Buffer.alloc(0) };

  function answer(body: string): { status: number; type?: string; body: string } {
    const end = body.indexOf('\n\n');
    const [first = '', ...proof] = body.slice(0, end).split('\n');
    const note = body.slice(end + 2);
    const text = note.slice(0, note.indexOf('\n\n') + 1);
    const [origin, size, root] = text.split('\n');
    if (origin !== log.origin) return { status: 404, body: 'unknown log\n' };
    const line = note.split('\n').find((one) => one.startsWith(`— ${origin} `));
    const signature = Buffer.from(line?.split(' ')[2] ?? '', 'base64').subarray(4);
    const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), log.publicKey]);
    const isSigned = verify(null, Buffer.from(text), { key: der, format: 'der', type: 'spki' }, signature);
    if (!isSigned) return { status: 403, body: 'bad signature\n' };
    const old = Number(/^old (\d+)$/.exec(first)?.[1]);
    const now = { size: Number(size), root: Buffer.from(root ?? '', 'base64') };
    if (old > now.size) return { status: 400, body: 'old is larger\n' };
    if (old !== seen.size) return { status: 409, type: 'text/x.tlog.size', body: `${seen.size}\n` };
    const hashes = proof.map((one) => Buffer.from(one, 'base64'));
    if (!isConsistent(seen, now, hashes)) return { status: 422, body: 'not consistent\n' };
    seen = now;
    const time = Math.floor(Date.now() / 1000);
    const stamp = Buffer.alloc(8);
    stamp.writeBigUInt64BE(BigInt(time));
    const cosigned = sign(null, Buffer.from(`cosignature/v1\ntime ${time}\n${text}`), privateKey);
    const encoded = Buffer.concat([keyId, stamp, cosigned]).toString('base64');
    return { status: 200, body: `— ${name} ${encoded}\n` };
  }

  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => {
      requests.push(body);
      const {
        status,
        type = 'text/plain',
        body: said,
      } = request.method === 'POST' && request.url === '/w/add-checkpoint' ? answer(body) : { status: 404, body: '' };
      response.writeHead(status, { 'content-type': type }).end(said);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const key = `${name}+${keyId.toString('hex')}+${Buffer.concat([Buffer.of(4), raw]).toString('base64')}`;
  const close = () => new Promise<void>((resolve) => void server.close(() => resolve()));
  return { url: `http://127.0.0.1:${port}/w`, key, seen: () => seen.size, requests, close };
}

/** RFC 9162, section 2.1.4.2, in the words of the RFC. */
function isConsistent(
  old: { size: number; root: Buffer },
  now: { size: number; root: Buffer },
  path: Buffer[],
): boolean {
  if (old.size === 0) return path.length === 0;
  if (old.size === now.size) return path.length === 0 && old.root.equals(now.root);
  const isPower = (old.size & (old.size - 1)) === 0;
  const hashes = isPower ? [old.root, ...path] : path;
  let fn = old.size - 1;
  let sn = now.size - 1;
  while (fn & 1) [fn, sn] = [fn >> 1, sn >> 1];
  const [start, ...rest] = hashes;
  if (start === undefined) return false;
  let fr = start;
  let sr = start;
  for (const c of rest) {
    if (sn === 0) return false;
    if (fn & 1 || fn === sn) {
      [fr, sr] = [node(c, fr), node(c, sr)];
      while (!(fn & 1) && fn !== 0) [fn, sn] = [fn >> 1, sn >> 1];
    } else sr = node(sr, c);
    [fn, sn] = [fn >> 1, sn >> 1];
  }
  return fr.equals(old.root) && sr.equals(now.root) && sn === 0;
}
