import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type Config, describeProblem, loadConfig } from '../../config/index.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { visibleJson, visibleText } from '../../core/visible-text.ts';
import type { Running } from '../../main.ts';
import { type Call, type Command, DONE, type ExitCode, FAILED } from '../command.ts';
import { clientOf, report } from '../gateway.ts';
import { fold, paint } from '../paint.ts';
import { STARTER, writeStarter } from '../starter.ts';
import type { Terminal } from '../terminal.ts';
import { start } from './up.ts';
import { verify } from './verify.ts';
import { why } from './why.ts';

export const demo: Command = {
  usage: '',
  arity: [0, 0],
  about:
    'Plays the first story against a real gateway in a temporary folder, in front of the official filesystem server: a call that is permitted, calls that an argument rule refuses, a tool that the agent cannot even see, then why, and the proof. Leaves nothing behind.',
  examples: [['sallyport demo', 'takes a few seconds']],
  options: { keep: { type: 'boolean', about: 'Keep the folder, and say where it is.' } },
  async run(call) {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-demo-'));
    try {
      const file = writeStarter(folder);
      appendFileSync(file, '\nlisten: { agents: "127.0.0.1:0", people: "127.0.0.1:0" }\n');
      const loaded = loadConfig(file);
      if (loaded.kind === 'invalid') throw new Error(loaded.problems.map(describeProblem).join('\n'));
      const running = await start(loaded.config, call.terminal);
      if (running === undefined) return FAILED;
      try {
        return await play(loaded.config, running, call);
      } finally {
        await running.stop();
      }
    } finally {
      if (call.options.flag('keep')) call.terminal.note(`Kept: ${folder}\n`);
      else rmSync(folder, { recursive: true, force: true });
    }
  },
};

/** A checkpoint is signed at least every second while there is traffic. */
const CHECKPOINT_MS = 1_200;

async function play(config: Config, running: Running, call: Call): Promise<ExitCode> {
  const terminal: Terminal = call.json ? { ...call.terminal, write: () => undefined } : call.terminal;
  const issued = await clientOf(config).call('tokens.issue', {
    body: { agent: STARTER.agent, job: STARTER.job, days: 1 },
  });
  if (issued.kind === 'failure') return report(call, issued);
  const agent = agentAt(`${running.agents_url}/mcp/${STARTER.server}`, issued.value.secret);
  say(terminal, 'A gateway runs in front of the filesystem server. Its one policy for files: reading below reports/.');
  const calls: Step[] = [];
  for (const scene of SCENES) {
    const answered = await agent.tool(scene.tool, scene.args);
    calls.push({ ...scene, ...answered });
    tell(terminal, scene, answered);
  }
  const listed = await agent.list();
  const shown = `the agent sees ${listed.length}: ${listed.join(', ')}`;
  say(terminal, `\nIt lists the tools. The server has more than a dozen; ${shown}.`);
  const proven = await explainAndProve(config, calls[1]?.receipt ?? '', { ...call, terminal, json: false });
  const asTold =
    proven && listed.length === 2 && calls.every(({ refused, expected }) => refused === (expected === 'deny'));
  if (call.json) call.terminal.write(`${visibleJson({ as_told: asTold, calls, listed, proven }, 2)}\n`);
  if (!asTold) call.terminal.note('\nThe story did not go as it should have.\n');
  return asTold ? DONE : FAILED;
}

type Scene = { what: string; tool: string; args: JsonObject; expected: 'permit' | 'deny' };
type Step = Scene & Answered;

const SCENES: readonly Scene[] = [
  {
    what: 'The agent reads reports/2026-q3.md',
    tool: 'read_text_file',
    args: { path: 'reports/2026-q3.md' },
    expected: 'permit',
  },
  {
    what: 'It tries secret/salaries.csv',
    tool: 'read_text_file',
    args: { path: 'secret/salaries.csv' },
    expected: 'deny',
  },
  {
    what: 'It tries reports/../secret/salaries.csv',
    tool: 'read_text_file',
    args: { path: 'reports/../secret/salaries.csv' },
    expected: 'deny',
  },
  {
    what: 'It calls write_file, which it is never shown',
    tool: 'write_file',
    args: { path: 'reports/2026-q3.md', content: 'all is well' },
    expected: 'deny',
  },
];

