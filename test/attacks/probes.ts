import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { AgentClient, type AgentKey } from '../support/agent-client.ts';
import { modern } from '../support/mcp-message.ts';
import type { Called, World } from '../support/world.ts';

/**
 * An attempt to make happen what must never happen (DESIGN section 10, SECURITY.md), through the front door. It throws
 * where the gateway let it happen; so it runs against the whole table, where none may throw, and against the table with
 * one cell taken away, where at least one must.
 */
export type Probe = {
  /** The line of "what must never happen" that it is about. */
  never: number;
  name: string;
  attack(world: World): Promise<void>;
};

let count = 0;
function unique(text: string): string {
  count += 1;
  return `${text} ${count}`;
}

/** A refused tool call is a tool result with `isError`, which agents read; its code stands beside the text. */
function codeOf({ body }: Called): unknown {
  return body.error?.data?.['code'] ?? body.result?._meta?.['dev.sallyport/code'];
}

function refusedWith(called: Called, code: string): void {
  assert.equal(codeOf(called), code, `${called.status} ${called.text}`);
}

function receiptOf(called: Called): string {
  const receipt = called.headers.get('sallyport-receipt');
  assert.ok(receipt, `no receipt: ${called.status} ${called.text}`);
  return receipt;
}

async function storyOf(world: World, receipt: string) {
  const story = await world.local.call('exchanges.story', { params: { receipt } });
  assert.equal(story.kind, 'ok', JSON.stringify(story));
  return story.value;
}

