import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import type { AgentClient } from '../support/agent-client.ts';
import { SERVICE_SECRET, TokenService } from '../support/token-services.ts';
import { freePort, openWorld, type World } from '../support/world.ts';

/** A server of 2025-11-25, where each run has a session of its own, that does not let some of its callers in. */
const LIMIT = { timeout: 60_000 };
const POLICY = `@id("all") @reason("These tests are about whom a server lets in.")
permit (principal, action == Action::"tool.call", resource);`;

let server: Server;
let service: TokenService;
let world: World;
const refused = new Set<string>();
const asked: string[] = [];

type Said = { id?: number; method: string };

before(async () => {
  process.env['SERVICE_SECRET'] = SERVICE_SECRET;
  server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { id, method } = JSON.parse(Buffer.concat(parts).toString() || '{}') as Said;
      const token = String(request.headers.authorization).replace(/^Bearer /, '');
      const who = service.issued.get(token)?.sub ?? '';
      if (method === 'initialize') asked.push(who);
      const json = { 'content-type': 'application/json' };
      if (refused.has(who)) response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end();
      else if (id === undefined) response.writeHead(202).end();
      else if (request.method !== 'POST') response.writeHead(405).end();
      else response.writeHead(200, json).end(JSON.stringify({ jsonrpc: '2.0', id, ...answerTo(method) }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const port = await freePort();
  service = await new TokenService().start(`http://127.0.0.1:${port}`);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
  const credential = JSON.stringify({ exchange: service.client });
  world = await openWorld({
    policies: POLICY,
    agentsPort: port,
    upstreams: `  strict: { url: "${url}", era: "2025-11-25", credential: ${credential} }\n`,
  });
});
after(async () => {
  await world?.stop();
  service?.close();
  server?.closeAllConnections();
  server?.close();
});

function answerTo(method: string): object {
  const serverInfo = { name: 'strict', version: '1' };
  if (method === 'initialize')
    return { result: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo } };
  if (method === 'tools/list') return { result: { tools: [{ name: 'look', inputSchema: { type: 'object' } }] } };
  if (method === 'tools/call') return { result: { content: [{ type: 'text', text: 'seen' }] } };
  return { error: { code: -32601, message: 'no such method' } };
}

async function call(agent: AgentClient): Promise<string> {
  const { body, text } = await world.call(agent, 'look', {}, { server: 'strict' });
  const said = Object.values(body.result?._meta ?? {}).find((value) => /^[a-z]+_[a-z_]+$/.test(String(value)));
  return String(body.error?.data?.['code'] ?? said ?? body.result?.content?.[0]?.text ?? text);
}

test('a server that refuses one run’s credential keeps nobody else waiting', LIMIT, async () => {
  const other = await world.register('other');
  assert.equal(await call(world.triage), 'seen');
  refused.add('other');
  assert.equal(await call(other), 'upstream_failed');
  const third = await world.register('third');
  assert.equal(await call(third), 'seen', 'a session that had to be opened after the refusal');
  assert.equal(await call(world.triage), 'seen');
  refused.delete('other');
  assert.equal(await call(other), 'seen', 'with another token, at once');
});

test('nor does the gateway’s own, which reads its lists, while they are known', LIMIT, async () => {
  assert.equal(await call(world.triage), 'seen');
  refused.add('gateway');
  const late = await world.register('late');
  assert.equal(await call(late), 'seen');
  refused.delete('gateway');
});

test('each run is told by the server itself, once, and then waits', LIMIT, async () => {
  const fourth = await world.register('fourth');
  const fifth = await world.register('fifth');
  for (const who of ['fourth', 'fifth']) refused.add(who);
  const before_call = asked.length;
  assert.equal(await call(fourth), 'upstream_failed');
  assert.equal(await call(fifth), 'upstream_failed');
  assert.deepEqual(asked.slice(before_call), ['fourth', 'fifth']);
});