/** What the operator types afterwards. */
async function explainAndProve(config: Config, receipt: string, call: Call): Promise<boolean> {
  const { terminal } = call;
  say(terminal, `\n${paint(terminal, 'bold', `$ sallyport why ${receipt}`)}`);
  const explained = await why.run({ ...call, args: [receipt], options: forConfig(config.file) });
  const kept = await keepCheckpoint(config, call);
  say(terminal, `\n${paint(terminal, 'bold', `$ sallyport verify ${config.audit.folder} --seen ${kept}`)}`);
  const options = forConfig(config.file, kept);
  const verified = await verify.run({ ...call, args: [config.audit.folder], options });
  return explained === DONE && verified === DONE;
}

/** What a careful person does: keeps a checkpoint where the gateway's operator cannot change it. */
async function keepCheckpoint(config: Config, { terminal, signal }: Call): Promise<string> {
  await wait(CHECKPOINT_MS, undefined, { signal });
  const kept = join(config.folder, 'kept-elsewhere.txt');
  const answer = await clientOf(config).call('log.checkpoint', {});
  writeFileSync(kept, answer.kind === 'ok' ? answer.value : '');
  say(terminal, `\n${paint(terminal, 'bold', `$ sallyport audit checkpoint > ${kept}`)}`);
  return kept;
}

function forConfig(file: string, seen?: string): Call['options'] {
  return {
    text: (name) => (name === 'config' ? file : undefined),
    texts: (name) => (name === 'seen' && seen !== undefined ? [seen] : []),
    flag: () => false,
  };
}

function say(terminal: Terminal, text: string): void {
  terminal.write(`${fold(text, terminal.columns)}\n`);
}

type Answered = { refused: boolean; text: string; receipt: string };

function tell(terminal: Terminal, { what, expected }: Scene, { refused, text, receipt }: Answered): void {
  const mark = refused ? paint(terminal, 'red', '✗ refused') : paint(terminal, 'green', '✓ permitted');
  const first = visibleText(text.split('\n')[0] ?? '');
  const odd = refused === (expected === 'deny') ? '' : ' (this was not to happen)';
  say(terminal, `\n${what}.\n  ${mark}${odd}: ${first}\n  ${paint(terminal, 'dim', receipt)}`);
}

const VERSION = '2026-07-28';
const META = {
  'io.modelcontextprotocol/protocolVersion': VERSION,
  'io.modelcontextprotocol/clientInfo': { name: 'sallyport-demo', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};

/** An agent with a bearer token, speaking MCP as any client would. */
function agentAt(url: string, token: string) {
  async function ask(method: string, name: string | undefined, params: JsonObject) {
    const answer = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        authorization: `Bearer ${token}`,
        'mcp-protocol-version': VERSION,
        'mcp-method': method,
        ...(name === undefined ? {} : { 'mcp-name': name }),
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: META } }),
    });
    return { message: messageIn(await answer.text()), receipt: answer.headers.get('sallyport-receipt') ?? '' };
  }
  return {
    async tool(name: string, args: JsonObject): Promise<Answered> {
      const { message, receipt } = await ask('tools/call', name, { name, arguments: args });
      const result = objectOf(message['result']);
      const [content] = Array.isArray(result['content']) ? result['content'] : [];
      const text = String(objectOf(content)['text'] ?? objectOf(message['error'])['message'] ?? '');
      return { refused: message['error'] !== undefined || result['isError'] === true, text, receipt };
    },
    async list(): Promise<string[]> {
      const { message } = await ask('tools/list', undefined, {});
      const tools = objectOf(message['result'])['tools'];
      return Array.isArray(tools) ? tools.map((tool) => String(objectOf(tool)['name'])) : [];
    },
  };
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

/** The answer as JSON, or as the last event of a stream. */
function messageIn(text: string): JsonObject {
  const data = text.startsWith('{') ? text : (text.match(/^data: (\{.*\})$/gm) ?? []).at(-1)?.slice('data: '.length);
  const value: unknown = JSON.parse(data ?? '{}');
  return isJsonObject(value) ? value : {};
}
