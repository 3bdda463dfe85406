/**
 * `npm run test:crash [-- --times N] [--driver sqlite|postgres]`: kills the gateway under load, at each stage's boundary in turn
 * and at random moments, starts it again on what is left, and holds the log against the upstream's journal.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createClient } from '../../src/api/client/index.ts';
import { socketTransport } from '../../src/api/client/socket.ts';
import { pipeline, type Stages } from '../../src/enforcement/pipeline.ts';
import { AgentClient, type AgentKey } from '../support/agent-client.ts';
import { createPostgresDatabase } from '../support/databases.ts';
import { modern } from '../support/mcp-message.ts';
import { freePort } from '../support/world.ts';
import { type Answered, type Judged, judge, readCheckpoint } from './judge.ts';

const { values } = parseArgs({ options: { times: { type: 'string', default: '50' }, driver: { type: 'string' } } });
const TIMES = Number(values.times);
const CLIENTS = 8;
const HERE = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const POLICY = `@id("all") @reason("Every line may be written.")
permit (principal, action == Action::"tool.call", resource == Tool::"journal/append");
`;

/** The boundaries at which power fails; `undefined` is wherever it happens to be after a while. */
const nothing = new Proxy({} as Stages, { get: () => () => undefined });
const BOUNDARIES = pipeline(nothing)
  .filter((row) => typeof row.cells.mcp === 'function')
  .flatMap((row) => [row.stage, undefined]);

type Place = { folder: string; url: string; drop(): Promise<void> };

let failed = 0;
for (const driver of ['sqlite', 'postgres']) {
  if (values.driver !== undefined && values.driver !== driver) continue;
  const complaints = await crashes(driver);
  failed += complaints;
  process.stdout.write(`${driver}: killed ${TIMES} times, ${complaints} complaints\n`);
}
process.stdout.write(`crash: ${failed === 0 ? 1 : 0} passed, ${failed === 0 ? 0 : 1} failed\n`);
process.exit(failed === 0 ? 0 : 1);

async function crashes(driver: string): Promise<number> {
  const place = await openPlace(driver);
  const upstream = spawn(
    process.execPath,
    [HERE('../fixtures/mcp/journal.ts'), 'http', '--effects', join(place.folder, 'effects.jsonl')],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [address] = (await once(createInterface({ input: upstream.stdout }), 'line')) as [string];
  const config = await writeConfig(place, address);
  const answered: Answered[] = [];
  let seen = '';
  let keys: AgentKey[] = [];
  let complaints = 0;
  try {
    for (let time = 1; time <= TIMES; time += 1) {
      const boundary = BOUNDARIES[time % BOUNDARIES.length];
      const gateway = await start(config, boundary === undefined ? [] : [boundary, String(20 + ((time * 37) % 150))]);
      if (keys.length === 0) keys = await enrol(place.folder);
      await load({
        gateway,
        keys,
        time,
        answered,
        killAfter_ms: boundary === undefined ? 150 + ((time * 71) % 500) : 8_000,
      });
      const judged = await restartAndJudge(place, config, answered, seen);
      seen = readCheckpoint(place.folder);
      complaints += judged.complaints.length;
      tell(driver, time, boundary ?? 'any moment', judged);
    }
  } finally {
    upstream.kill();
    await place.drop();
  }
  return complaints;
}

async function openPlace(driver: string): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-crash-'));
  const clean = () => rmSync(folder, { recursive: true, force: true });
  if (driver === 'sqlite') {
    const url = `sqlite:${join(folder, '.sallyport', 'sallyport.db')}`;
    return { folder, url, drop: async () => clean() };
  }
  const created = await createPostgresDatabase();
  return {
    folder,
    url: created.url,
    drop: async () => {
      await created.drop();
      clean();
    },
  };
}

