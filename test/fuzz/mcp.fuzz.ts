import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { Canceller } from '../../src/core/cancellation.ts';
import type { Intent } from '../../src/core/exchange.ts';
import { parseJson } from '../../src/core/json.ts';
import type { Caller, Run } from '../../src/core/principal.ts';
import { isRefusal, refuse } from '../../src/core/refusal.ts';
import { Secret } from '../../src/core/secret.ts';
import type { ForwardIo, Gateway, PassResult } from '../../src/enforcement/index.ts';
import { systemClock as clock, systemRandom as random } from '../../src/main/clock.ts';
import { openMcp, type Upstreams } from '../../src/protocols/mcp/index.ts';
import type { ReadCatalog, UpstreamStatus } from '../../src/protocols/mcp/upstream.ts';
import { type Dice, fuzz } from './harness.ts';

/**
 * Hostile HTTP requests at the agents' door, from their raw headers and bodies to what would be decided and sent: nothing
 * throws, nothing takes long, and whatever is understood says the same to policy and to the server.
 */
const SCHEMA = {
  type: 'object',
  properties: {
    path: { type: 'string', 'x-mcp-header': 'Path' },
    count: { type: 'integer', 'x-mcp-header': 'Count' },
    items: { type: 'array', items: { type: 'string', pattern: '^(a+)+$' } },
  },
};

const CATALOG: ReadCatalog = {
  server: 'docs',
  tools: [{ server: 'docs', name: 'read', inputSchema: SCHEMA, raw: { name: 'read', inputSchema: SCHEMA } }],
  resources: [],
  templates: [],
  prompts: [{ server: 'docs', name: 'ask', raw: { name: 'ask' } }],
  digest: '0',
  manifest: { server: 'docs', parts: [] },
  serverInfo: {},
  instructions: undefined,
};

const STATUS: UpstreamStatus = {
  server: 'docs',
  state: 'ready',
  eras: ['2026-07-28', '2025-11-25'],
  sessions: 0,
  restarts: 0,
  dropped: 0,
  last_error: undefined,
  exposure: 'enclosed',
  exposure_note: '',
};

let last_id = 0;
/** Everything that parsing asks; what would reach a server is never called. */
const upstreams: Upstreams = {
  list: () => ['docs'],
  nextId: () => {
    last_id += 1;
    return last_id;
  },
  catalog: async () => CATALOG,
  suspect: () => {},
  isFresh: () => true,
  catalogs: () => [CATALOG],
  onCatalogChange: () => () => {},
  status: () => [STATUS],
  open: () => refuse('upstream_unavailable', 'nothing is sent here'),
  review: () => {},
  reviewCredentials: () => {},
  configure: async () => {},
  close: async () => {},
};

const agent = { id: 'fuzz', owner: 'test', version: '1', jobs: ['fuzz'] };
const caller: Caller = {
  principal: { type: 'Agent', id: 'fuzz' },
  agent,
  generation: 1,
  credential: { kind: 'bearer', thumbprint: 't' },
  token: 't',
  run: 'run',
  subject: null,
  chain: [],
  proof: undefined,
};
const run = { id: 'run', agent: 'fuzz', job: 'fuzz', opened_by: 'fuzz', opened_at: 0, expires_at: 9e15 } as Run;

/** The bytes are canonical, carry an id of ours, and hold exactly the arguments that policy is asked about. */
function checkSent(bytes: Uint8Array, { operation, accesses, defect }: Intent): void {
  const sent = parseJson(bytes) as { id: number; method: string; params: { arguments?: object; uri?: string } };
  assert.equal(sent.id, last_id);
  assert.equal(sent.method, operation);
  if (operation === 'resources/read') assert.equal(accesses[0]?.resource.id, `docs/${sent.params.uri}`);
  if (operation !== 'tools/call') return;
  const args = accesses[0]?.args ?? {};
  assert.deepEqual(sent.params.arguments, args);
  const path = args['path'];
  if (typeof path === 'string' && !defect) assert.ok(!/(?:^|\/)\.\.?(?:\/|$)|\\|\0/.test(path) || path === '.', path);
}

