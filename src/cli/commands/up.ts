import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from '../../api/client/index.ts';
import { type Config, describeProblem, findConfig, loadConfig } from '../../config/index.ts';
import { visibleJson, visibleText } from '../../core/visible-text.ts';
import type { Running } from '../../main.ts';
import { type Call, type Command, DONE, type ExitCode, FAILED } from '../command.ts';
import { clientOf, PRESENCE_OPTIONS, showPresence } from '../gateway.ts';
import { facts, fold, paint } from '../paint.ts';
import { firstLine, offersFirstCall, STARTER, writeEditorSchema, writeFirstCall, writeStarter } from '../starter.ts';
import type { Terminal } from '../terminal.ts';

export const up: Command = {
  usage: '[folder]',
  arity: [0, 1],
  about:
    'Starts the gateway on the sallyport.yaml of this folder or the nearest above. Where there is none, first writes a commented one, with policies and a sample to try. Prints where agents and people reach it. Ctrl-C stops: what is in flight may end, and the log is whole.',
  examples: [
    ['sallyport up', 'start here'],
    ['sallyport up ~/gateway', 'start in another folder'],
    ['sallyport up --config /etc/sallyport/sallyport.yaml', 'start on that file'],
    ['sallyport up --observe --as ada', 'let through what policy refuses, for a day; asks for password and code'],
  ],
  options: {
    observe: {
      type: 'boolean',
      about: 'Observe for a day instead of enforcing. Needs a person; without one it enforces.',
    },
    ...PRESENCE_OPTIONS,
  },
  async run(call) {
    const file = prepare(call);
    const loaded = loadConfig(file);
    if (loaded.kind === 'invalid') {
      call.terminal.note(`${loaded.problems.map((problem) => visibleText(describeProblem(problem))).join('\n')}\n`);
      return FAILED;
    }
    const running = await start(loaded.config, call.terminal);
    if (running === undefined) return FAILED;
    try {
      return await guard(loaded.config, running, call);
    } finally {
      await running.stop();
      if (!call.json) call.terminal.note('Stopped. The log is whole.\n');
    }
  },
};

/** The file to start on, written first where there is none. */
function prepare({ args, options, terminal }: Call): string {
  const folder = resolve(args[0] ?? '.');
  const { file, found } = findConfig(options.text('config'), folder);
  if (found) return file;
  if (options.text('config') !== undefined) return file;
  const written = writeStarter(folder);
  terminal.note(`Wrote ${written}, policies/ and sample/: a starter to look at and change.\n`);
  return written;
}

export async function start(config: Config, terminal: Terminal): Promise<Running | undefined> {
  const pages = fileURLToPath(new URL('../../../dist/console', import.meta.url));
  const { startGateway } = await import('../../main.ts');
  try {
    return await startGateway({
      config,
      pages_folder: existsSync(join(pages, 'index.html')) ? pages : undefined,
      report: (problem, error) => terminal.note(`${visibleText(`${problem}: ${messageOf(error)}`)}\n`),
    });
  } catch (error) {
    terminal.note(`${startProblem(error, config)}\n`);
    return undefined;
  }
}

