import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { ROUTES } from '../../src/api/contract/index.ts';
import { AgentClient, type AgentKey } from '../support/agent-client.ts';
import { type Echo, startEcho } from '../support/echo-server.ts';
import { modern } from '../support/mcp-message.ts';
import { TokenEndpoint } from '../support/token-endpoint.ts';
import { totp } from '../support/totp.ts';
import { freePort } from '../support/world.ts';
import { type Find, type Mark, Searcher } from './searcher.ts';

export type Swept = {
  calls: number;
  marks: number;
  places: { place: string; bytes: number; found: Find[]; planted: boolean }[];
};

/** What a test of its own adds: a place that is searched, and a way to plant there. */
export type Visit = (sweep: Sweep) => Promise<void>;

const mark = (): string => randomBytes(33).toString('base64url');
const ECHOES: readonly Echo[] = [
  'nothing',
  'text',
  'base64',
  'shifted',
  'hex',
  'url',
  'json',
  'key',
  'error',
  'data',
  'header',
];

/**
 * One gateway with a secret of every kind, thousands of calls, good and bad, with errors at every stage; then every place that it
 * writes to or answers from is searched for every secret in every form. A searcher that finds nothing proves nothing, so in each
 * place another mark is planted, and must be found.
 */
export class Sweep {
  readonly folder = mkdtempSync(join(tmpdir(), 'sallyport-secrets-'));
  readonly marks: Mark[] = [];
  /** Planted by the test in each place; never given to the gateway as a secret. */
  readonly planted: Mark = { name: 'planted', value: randomBytes(22).toString('hex') };
  readonly places: Swept['places'] = [];
  agents_url = '';
  console_url = '';
  cookie = '';
  calls = 0;
  #child!: ChildProcessByStdio<Writable, Readable, Readable>;
  #log = '';
  #live = '';
  #seen: string[] = [];
  #echo!: Awaited<ReturnType<typeof startEcho>>;
  #endpoint!: TokenEndpoint;
  #agents: AgentClient[] = [];
  #bearer = '';
  #plant!: AgentClient;
  #lines: ((line: string) => void)[] = [];
  #receipts: string[] = [];

  /** A secret of this name; remembered and looked for. */
  secret(name: string, value = mark()): string {
    this.marks.push({ name, value });
    return value;
  }

  async run(calls: number, pages_folder: string | undefined, visit: Visit = async () => {}): Promise<Swept> {
    try {
      await this.#start(pages_folder);
      await this.#signIn();
      await this.#fillVault();
      await this.#register();
      void this.#watch();
      await this.#call(calls);
      await visit(this);
      await this.#searchAnswers();
      await this.#end();
      this.#searchFiles();
      return { calls: this.calls, marks: this.marks.length, places: this.places };
    } finally {
      this.#child?.kill('SIGKILL');
      this.#endpoint?.close();
      await this.#echo?.close();
      rmSync(this.folder, { recursive: true, force: true });
    }
  }

  /** Searches, and shows that what was planted there is found. */
  look(place: string, bytes: Buffer | string, planted: Buffer | string = bytes): void {
    const content = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
    const found = new Searcher(this.marks).search(content, place);
    const proof = typeof planted === 'string' ? Buffer.from(planted) : planted;
    const proven = new Searcher([this.planted]).search(proof, place).length > 0;
    this.places.push({ place, bytes: content.length, found, planted: proven });
  }

  /** A request of a person at the console. */
  async ask(method: string, path: string, body?: unknown): Promise<{ status: number; text: string; headers: Headers }> {
    const headers: Record<string, string> = {
      'sallyport-client': 'console',
      origin: this.console_url,
      cookie: this.cookie,
    };
    if (body !== undefined) headers['content-type'] = 'application/json';
    const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    const response = await fetch(`${this.console_url}${path}`, init);
    return { status: response.status, text: await response.text(), headers: response.headers };
  }

