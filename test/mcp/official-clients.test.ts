import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { openWorld, type World } from '../support/world.ts';

const POLICIES = `
@id("everything")
@reason("Triage may use everything, and everything may ask it.")
permit (principal, action, resource);
`;

const UPSTREAMS = `  everything: { command: ["package:@modelcontextprotocol/server-everything", "stdio"] }
`;

/** The official SDK's client, which only gets its credentials added, before the official server over stdio. */
describe('official client, gateway, official server', () => {
  let world: World;
  const clients: Client[] = [];
  before(async () => {
    world = await openWorld({ policies: POLICIES, upstreams: UPSTREAMS });
  });
  after(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await world.stop();
  });

  async function connect(path: string, options: ConstructorParameters<typeof Client>[1]): Promise<Client> {
    const url = `${world.running.agents_url}${path}`;
    const client = new Client({ name: 'official', version: '1' }, options);
    const transport = new StreamableHTTPClientTransport(new URL(url), {
      fetch: (address, init) => {
        const headers = new Headers(init?.headers);
        const proof = world.triage.headers(init?.method ?? 'GET', url);
        for (const [name, value] of Object.entries(proof)) headers.set(name, value);
        return fetch(address, { ...init, headers });
      },
    });
    await client.connect(transport);
    clients.push(client);
    return client;
  }

  for (const mode of ['legacy', 'auto'] as const) {
    test(`calls a tool, ${mode === 'auto' ? 'in the newest revision that both know' : 'with a session'}`, async () => {
      const client = await connect('/mcp/everything', { capabilities: {}, versionNegotiation: { mode } });
      const { tools } = await client.listTools();
      assert.ok(tools.some(({ name }) => name === 'echo'));
      const echoed = await client.callTool({ name: 'echo', arguments: { message: 'hello' } });
      assert.match(JSON.stringify(echoed.content), /hello/);
      assert.match(String(echoed._meta?.['dev.sallyport/receipt']), /^rcp_/);
      const structured = await client.callTool({ name: 'get-structured-content', arguments: { location: 'New York' } });
      assert.ok(structured.structuredContent);
      const { resources } = await client.listResources();
      const read = await client.readResource({ uri: resources[0]!.uri });
      assert.equal(read.contents[0]?.uri, resources[0]?.uri);
      const { prompts } = await client.listPrompts();
      assert.ok(prompts.length > 0);
    });

    test(`gets progress and can cancel, ${mode}`, async () => {
      const client = await connect('/mcp/everything', { capabilities: {}, versionNegotiation: { mode } });
      const seen: number[] = [];
      await client.callTool(
        { name: 'trigger-long-running-operation', arguments: { duration: 0.4, steps: 4 } },
        { onprogress: ({ progress }) => void seen.push(progress) },
      );
      assert.ok(seen.length >= 3, `progress ${seen}`);
      const abort = new AbortController();
      const call = client.callTool(
        { name: 'trigger-long-running-operation', arguments: { duration: 20, steps: 2 } },
        { signal: abort.signal },
      );
      setTimeout(() => abort.abort(), 100);
      await assert.rejects(call);
    });

    test(`sees all servers at /mcp, ${mode}`, async () => {
      const client = await connect('/mcp', { capabilities: {}, versionNegotiation: { mode } });
      const names = (await client.listTools()).tools.map(({ name }) => name);
      assert.ok(names.includes('everything__echo') && names.includes('journal__append'));
      const written = await client.callTool({ name: 'journal__append', arguments: { line: `ok ${mode}` } });
      assert.equal(written.isError ?? false, false);
      assert.ok(world.journal().includes(`ok ${mode}`));
    });
  }

  test('answers what the server asks in the middle of a call', async () => {
    const client = await connect('/mcp/everything', {
      capabilities: { sampling: {}, elicitation: {}, roots: {} },
      versionNegotiation: { mode: 'legacy' },
    });
    client.setRequestHandler('sampling/createMessage', async () => ({
      role: 'assistant',
      content: { type: 'text', text: 'sampled' },
      model: 'test',
    }));
    client.setRequestHandler('roots/list', async () => ({ roots: [{ uri: 'file:///work', name: 'work' }] }));
    const { tools } = await client.listTools();
    assert.ok(tools.length > 0);
    const sampled = await client.callTool({
      name: 'trigger-sampling-request',
      arguments: { prompt: 'x', maxTokens: 5 },
    });
    assert.match(JSON.stringify(sampled.content), /sampled/);
  });
});