export const PROBES: readonly Probe[] = [
  {
    never: 1,
    name: 'an effect that was answered has an intent before it and an outcome after it',
    async attack(world) {
      const line = unique('ok honest');
      const called = await world.call(world.triage, 'append', { line });
      assert.equal(called.status, 200, called.text);
      assert.equal(called.body.result?.isError ?? false, false, called.text);
      assert.ok(world.journal().includes(line));
      const story = await storyOf(world, receiptOf(called));
      assert.equal(story.receipts[0]?.receipt['kind'], 'intent');
      assert.equal(story.outcome?.kind, 'completed');
    },
  },
  {
    never: 1,
    name: 'a refusal after identity leaves a receipt that says why',
    async attack(world) {
      const called = await world.call(world.triage, 'append', { line: unique('evil') });
      refusedWith(called, 'policy_denied');
      const story = await storyOf(world, receiptOf(called));
      assert.equal(story.decision.effect, 'deny');
      assert.equal(story.exchange.code, 'policy_denied');
    },
  },
  {
    never: 2,
    name: 'what no policy permits has no effect',
    async attack(world) {
      const line = unique('evil');
      refusedWith(await world.call(world.triage, 'append', { line }), 'policy_denied');
      await sleep(20);
      assert.ok(!world.journal().includes(line));
    },
  },
  {
    never: 2,
    name: 'what a person should see first has no effect while nobody can be asked',
    async attack(world) {
      const line = unique('ok hold this');
      refusedWith(await world.call(world.triage, 'append', { line }), 'approval_unavailable');
      await sleep(20);
      assert.ok(!world.journal().includes(line));
    },
  },
  {
    never: 2,
    name: 'a path is judged after it was normalised: reports/../secret is not below reports/',
    async attack(world) {
      for (const path of ['reports/../secret', 'reports/%2e%2e/secret', './reports/../secret', 'reports/a\u0000b']) {
        const called = await world.call(world.triage, 'read_text', { path });
        assert.notEqual(codeOf(called), undefined, `${path}: ${called.text}`);
      }
    },
  },
  {
    never: 2,
    name: 'what is called a path may not climb, also where the operator said nothing about it',
    async attack(world) {
      for (const path of ['reports/../secret', 'reports/%2E%2e%2fsecret', 'reports\\..\\secret']) {
        const called = await world.call(world.triage, 'read_text', { path }, { server: 'unannotated' });
        refusedWith(called, 'arguments_invalid');
      }
    },
  },
  {
    never: 2,
    name: 'a tool that exists and is hidden answers like one that does not exist',
    async attack(world) {
      const other = await world.register('nobody-yet');
      const hidden = await world.call(other, 'append', { line: 'ok' });
      const missing = await world.call(other, 'no_such_tool', { line: 'ok' });
      refusedWith(hidden, 'not_found');
      assert.equal(hidden.status, missing.status);
      assert.equal(codeOf(hidden), codeOf(missing));
      assert.equal(hidden.body.error?.message, missing.body.error?.message);
    },
  },
  {
    never: 2,
    name: 'a message that two readers could read differently is not read',
    async attack(world) {
      const { headers } = modern('tools/call', { name: 'append' });
      const proof = () => world.triage.headers('POST', `${world.running.agents_url}/mcp/journal`);
      const line = unique('ok twice');
      const twice = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"append","arguments":{"line":"ok","line":"${line}"}}}`;
      refusedWith(await world.send(twice, { ...headers, ...proof() }), 'request_not_canonical');
      const cut = '{"jsonrpc":"2.0","id":1,"method":"tools/call"';
      assert.equal((await world.send(cut, { ...headers, ...proof() })).status, 400);
      assert.ok(!world.journal().includes(line));
    },
  },
  {
    never: 2,
    name: 'a header that disagrees with the body is refused before anything is decided',
    async attack(world) {
      const line = unique('ok header');
      const called = await world.call(
        world.triage,
        'append',
        { line },
        {
          headers: { 'mcp-name': 'read_text' },
        },
      );
      refusedWith(called, 'header_mismatch');
      assert.ok(!world.journal().includes(line));
    },
  },
  {
    never: 4,
    name: 'nobody without a credential gets further than the door',
    async attack(world) {
      const { message, headers } = modern('tools/call', { name: 'append', arguments: { line: 'ok anonymous' } });
      const called = await world.send(message, headers);
      assert.equal(called.status, 401, called.text);
      refusedWith(called, 'credential_missing');
      assert.match(called.headers.get('www-authenticate') ?? '', /resource_metadata=/);
    },
  },
  {
    never: 4,
    name: "a token with another key's proof is refused",
    async attack(world) {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const thief = new AgentClient({
        ...world.triage.options,
        proofKey: privateKey.export({ format: 'jwk' }) as AgentKey,
      });
      thief.use(world.triage.token);
      refusedWith(await world.call(thief, 'append', { line: 'ok stolen' }), 'proof_wrong_key');
    },
  },
  {
    never: 4,
    name: 'a bound token without its proof is refused, as Bearer too',
    async attack(world) {
      const { message, headers } = modern('tools/call', { name: 'append', arguments: { line: 'ok bearer' } });
      const bearer = { ...headers, authorization: `Bearer ${world.triage.token}` };
      refusedWith(await world.send(message, bearer), 'token_needs_proof');
      const naked = { ...headers, authorization: `DPoP ${world.triage.token}` };
      refusedWith(await world.send(message, naked), 'proof_missing');
    },
  },
  {
    never: 4,
    name: 'one proof is accepted once, also when the two arrive together',
    async attack(world) {
      const line = unique('ok replay');
      const { message, headers } = modern('tools/call', { name: 'append', arguments: { line } });
      const proof = world.triage.headers('POST', `${world.running.agents_url}/mcp/journal`);
      const called = await Promise.all([1, 2, 3, 4].map(() => world.send(message, { ...headers, ...proof })));
      assert.equal(called.filter(({ body }) => body.result && !body.result.isError).length, 1);
      assert.equal(called.filter((one) => codeOf(one) === 'proof_replayed').length, 3);
      assert.equal(world.journal().filter((written) => written === line).length, 1);
    },
  },
  {
    never: 4,
    name: 'a proof for another address or method is refused',
    async attack(world) {
      const { message, headers } = modern('tools/call', { name: 'append', arguments: { line: 'ok elsewhere' } });
      for (const [method, address, code] of [
        ['POST', `${world.running.agents_url}/mcp`, 'proof_wrong_address'],
        ['GET', `${world.running.agents_url}/mcp/journal`, 'proof_wrong_method'],
        ['POST', 'https://elsewhere.example/mcp/journal', 'proof_wrong_address'],
      ] as const) {
        const proof = world.triage.headers(method, address);
        refusedWith(await world.send(message, { ...headers, ...proof }), code);
      }
    },
  },
  {
    never: 4,
    name: 'a run that was ended admits nothing more',
    async attack(world) {
      const agent = await world.register('short-lived');
      const run = agent.claims['run'] as string;
      assert.equal((await world.local.call('runs.end', { params: { run } })).kind, 'ok');
      refusedWith(await world.call(agent, 'append', { line: 'ok ended' }), 'run_ended');
    },
  },
  {
    never: 4,
    name: 'an agent that was stopped gets nothing more, and its neighbours lose nothing',
    async attack(world) {
      const agent = await world.register('to-be-stopped');
      const set = await world.local.call('stops.set', {
        body: { kind: 'agent', id: 'to-be-stopped', reason: 'a test stops it' },
      });
      assert.equal(set.kind, 'ok', JSON.stringify(set));
      refusedWith(await world.call(agent, 'append', { line: 'ok stopped' }), 'stopped');
      const neighbour = await world.call(world.triage, 'append', { line: unique('ok neighbour') });
      assert.equal(neighbour.body.result?.isError ?? false, false, neighbour.text);
    },
  },
  {
    never: 5,
    name: "an agent's credential opens nothing of the control plane",
    async attack(world) {
      for (const path of ['/api/status', '/api/agents', '/api/exchanges', '/api/stops', '/api/policy']) {
        const url = `${world.running.console_url}${path}`;
        const response = await fetch(url, {
          headers: { ...world.triage.headers('GET', url), 'sallyport-client': 'x' },
        });
        assert.equal(response.status, 401, `${path}: ${response.status}`);
      }
    },
  },
  {
    never: 6,
    name: 'a job that was not granted cannot be claimed',
    async attack(world) {
      const answer = await world.triage.ask({ job: 'payroll' });
      assert.notEqual(answer.status, 200);
    },
  },
  {
    never: 7,
    name: 'the bytes that go upstream are those whose digest the intent holds',
    async attack(world) {
      const line = unique('ok digest');
      const called = await world.call(world.triage, 'append', { line });
      const story = await storyOf(world, receiptOf(called));
      const { sent } = story.receipts[0]!.receipt['request'] as { sent: string };
      assert.match(sent, /^[0-9a-f]{64}$/);
      assert.ok(world.received().includes(sent), 'the server received other bytes');
    },
  },
  {
    never: 12,
    name: 'a name that is not ours is not answered (DNS rebinding)',
    async attack(world) {
      assert.equal(await statusWithHost(world, 'evil.example'), 403);
    },
  },
  {
    never: 12,
    name: 'anonymous noise from the same address stops neither authenticated calls nor the kill',
    async attack(world) {
      await world.call(world.triage, 'append', { line: unique('ok before the noise') });
      const { message, headers } = modern('tools/call', { name: 'append', arguments: { line: 'ok' } });
      const noise = await Promise.all(
        Array.from({ length: 400 }, () => world.send(message, { ...headers, authorization: 'Bearer sp_no' })),
      );
      assert.ok(noise.every(({ status }) => status === 401 || status === 429));
      assert.ok(
        noise.some(({ status }) => status === 429),
        'nothing was refused unread',
      );
      const called = await world.call(world.triage, 'append', { line: unique('ok after the noise') });
      assert.equal(called.status, 200, called.text);
      assert.equal((await world.local.call('stops.list', {})).kind, 'ok');
      await sleep(4_500);
    },
  },
  {
    never: 12,
    name: 'a request that announces too much is refused unread',
    async attack(world) {
      const status = await announced(world, 1_000_000_000);
      assert.equal(status, 413);
    },
  },
  {
    never: 13,
    name: 'a change of the system and a look at a payload leave receipts',
    async attack(world) {
      const seen = new Set<string>();
      const before = await world.local.call('agents.list', {});
      assert.equal(before.kind, 'ok');
      await world.register(`receipt-${createHash('sha256').update(String(count)).digest('hex').slice(0, 8)}`);
      const called = await world.call(world.triage, 'append', { line: unique('ok looked at') });
      const story = await storyOf(world, receiptOf(called));
      assert.ok(story.read_under, 'the look left no receipt');
      for await (const item of world.local.stream('exchanges.live', { query: { after: -1 } })) {
        if (item.kind === 'event' && item.value.type === 'control') seen.add(item.value.event);
        if (item.kind === 'failure' || (seen.has('agent.add') && seen.has('payload.read'))) break;
      }
      assert.ok(seen.has('agent.add') && seen.has('payload.read'));
    },
  },
  {
    never: 2,
    name: 'a tool whose pin was taken back is not called',
    async attack(world) {
      const read = () => world.call(world.triage, 'read_text', { path: 'reports' }, { server: 'unannotated' });
      const before = await read();
      assert.equal(codeOf(before), undefined, before.text);
      const body = {
        server: 'unannotated',
        parts: [{ kind: 'tool' as const, name: 'read_text' }],
        reason: 'a test takes it back',
      };
      assert.equal((await world.local.call('tools.unpin', { body })).kind, 'ok');
      refusedWith(await read(), 'tool_not_approved');
    },
  },
];

/** `fetch` cannot send a foreign Host. */
function statusWithHost(world: World, host: string): Promise<number> {
  const { message, headers } = modern('tools/list');
  const body = JSON.stringify(message);
  return raw(world, { ...headers, ...proofFor(world), host, 'content-length': String(Buffer.byteLength(body)) }, body);
}

function announced(world: World, bytes: number): Promise<number> {
  const { headers } = modern('tools/list');
  return raw(world, { ...headers, ...proofFor(world), 'content-length': String(bytes) }, undefined);
}

function proofFor(world: World) {
  return world.triage.headers('POST', `${world.running.agents_url}/mcp/journal`);
}

function raw(world: World, headers: Record<string, string>, body: string | undefined): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(`${world.running.agents_url}/mcp/journal`, { method: 'POST', headers });
    outgoing.on('response', (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
      outgoing.destroy();
    });
    outgoing.on('error', reject);
    if (body === undefined) outgoing.flushHeaders();
    else outgoing.end(body);
  });
}