function startProblem(error: unknown, { listen, file }: Config): string {
  if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE')
    return `The gateway did not start: ${visibleText(messageOf(error))}`;
  const port = (error as { port?: number }).port;
  const key = port === listen.people.port ? 'listen.people' : 'listen.agents';
  return `Port ${port} is taken. See whether a gateway runs already (sallyport status), or set ${key} in ${file} to another, such as 127.0.0.1:${(port ?? 8700) + 100}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Says what is guarded and what to type, then waits for the first signal. */
async function guard(config: Config, running: Running, call: Call): Promise<ExitCode> {
  const client = clientOf(config);
  const setup = await client.call('setup.link', {});
  const link = setup.kind === 'ok' ? setup.value.link : undefined;
  const observing = call.options.flag('observe') && (await observed(call, client, link !== undefined));
  const line = offersFirstCall(config) ? await firstCall(config, running.agents_url, client) : undefined;
  writeEditorSchema(config.data);
  if (call.json) {
    const told = {
      agents_url: running.agents_url,
      agents_mtls_url: running.agents_mtls_url ?? null,
      console_url: running.console_url,
      setup_link: link ?? null,
      first_call: line ?? null,
      mode: observing ? 'observing' : 'enforcing',
      config: config.file,
    };
    call.terminal.write(`${visibleJson(told)}\n`);
  } else call.terminal.write(banner({ config, running, link, line, observing }, call.terminal));
  if (!call.signal.aborted) await new Promise((done) => call.signal.addEventListener('abort', done, { once: true }));
  if (!call.json) call.terminal.note('\nStopping…\n');
  return DONE;
}

/** Whoever asks for it has to be there. Without that the gateway runs all the same, and enforces. */
async function observed(call: Call, client: Client, nobodyYet: boolean): Promise<boolean> {
  const { terminal } = call;
  const enforces = (why: string): false => {
    terminal.note(`${why} It enforces. Later: sallyport mode observe --reason "..."\n`);
    return false;
  };
  if (nobodyYet) return enforces('Observing needs a person, and nobody has an account yet.');
  if ((await showPresence(call, client)) !== undefined) return enforces('Nobody showed presence.');
  const answer = await client.call('mode.observe', { body: { minutes: 1_440, reason: 'started with --observe' } });
  return answer.kind === 'ok' || enforces(visibleText(answer.problem.message));
}

type Shown = {
  config: Config;
  running: Running;
  link: string | undefined;
  line: string | undefined;
  observing: boolean;
};

function banner({ config, running, link, line, observing }: Shown, terminal: Terminal): string {
  const servers = Object.keys(config.upstreams);
  const guarded = servers.length === 0 ? 'nothing yet: add a server under upstreams' : servers.join(', ');
  const where: [string, string][] = [
    ['guards', guarded],
    ['agents', `${running.agents_url}/mcp`],
    ['console', running.console_url],
  ];
  const { agents_mtls_url } = running;
  if (agents_mtls_url !== undefined) where.push(['with SVIDs', `${agents_mtls_url}/mcp`]);
  if (link !== undefined) where.push(['account', `${link}\n(opens once, within ten minutes; makes yours)`]);
  where.push(['settings', config.file]);
  const first = line === undefined ? '' : `\nThe first governed call: paste this into another terminal.\n\n${line}\n`;
  return [
    observing
      ? `${paint(terminal, 'yellow', '… observing')} For a day what policy refuses is let through and recorded. End it: sallyport mode enforce\n\n`
      : `${paint(terminal, 'green', '✓ enforcing')} Nothing passes but what ${config.policy.folder} permits.\n\n`,
    facts(where, { color: terminal.color, columns: undefined }),
    first,
    `\n${fold('See what happens: sallyport tail. Everything else: sallyport --help. Ctrl-C stops.', terminal.columns)}\n`,
  ].join('');
}

const DAYS = 30;

/** A token for the starter's agent, kept for as long as it is good, so that each start does not issue one more. */
async function firstCall(config: Config, agentsUrl: string, client: Client): Promise<string | undefined> {
  const idFile = join(config.data, 'first-call.token-id');
  const kept = existsSync(idFile) ? readFileSync(idFile, 'utf8') : undefined;
  const tokens = await client.call('tokens.list', {});
  const now = Date.now();
  const good =
    tokens.kind === 'ok' &&
    tokens.value.tokens.some(
      ({ id, expires_at, revoked_at }) => id === kept && revoked_at === null && expires_at > now,
    );
  if (good && existsSync(join(config.data, 'first-call.headers'))) return firstLine(config.data, agentsUrl);
  const issued = await client.call('tokens.issue', { body: { agent: STARTER.agent, job: STARTER.job, days: DAYS } });
  if (issued.kind === 'failure') return undefined;
  const { line } = writeFirstCall(config.data, agentsUrl, issued.value.secret);
  writeFileSync(idFile, issued.value.token.id, { mode: 0o600 });
  return line;
}
