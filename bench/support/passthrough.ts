/**
 * What a gateway costs that does nothing: bare node:http in, undici out, bodies streamed. The measure that Sallyport is
 * held against.   node bench/support/passthrough.ts UPSTREAM-URL     started with an IPC channel: tells its address, and what it used when asked
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';

const upstream = new URL(process.argv[2] ?? 'http://127.0.0.1:1');
const pool = new Pool(upstream.origin, { connections: 64, pipelining: 1 });

const server = createServer((request, response) => {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (name !== 'host' && name !== 'connection' && typeof value === 'string') headers[name] = value;
  }
  pool
    .stream(
      { path: upstream.pathname, method: 'POST', headers, body: request, opaque: response },
      ({ statusCode, headers: answered }) => {
        const passed: Record<string, string> = {};
        for (const [name, value] of Object.entries(answered)) {
          if (name !== 'connection' && name !== 'keep-alive' && value !== undefined) passed[name] = String(value);
        }
        response.writeHead(statusCode, passed);
        return response;
      },
    )
    .catch(() => response.destroy());
});

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.send?.({ url: `http://127.0.0.1:${port}${upstream.pathname}` });
});

process.on('message', (question) => {
  if (question !== 'usage') return;
  const { user, system } = process.cpuUsage();
  process.send?.({ cpu_us: user + system, rss: process.memoryUsage.rss() });
});
process.on('disconnect', () => process.exit(0));