async function writeConfig({ folder, url }: Place, upstream: string): Promise<string> {
  mkdirSync(join(folder, 'policies'));
  writeFileSync(join(folder, 'policies', 'all.cedar'), POLICY);
  const file = join(folder, 'sallyport.yaml');
  const ports = [await freePort(), await freePort()];
  writeFileSync(
    file,
    `listen: { agents: "127.0.0.1:${ports[0]}", people: "127.0.0.1:${ports[1]}" }
storage: { url: "${url}" }
tools: { first_use: trust }
upstreams:
  journal: { url: "${upstream}", shared: true }
`,
  );
  return file;
}

type Gateway = { url: string; child: ChildProcess };

async function start(config: string, args: string[]): Promise<Gateway> {
  const child = fork(HERE('gateway.ts'), [config, ...args], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const ready = once(child, 'message') as Promise<[{ url: string }]>;
  const died = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`the gateway did not start: ${code ?? signal}`);
  });
  died.catch(() => undefined);
  const [{ url }] = await Promise.race([ready, died]);
  return { url, child };
}

async function enrol(folder: string): Promise<AgentKey[]> {
  const local = createClient(socketTransport(join(folder, '.sallyport', 'control.sock')), 'test');
  const keys: AgentKey[] = [];
  for (let at = 0; at < CLIENTS; at += 1) {
    const added = await local.call('agents.add', { body: { id: `agent-${at}`, owner: 'test', jobs: ['write'] } });
    if (added.kind !== 'ok') throw new Error(JSON.stringify(added));
    keys.push(added.value.private_key as unknown as AgentKey);
  }
  return keys;
}

type Loading = {
  gateway: Gateway;
  keys: readonly AgentKey[];
  time: number;
  answered: Answered[];
  killAfter_ms: number;
};

/** Every agent writes line after line until the gateway is gone. */
async function load({ gateway, keys, time, answered, killAfter_ms }: Loading): Promise<void> {
  const gone = gateway.child.exitCode === null ? once(gateway.child, 'exit') : Promise.resolve();
  let alive = true;
  void gone.then(() => {
    alive = false;
  });
  const clients = keys.map(async (key, at) => {
    try {
      const client = await AgentClient.open({ issuer: gateway.url, agent: `agent-${at}`, key, job: 'write' });
      for (let count = 0; alive; count += 1) await write(client, `${time}/${at}/${count}`, answered);
    } catch {
      // The gateway died under it, which is the point.
    }
  });
  await Promise.race([gone, sleep(killAfter_ms, undefined, { ref: false })]);
  gateway.child.kill('SIGKILL');
  await gone;
  await Promise.all(clients);
}

async function write(client: AgentClient, line: string, answered: Answered[]): Promise<void> {
  const url = `${client.options.issuer}/mcp/journal`;
  const { message, headers } = modern('tools/call', { name: 'append', arguments: { line } });
  const body = JSON.stringify(message);
  const response = await fetch(url, { method: 'POST', headers: { ...headers, ...client.headers('POST', url) }, body });
  const text = await response.text();
  const receipt = response.headers.get('sallyport-receipt');
  if (response.status === 200 && text.includes('written') && receipt !== null) answered.push({ line, receipt });
}

/** Starts on what the crash left, so that open intents are settled, and stops in good order. */
async function restartAndJudge(place: Place, config: string, answered: Answered[], seen: string): Promise<Judged> {
  const gateway = await start(config, []);
  gateway.child.send('stop');
  await once(gateway.child, 'exit');
  return judge(place.folder, place.url, answered, seen);
}

function tell(driver: string, time: number, where: string, judged: Judged): void {
  const { effects, intents, outcomes, unknown, complaints } = judged;
  const counts = `${effects} effects, ${intents} intents, ${outcomes} outcomes (${unknown} unknown)`;
  process.stdout.write(`${driver} ${time}/${TIMES}, killed at ${where}: ${counts}\n`);
  for (const complaint of complaints.slice(0, 10)) process.stdout.write(`  ${complaint}\n`);
}