const io = { receipt: 'rcp', cancellation: new Canceller(), caller, run } as unknown as ForwardIo;

/** Stops where something would be decided, but for one session to begin with: parsing is what is tried here. */
const gateway: Gateway = {
  async exchange(attempt): Promise<PassResult> {
    const intent = await attempt.parse(caller, run);
    if (isRefusal(intent)) return { kind: 'refused', receipt: 'rcp', refusal: intent };
    assert.ok(intent.accesses.length > 0);
    if (intent.sent !== undefined) checkSent(intent.sent, intent);
    if (intent.defect !== undefined) return { kind: 'refused', receipt: 'rcp', refusal: intent.defect };
    const first = intent.operation === 'initialize' && !begins;
    begins = true;
    const answer = first ? await attempt.forward(intent, io) : NOTHING;
    if (isRefusal(answer)) return { kind: 'refused', receipt: 'rcp', refusal: answer };
    return { kind: 'answered', receipt: 'rcp', answer };
  },
};
let begins = false;
const NOTHING = { outcome: 'completed', value: { result: {} }, received_bytes: 0, frames: 0 } as const;

const mcp = await openMcp({
  gateway,
  upstreams,
  clock,
  random,
  challenges: () => ({}),
  settings: () => ({
    limits: { body_bytes_max: 65_536, sessions_per_agent_max: 10, exchange_ms_max: 60_000 },
    upstreams: { docs: { tools: { read: { arguments: { path: 'path' }, each: [], effect: 'write' } } } },
  }),
  stateKey: new Secret(new Uint8Array(randomBytes(32))),
  version: '0',
});

const MODERN_META =
  '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}';
const METAS = [
  MODERN_META,
  '"_meta":{"io.modelcontextprotocol/protocolVersion":"2025-11-25"}',
  '"_meta":null',
  '"_meta":{}',
];
const PATHS = [
  '"a/b"',
  '"./a//b/"',
  '"reports/../x"',
  '"\\u0000"',
  '"%2e%2e/x"',
  '[]',
  '["a","../b"]',
  '{}',
  'null',
  '"ü"',
];
const COUNTS = ['42', '-0', '4.0', '9007199254740993', '1e2', '"42"', 'null'];
const URIS = ['"file:///a/b"', '"file:///a/%2e%2e/b"', '"X:y"', '"sallyport://docs/test://a"', '"test://ü"', '""', '5'];
const METHODS = [
  'tools/call',
  'tools/call',
  'tools/call',
  'tools/list',
  'resources/read',
  'prompts/get',
  'completion/complete',
  'server/discover',
  'subscriptions/listen',
  'initialize',
  'ping',
  'logging/setLevel',
  'resources/subscribe',
  'notifications/cancelled',
  '__proto__',
  'constructor',
];

type Case = { method: string; url: string; raw: string[]; body: string };