  async #start(pages_folder: string | undefined): Promise<void> {
    this.#echo = await startEcho(this.planted.value);
    this.#endpoint = await new TokenEndpoint().start();
    this.#endpoint.good = this.secret('refresh token');
    this.#endpoint.secret = (name) => this.secret(name);
    const [agents, people] = [await freePort(), await freePort()];
    mkdirSync(join(this.folder, 'policies'));
    mkdirSync(join(this.folder, 'temporary'));
    const policy =
      '@id("all")\n@reason("The sweep calls everything.")\npermit (principal, action == Action::"tool.call", resource);\n';
    writeFileSync(join(this.folder, 'policies', 'all.cedar'), policy);
    writeFileSync(join(this.folder, 'sallyport.yaml'), this.#config(agents, people));
    const program = fileURLToPath(new URL('./gateway.ts', import.meta.url));
    const env = {
      PATH: process.env['PATH'] ?? '',
      TMPDIR: join(this.folder, 'temporary'),
      VAULT_KEY: this.secret('vault key', randomBytes(32).toString('hex')),
      HEADER: this.secret('header of the configuration'),
      VARIABLE: this.secret('variable of the configuration'),
      COMPANY: this.secret('client secret of the sign-in'),
      PUSHED: this.secret('token shown with pushed events'),
      POLLED: this.secret('token of a receiver of events'),
    };
    const args = [program, join(this.folder, 'sallyport.yaml'), pages_folder ?? ''];
    this.#child = spawn(process.execPath, args, {
      cwd: join(this.folder, 'temporary'),
      env,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream.on('data', (part) => (this.#log += String(part)));
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#lines.shift()?.(line));
    const ready = JSON.parse(await this.#line()) as { agents_url: string; console_url: string };
    this.agents_url = ready.agents_url;
    this.console_url = ready.console_url;
    this.#ownKeys();
  }

  #config(agents: number, people: number): string {
    const { url } = this.#echo;
    const shown = ['bearer', 'basic', 'key', 'set', 'oauth', 'unserved', 'elsewhere', 'expired', 'absent'];
    const variable = fileURLToPath(new URL('../fixtures/mcp/variable.ts', import.meta.url));
    return `listen: { agents: "127.0.0.1:${agents}", people: "127.0.0.1:${people}" }
policy: { activation: file }
tools: { first_use: trust }
people: { oidc: { name: Company, issuer: "${this.#endpoint.url}", client_id: sallyport, client_secret: "env:COMPANY", roles: { staff: [viewer] } } }
identity:
  spiffe: { trust_domain: sweep.example, workloads: { triage: { agent: triage } } }
  signals:
    transmit: [{ stream: siem, audience: siem, push: { url: "${url}", token: "env:PUSHED" }, poll_token: "env:POLLED" }]
vault: { key: "env:VAULT_KEY", token_endpoints: ["${new URL(this.#endpoint.url).origin}"] }
upstreams:
  header: { url: "${url}", headers: { Authorization: "Bearer env:HEADER" } }
  program: { command: [node, ${JSON.stringify(variable)}], credential: { vault: program, env: TOKEN } }
  variable: { command: [node, ${JSON.stringify(variable)}], env: { TOKEN: "env:VARIABLE" } }
  away: { url: "http://127.0.0.1:1/mcp", credential: { vault: bearer } }
${shown.map((name) => `  ${name}: { url: "${url}", credential: { vault: ${name} } }\n`).join('')}`;
  }

  #line(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#lines.push(resolve);
      this.#child.once('exit', () => reject(new Error(`the gateway ended: ${this.#log}`)));
    });
  }

  /** Keys that the gateway made for itself: they stand in their files, and nowhere else. */
  #ownKeys(): void {
    const keys = join(this.folder, '.sallyport', 'keys');
    const signing = JSON.parse(readFileSync(join(keys, 'token-signing.jwk'), 'utf8')) as { d: string };
    this.secret('token signing key', signing.d);
    for (const name of ['identity-sealing.key', 'agent-state.key', 'vault.key'])
      this.secret(name, readFileSync(join(keys, name), 'utf8').trim());
  }

  async #signIn(): Promise<void> {
    const { createClient } = await import('../../src/api/client/index.ts');
    const { socketTransport } = await import('../../src/api/client/socket.ts');
    const local = createClient(socketTransport(join(this.folder, '.sallyport', 'control.sock')), 'test');
    const link = await local.call('setup.link', {});
    assert.ok(link.kind === 'ok');
    const secret = this.secret('set-up link', new URL(link.value.link).hash.slice(1));
    const password = this.secret('password');
    const redeemed = await this.ask('POST', '/api/setup', { secret, name: 'ada', password });
    assert.equal(redeemed.status, 200, redeemed.text);
    this.#takeCookie(redeemed.headers);
    const enrolled = JSON.parse((await this.ask('POST', '/api/me/authenticator', {})).text) as { secret: string };
    this.secret('authenticator', enrolled.secret);
    const present = await this.ask('POST', '/api/me/presence', { code: totp(enrolled.secret, Date.now()) });
    assert.equal(present.status, 200, present.text);
    this.#takeCookie(present.headers);
  }

  #takeCookie(headers: Headers): void {
    for (const cookie of headers.getSetCookie()) {
      this.cookie = cookie.split(';')[0]!;
      const value = this.cookie.slice(this.cookie.indexOf('=') + 1);
      if (value !== '') this.secret('session cookie', value);
    }
  }

  async #fillVault(): Promise<void> {
    const hosts = [this.#echo.host];
    const set = async (name: string, kind: string, secret: string, more: object = {}) => {
      const body = { name, kind, secret, agents: ['*'], hosts, ...more };
      const answer = await this.ask('POST', '/api/vault', body);
      assert.equal(answer.status, 200, answer.text);
      this.#seen.push(answer.text);
    };
    await set('bearer', 'bearer', this.secret('vault: bearer'));
    await set('basic', 'basic', `robot:${this.secret('vault: basic password')}`);
    await set('key', 'api_key', this.secret('vault: api key'));
    await set('set', 'header_set', JSON.stringify({ 'x-api-key': this.secret('vault: header') }));
    await set('unserved', 'bearer', this.secret('vault: unserved'), { agents: ['nobody'] });
    await set('elsewhere', 'bearer', this.secret('vault: elsewhere'), { hosts: ['api.example.com'] });
    await set('expired', 'bearer', this.secret('vault: expired'), { expires_at: Date.now() - 1_000 });
    await set('program', 'bearer', this.secret('vault: program'), { hosts: [], programs: ['program'] });
    const oauth = { token_endpoint: this.#endpoint.url, client_id: 'sallyport', scope: null };
    const secret = { refresh_token: this.#endpoint.good, client_secret: this.secret('client secret') };
    await set('oauth', 'oauth_refresh', JSON.stringify(secret), { oauth });
  }

  async #register(): Promise<void> {
    for (const agent of ['triage', 'support']) {
      const added = await this.ask('POST', '/api/agents', { id: agent, owner: 'platform', jobs: ['support'] });
      const { private_key } = JSON.parse(added.text) as { private_key: AgentKey };
      this.secret(`key of ${agent}`, private_key.d);
      const client = await AgentClient.open({ issuer: this.agents_url, agent, key: private_key, job: 'support' });
      this.secret(`access token of ${agent}`, client.token.split('.')[2]);
      this.#agents.push(client);
    }
    // Its id stands wherever agents do: a mark that people may see, so that the search of answers proves itself.
    const { value: id } = this.planted;
    const added = await this.ask('POST', '/api/agents', { id, owner: 'platform', jobs: ['support'] });
    const { private_key: key } = JSON.parse(added.text) as { private_key: AgentKey };
    this.#plant = await AgentClient.open({ issuer: this.agents_url, agent: id, key, job: 'support' });
    const issued = await this.ask('POST', '/api/tokens', { agent: 'triage', job: 'support', days: 1 });
    this.#bearer = (JSON.parse(issued.text) as { secret: string }).secret;
    this.secret('bearer token', this.#bearer.slice(3));
    const joining = await this.ask('POST', '/api/spiffe/join-tokens', { agent: 'triage' });
    assert.equal(joining.status, 200, joining.text);
    this.secret('joining token', (JSON.parse(joining.text) as { secret: string }).secret.slice('join_'.length));
  }

  /** The live stream, for as long as it lasts. */
  async #watch(): Promise<void> {
    const headers = { cookie: this.cookie, 'sallyport-client': 'console' };
    try {
      const response = await fetch(`${this.console_url}/api/live`, { headers });
      for await (const part of response.body!) this.#live += Buffer.from(part).toString('latin1');
    } catch {
      // The gateway ended.
    }
  }

  async #call(count: number): Promise<void> {
    let next = 0;
    const worker = async () => {
      for (let at = next++; at < count; at = next++) {
        const { status, text } = await this.#one(at);
        this.calls += 1;
        this.#seen.push(`${status} ${text}`);
        const receipt = /rcp_[0-9a-v]{26}/.exec(text)?.[0];
        if (receipt !== undefined && at % 23 === 0) this.#receipts.push(receipt);
      }
    };
    await Promise.all(Array.from({ length: 8 }, worker));
  }

  async #one(at: number): Promise<{ status: number; text: string }> {
    const agent = this.#agents[at % 2]!;
    const secret = this.marks[at % this.marks.length]!.value;
    if (at % 5 < 3) {
      const servers = [
        'header',
        'bearer',
        'basic',
        'key',
        'set',
        'oauth',
        'unserved',
        'elsewhere',
        'expired',
        'absent',
        'away',
        'program',
        'variable',
      ];
      const server = servers[at % servers.length]!;
      const tool = server === 'program' || server === 'variable' ? 'variable' : 'echo';
      const how = ECHOES[Math.floor(at / 13) % ECHOES.length]!;
      const status = at % 17 === 0 ? 401 : at % 29 === 0 ? 500 : undefined;
      return this.#mcp(
        agent,
        server,
        tool,
        tool === 'echo' ? { how, ...(status === undefined ? {} : { status }) } : {},
      );
    }
    const odd = ODD[at % ODD.length]!;
    return odd(this, agent, secret).catch((error: unknown) => ({ status: 0, text: String(error) }));
  }

  async #mcp(
    agent: AgentClient,
    server: string,
    tool: string,
    args: object,
  ): Promise<{ status: number; text: string }> {
    const path = `/mcp/${server}`;
    const { message, headers } = modern('tools/call', { name: tool, arguments: args });
    return this.post(path, JSON.stringify(message), {
      ...headers,
      ...agent.headers('POST', `${this.agents_url}${path}`),
    });
  }

  /** A request of an agent's, as it is given; also with what a careful client would never send. */
  async post(
    path: string,
    body: string,
    headers: Record<string, string>,
    method = 'POST',
  ): Promise<{ status: number; text: string }> {
    const init = method === 'GET' ? { method, headers } : { method, headers, body };
    const response = await fetch(`${this.agents_url}${path}`, init);
    const names = [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
    return { status: response.status, text: `${names}\n\n${await response.text()}` };
  }

  get bearer(): string {
    return this.#bearer;
  }

  async #searchAnswers(): Promise<void> {
    const answers: string[] = [];
    for (const route of Object.values(ROUTES)) {
      if (route.method !== 'GET' || route.answers === 'events') continue;
      for (const path of pathsOf(route.path, this.#receipts.slice(0, 400))) {
        const { status, text, headers } = await this.ask('GET', path);
        answers.push(`${status} ${[...headers].flat().join(' ')} ${text}`);
      }
    }
    this.look('answers of the control plane', answers.join('\n'));
    this.look('what agents were told', this.#seen.join('\n'));
    // The stream is behind after so many calls, and a stage may fail before it is known who calls.
    const deadline = Date.now() + 15_000;
    while (!this.#live.includes(this.planted.value) && Date.now() < deadline) {
      await this.#mcp(this.#plant, 'bearer', 'echo', {});
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.ok(this.#live.length > 0, 'the live stream told nothing');
    this.look('the live stream', this.#live);
  }

  async #end(): Promise<void> {
    this.#child.stdin.write(`say ${planting(this.planted.value)}\n`);
    this.#child.stdin.write('report\n');
    const { report } = JSON.parse(await this.#line()) as { report: string };
    const path = join(this.folder, 'temporary', report);
    assert.ok(existsSync(path) || existsSync(report), 'a crash report was written');
    writeFileSync(join(this.folder, 'temporary', 'planted.bin'), gzipSync(`a line with ${this.planted.value} in it`));
    this.#plantInDatabase(join(this.folder, '.sallyport', 'sallyport.db'));
    // The log of the database is not checkpointed yet: it is searched while the gateway still runs, and again after it.
    this.#searchFolder('the database and tiles, while it runs', join(this.folder, '.sallyport'));
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.stdin.end('stop\n');
    await ended;
    this.look('standard output and error', this.#log);
  }

  #searchFiles(): void {
    const data = join(this.folder, '.sallyport');
    writeFileSync(join(data, 'log', 'planted'), Buffer.from(`x${this.planted.value}`).toString('base64'));
    this.#searchFolder('the database and tiles', data);
    this.#searchFolder('temporary files and crash reports', join(this.folder, 'temporary'));
  }

  /** In two columns of a row, as a program may split it. */
  #plantInDatabase(file: string): void {
    const db = new DatabaseSync(file, { timeout: 5_000 });
    db.exec('create table planted (half text, other text)');
    db.prepare('insert into planted values (?, ?)').run(this.planted.value.slice(0, 22), this.planted.value.slice(22));
    db.close();
  }

  #searchFolder(place: string, folder: string): void {
    const keys = join(this.folder, '.sallyport', 'keys');
    const skip = (path: string) => path.startsWith(keys);
    const { found, bytes, files } = new Searcher(this.marks).searchFolder(folder, place, skip);
    assert.ok(files > 1, `nothing to search in ${place}`);
    const planted = new Searcher([this.planted]).searchFolder(folder, place, skip).found.length > 0;
    this.places.push({ place, bytes, found, planted });
  }
}

/** The mark in a way that no plain search finds. */
function planting(value: string): string {
  return Buffer.from(`${value}`).toString('hex');
}

type Odd = (sweep: Sweep, agent: AgentClient, secret: string) => Promise<{ status: number; text: string }>;

const json = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
const proved = (sweep: Sweep, agent: AgentClient, path: string) => agent.headers('POST', `${sweep.agents_url}${path}`);

/** Secrets where they do not belong, and requests that fail at every depth. */
const ODD: readonly Odd[] = [
  (sweep, agent, secret) =>
    sweep.post('/mcp/bearer', `{"jsonrpc":"2.0","id":1,"token":"${secret}"`, {
      ...json,
      ...proved(sweep, agent, '/mcp/bearer'),
    }),
  (sweep, agent, secret) =>
    sweep.post(`/mcp/bearer?access_token=${secret}`, '{}', { ...json, ...proved(sweep, agent, '/mcp/bearer') }),
  (sweep, _agent, secret) => sweep.post(`/${secret}`, '{}', json),
  (sweep, _agent, secret) => sweep.post('/mcp/bearer', '{}', { ...json, authorization: `Bearer ${secret}` }),
  (sweep, _agent, secret) =>
    sweep.post('/mcp/bearer', '{}', { ...json, authorization: `Basic ${secret}`, dpop: secret }),
  (sweep, agent, secret) =>
    sweep.post('/mcp/bearer', '{}', { ...json, authorization: `DPoP ${agent.token}`, dpop: secret }),
  (sweep, agent) =>
    sweep.post('/mcp/bearer', '{}', {
      ...json,
      authorization: `DPoP ${agent.token.slice(0, -3)}AAA`,
      dpop: agent.token,
    }),
  (sweep, agent) => sweep.post('/mcp/bearer', agent.token, { ...json, ...proved(sweep, agent, '/mcp/bearer') }),
  (sweep, _agent, secret) =>
    sweep.post('/oauth/token', `grant_type=client_credentials&client_assertion=${secret}&client_id=${secret}`, {
      'content-type': 'application/x-www-form-urlencoded',
    }),
  (_sweep, agent, secret) =>
    agent
      .ask({ client_assertion: `${agent.assertion()}${secret}` })
      .then(async (answer) => ({ status: answer.status, text: await answer.text() })),
  (_sweep, agent, secret) =>
    agent
      .ask({ job: secret, resource: `https://${secret}.example` })
      .then(async (answer) => ({ status: answer.status, text: await answer.text() })),
  (sweep, _agent, secret) =>
    sweep.post('/mcp/bearer', '{}', {
      ...json,
      authorization: `Bearer ${sweep.bearer}`,
      'mcp-session-id': secret,
      'mcp-protocol-version': secret,
      origin: `https://${secret}.example`,
    }),
  (sweep, _agent, secret) =>
    sweep.post('/mcp/bearer', '{"jsonrpc":"2.0","id":1,"method":"initialize"}', {
      ...json,
      authorization: `Bearer ${sweep.bearer}`,
      'x-padding': secret.repeat(400),
    }),
  (sweep, _agent, secret) => sweep.ask('POST', '/api/sign-in', { name: 'ada', password: secret }),
  (sweep, _agent, secret) => sweep.ask('POST', '/api/sign-in', { name: secret, password: secret }),
  (sweep, _agent, secret) => sweep.ask('POST', '/api/setup', { secret, name: 'eve', password: secret }),
  (sweep, _agent, secret) => sweep.ask('POST', '/api/me/presence', { code: secret }),
  (sweep, _agent, secret) => sweep.ask('POST', '/api/vault', { name: 'wrong', kind: 'bearer', secret, agents: [] }),
  (sweep, _agent, secret) =>
    sweep.ask('POST', '/api/vault', { name: 'wrong', kind: secret, secret: [secret], agents: ['*'] }),
  (sweep, _agent, secret) => sweep.ask('POST', '/api/vault/wrong/rotate', { secret, more: secret }),
  (sweep, _agent, secret) => sweep.ask('GET', `/api/vault/${secret}`),
  (sweep, _agent, secret) => sweep.ask('GET', `/api/exchanges?agent=${secret}&cursor=${secret}`),
  (sweep, _agent, secret) => sweep.ask('POST', `/api/nothing/${secret}`, { secret }),
  (sweep, _agent, secret) => sweep.post('/mcp/bearer', '', { authorization: `Bearer ${secret}` }, 'GET'),
];

function pathsOf(path: string, receipts: readonly string[]): string[] {
  if (path.includes(':receipt')) return receipts.map((receipt) => path.replace(':receipt', receipt));
  if (path.includes(':name')) return ['bearer', 'oauth', 'absent'].map((name) => path.replace(':name', name));
  return [path.replaceAll(/:\w+/g, 'triage')];
}
