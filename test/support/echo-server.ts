import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How the server writes on what it was sent: into its answer's text, an error, a progress notification, its headers … */
export type Echo =
  | 'nothing'
  | 'text'
  | 'base64'
  | 'shifted'
  | 'hex'
  | 'url'
  | 'json'
  | 'key'
  | 'error'
  | 'data'
  | 'header';
type Request = { id?: number; method: string; params?: { name?: string; arguments?: { how?: Echo; status?: number } } };

/**
 * An MCP server of 2026-07-28 that says back what it was shown, as careless servers do, or `status` alone. `seen` is the
 * headers of each call, newest last. `signature` ends each answer.
 */
export async function startEcho(signature = ''): Promise<{
  url: string;
  host: string;
  seen: IncomingHttpHeaders[];
  close(): Promise<void>;
}> {
  const seen: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const message = JSON.parse(Buffer.concat(parts).toString() || '{}') as Request;
      if (message.method === 'tools/call') seen.push(request.headers);
      answer(message, shownIn(request.headers), response, signature);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    host: `127.0.0.1:${port}`,
    seen,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** The credential without its scheme. */
function shownIn(headers: IncomingHttpHeaders): string {
  const { authorization = '', 'x-api-key': key } = headers;
  return String(key ?? authorization.replace(/^\w+ /, '')) || 'nothing was shown';
}

function answer({ id, method, params }: Request, shown: string, response: ServerResponse, signature: string): void {
  const { how = 'nothing', status } = params?.arguments ?? {};
  const send = (body: object, headers: Record<string, string> = {}) => {
    response.writeHead(status ?? 200, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify({ jsonrpc: '2.0', id, ...body }));
  };
  const result = (more: object) => send({ result: { resultType: 'complete', ...more } });
  const text = (said: string) => result({ content: [{ type: 'text', text: `you sent ${said}.${signature}` }] });
  if (method === 'server/discover') {
    const serverInfo = { name: 'echo', version: '1' };
    result({
      supportedVersions: ['2026-07-28'],
      capabilities: { tools: {} },
      _meta: { 'io.modelcontextprotocol/serverInfo': serverInfo },
    });
  } else if (method === 'tools/list') {
    const inputSchema = {
      type: 'object',
      properties: { how: { type: 'string' }, status: { type: 'integer' }, note: { type: 'string' } },
    };
    result({
      tools: [{ name: 'echo', description: 'says it back', inputSchema }],
      ttlMs: 60_000,
      cacheScope: 'private',
    });
  } else if (method !== 'tools/call') response.writeHead(202).end();
  else if (how === 'error')
    send({ error: { code: -32000, message: `bad credential ${shown}`, data: { headers: { shown } } } });
  else if (how === 'header') {
    response.setHeader('x-echo', shown);
    response.setHeader('www-authenticate', `Bearer error="${shown}"`);
    text('a header');
  } else if (how === 'key') result({ content: [], structuredContent: { [shown]: { deep: [shown] } } });
  else text(FORMS[how](shown));
}

const FORMS: Record<Exclude<Echo, 'error' | 'header' | 'key'>, (shown: string) => string> = {
  nothing: () => 'something',
  text: (shown) => shown,
  data: (shown) => `[${shown}]`,
  base64: (shown) => Buffer.from(shown).toString('base64'),
  shifted: (shown) => Buffer.from(`Authorization: ${shown} and more`).toString('base64'),
  hex: (shown) => Buffer.from(shown).toString('hex'),
  url: (shown) => encodeURIComponent(shown),
  json: (shown) => JSON.stringify({ headers: { authorization: shown } }),
};