/** A request that makes sense, of either era, and then one thing or another about it that does not. */
function caseOf(dice: Dice, session: string): Case {
  const odd = (one: string, ...others: string[]) => (dice.integer(8) === 0 ? dice.pick(others) : one);
  const modern = dice.integer(2) === 0;
  const method = dice.pick(METHODS);
  const everywhere = !modern || dice.integer(2) === 0;
  const path = dice.pick(PATHS);
  const count = dice.pick(COUNTS);
  const name = odd(everywhere ? 'docs__read' : 'read', 'read', 'docs__ask', 'other__read', '');
  const uri = dice.pick(URIS);
  const params = [
    `"name":"${name}"`,
    `"uri":${uri}`,
    `"arguments":{"path":${path},"count":${count},"items":["aaaaaaaaaaaa!"]}`,
    `"ref":{"type":"ref/prompt","name":"${name}"},"argument":{}`,
    `"notifications":{"toolsListChanged":true,"resourceSubscriptions":[${uri}]}`,
    ...(modern ? [odd(MODERN_META, ...METAS)] : []),
    ...(dice.integer(6) === 0 ? [`"inputResponses":${dice.pick(PATHS)}`, `"requestState":${dice.pick(PATHS)}`] : []),
  ];
  const text = `{"jsonrpc":"2.0","id":${odd('1', '"x"', 'null', '{}')},"method":"${method}","params":{${params.join(',')}}}`;
  const raw = ['Host', 'localhost', 'Content-Type', odd('application/json', 'text/plain')];
  const version = modern ? '2026-07-28' : '2025-11-25';
  raw.push('MCP-Protocol-Version', odd(version, '2025-11-25', '2026-07-28', '9', ''));
  if (modern) raw.push('Mcp-Method', odd(method, 'ping', 'TOOLS/CALL'));
  if (modern)
    raw.push('Mcp-Name', odd(method === 'resources/read' ? uri.slice(1, -1) : name, 'x', '=?base64?cmVhZA==?='));
  if (modern && method === 'tools/call')
    raw.push('Mcp-Param-Path', odd(path.slice(1, -1), 'x'), 'Mcp-Param-Count', count);
  if (!modern) raw.push('Mcp-Session-Id', odd(session, 'ses_x'));
  for (let more = dice.integer(3); more > 0; more -= 1) raw.push(dice.pick(HEADERS), dice.pick(HEADER_VALUES));
  return {
    method: odd('POST', 'GET', 'DELETE', 'PUT'),
    url: odd(everywhere ? '/mcp' : '/mcp/docs', '/mcp/other', '/mcp/', '/mcp/docs?x', '/mcp/%64ocs'),
    raw,
    body: dice.integer(4) === 0 ? mutate(dice, text) : text,
  };
}

/** Bytes changed, taken out, doubled or put in: what a scanner and a broken client send. */
function mutate(dice: Dice, text: string): string {
  const at = dice.integer(text.length);
  const more = dice.pick([
    '"',
    '\\',
    '{',
    '}',
    '[',
    ',',
    '\u0000',
    '\ud800',
    'ü',
    '1e999',
    dice.bytes(8).toString('latin1'),
  ]);
  const changed = text.slice(0, at) + more + text.slice(at + dice.integer(4));
  return dice.integer(2) === 0 ? mutate(dice, changed) : changed;
}

const HEADERS = ['Mcp-Name', 'Mcp-Param-Path', 'Last-Event-ID', 'Accept', 'Content-Encoding', 'traceparent', 'DPoP'];
const HEADER_VALUES = ['read', '=?base64?!!?=', '42', '*/*', 'text/event-stream', 'identity', '', 'abc-1'];

function request(from: Case, encoding: BufferEncoding) {
  const incoming = new IncomingMessage(new Socket());
  incoming.method = from.method;
  incoming.url = from.url;
  incoming.rawHeaders = from.raw;
  incoming.push(Buffer.from(from.body, encoding));
  incoming.push(null);
  const response = new ServerResponse(incoming);
  response.assignSocket(discard());
  const done = new Promise<void>((resolve, reject) => {
    response.on('finish', resolve);
    response.on('close', () => (response.writableEnded ? resolve() : reject(new Error('no answer'))));
  });
  return { incoming, response, done };
}

let head = '';
/** Takes the answer, and keeps its beginning. */
function discard(): Socket {
  return new Duplex({
    read() {},
    write(chunk: Buffer | string, _encoding, written) {
      head = chunk.toString();
      written();
    },
  }) as unknown as Socket;
}

async function answer(from: Case, encoding: BufferEncoding): Promise<ServerResponse> {
  const { incoming, response, done } = request(from, encoding);
  mcp.handler(incoming, response);
  await done;
  response.detachSocket(response.socket as Socket);
  return response;
}

await answer(
  {
    method: 'POST',
    url: '/mcp',
    raw: ['Host', 'localhost', 'Content-Type', 'application/json'],
    body: '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{}}}',
  },
  'utf8',
);
const session = /mcp-session-id: (ses_\w+)/.exec(head)?.[1] ?? '';
assert.notEqual(session, '');

await fuzz('mcp', 500, async (dice) => {
  const response = await answer(caseOf(dice, session), dice.integer(8) === 0 ? 'latin1' : 'utf8');
  assert.ok(response.statusCode >= 200 && response.statusCode < 500, `status ${response.statusCode}`);
});
mcp.close();
process.exit(0);
