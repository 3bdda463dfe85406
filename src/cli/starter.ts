import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { configJsonSchema } from '../config/index.ts';

/** The agent and the job that the starter's configuration declares. */
export const STARTER = { agent: 'starter', job: 'explore', server: 'files' } as const;

const TEMPLATE = fileURLToPath(new URL('../../examples/starter', import.meta.url));
const ORIGIN = 'sallyport.local/log';

/**
 * Writes a commented sallyport.yaml, a policy and a sample folder into `folder`. What is there already stays as it is.
 * The log gets a name of its own: two logs of one name could be taken for forks of each other.
 */
export function writeStarter(folder: string): string {
  const file = join(folder, 'sallyport.yaml');
  mkdirSync(folder, { recursive: true });
  const text = readFileSync(join(TEMPLATE, 'sallyport.yaml'), 'utf8');
  writeFileSync(file, text.replace(ORIGIN, `sallyport.local/${randomBytes(6).toString('hex')}`), { flag: 'wx' });
  for (const part of ['policies', 'sample']) {
    cpSync(join(TEMPLATE, part), join(folder, part), { recursive: true, force: false, errorOnExist: false });
  }
  return file;
}

/** JSON Schema beside the data, which the first line of sallyport.yaml names for editors. */
export function writeEditorSchema(data: string): void {
  writeFileSync(join(data, 'sallyport.schema.json'), configJsonSchema());
}

export type FirstCall = { headers: string; body: string; line: string };

/** Whether `config` is still the starter's, so that its first call can be offered. */
export function offersFirstCall(config: {
  agents: Record<string, { jobs: readonly string[] }>;
  upstreams: Record<string, unknown>;
  folder: string;
}): boolean {
  const declared = config.agents[STARTER.agent]?.jobs.includes(STARTER.job) ?? false;
  return declared && STARTER.server in config.upstreams && existsSync(join(config.folder, 'sample', 'reports'));
}

/**
 * The first governed call as one line. The token stands in a file of mode 0600, not on the line: a command line is kept in
 * the shell's history and shown to every user of the machine.
 */
export function writeFirstCall(data: string, agentsUrl: string, token: string): FirstCall {
  const headers = join(data, 'first-call.headers');
  const body = join(data, 'first-call.json');
  mkdirSync(dirname(headers), { recursive: true, mode: 0o700 });
  writeFileSync(headers, FIRST_HEADERS.concat(`Authorization: Bearer ${token}\n`), { mode: 0o600 });
  writeFileSync(body, `${JSON.stringify(FIRST_BODY)}\n`, { mode: 0o600 });
  return { headers, body, line: firstLine(data, agentsUrl) };
}

export function firstLine(data: string, agentsUrl: string): string {
  const quoted = (name: string): string => quote(`@${join(data, name)}`);
  return `curl -s -H ${quoted('first-call.headers')} -d ${quoted('first-call.json')} ${agentsUrl}/mcp/${STARTER.server}`;
}

function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

const VERSION = '2026-07-28';
const FIRST_HEADERS = [
  'Content-Type: application/json',
  'Accept: application/json, text/event-stream',
  `MCP-Protocol-Version: ${VERSION}`,
  'Mcp-Method: tools/call',
  'Mcp-Name: read_text_file',
  '',
].join('\n');

const FIRST_BODY = {
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: {
    name: 'read_text_file',
    arguments: { path: 'reports/2026-q3.md' },
    _meta: {
      'io.modelcontextprotocol/protocolVersion': VERSION,
      'io.modelcontextprotocol/clientInfo': { name: 'curl', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  },
};
