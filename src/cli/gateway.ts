import { readFileSync } from 'node:fs';
import { type Client, createClient, type Failure } from '../api/client/index.ts';
import { socketTransport } from '../api/client/socket.ts';
import { type Config, controlSocket, describeProblem, findConfig, loadConfig } from '../config/index.ts';
import { visibleLines, visibleText } from '../core/visible-text.ts';
import { type Call, type ExitCode, FAILED, UNREACHABLE } from './command.ts';
import { dateTime, paint } from './paint.ts';

/** The configuration that a command is about, or the exit code after saying what is wrong with it. */
export function configOf({ terminal, options, json }: Pick<Call, 'terminal' | 'options' | 'json'>): Config | ExitCode {
  const { file, found } = findConfig(options.text('config'), process.cwd());
  if (!found) {
    terminal.note(`There is no ${file}. Start a gateway here with: sallyport up\n`);
    return UNREACHABLE;
  }
  const result = loadConfig(file);
  if (result.kind === 'loaded') return result.config;
  if (json) terminal.write(`${JSON.stringify({ problems: result.problems })}\n`);
  else terminal.note(`${result.problems.map((problem) => visibleText(describeProblem(problem))).join('\n')}\n`);
  return FAILED;
}

/** The client of the gateway that runs on this folder's configuration. */
export function gatewayOf(call: Pick<Call, 'terminal' | 'options' | 'json'>): Client | ExitCode {
  const config = configOf(call);
  if (typeof config === 'number') return config;
  return createClient(socketTransport(controlSocket(config), saysOnce(call.terminal)), 'cli');
}

/** On every command's screen, whatever it shows. */
function saysOnce(terminal: Call['terminal']): (until: number) => void {
  let isSaid = false;
  return (until) => {
    if (!isSaid)
      terminal.note(
        `${paint(terminal, 'yellow', '… observing')} until ${dateTime(until)} UTC: what policy refuses is let through.\n`,
      );
    isSaid = true;
  };
}

export function clientOf(config: Pick<Config, 'data'>): Client {
  return createClient(socketTransport(controlSocket(config)), 'cli');
}

/** Says what went wrong, and what to type; gives the exit code that fits. */
export function report({ terminal, json }: Pick<Call, 'terminal' | 'json'>, { status, problem }: Failure): ExitCode {
  if (json) terminal.write(`${JSON.stringify({ problem })}\n`);
  else if (status === 0) terminal.note('No gateway answers here. Start it with: sallyport up\n');
  else {
    terminal.note(`${visibleText(problem.message)} (${visibleText(problem.code)})\n`);
    if (problem.detail !== undefined) terminal.note(`${visibleLines(problem.detail)}\n`);
    for (const issue of problem.issues ?? [])
      terminal.note(`  ${visibleText(issue.path)}: ${visibleText(issue.message)}\n`);
    if (problem.receipt !== undefined) terminal.note(`Its story: sallyport why ${visibleText(problem.receipt)}\n`);
  }
  return status === 0 ? UNREACHABLE : FAILED;
}

/**
 * What needs a person's presence takes a sign-in and a fresh code of an authenticator: the operator and the agent may be one
 * user of this machine, and then the socket alone proves nothing. Asked for on a terminal; a script gives all three.
 * @returns undefined when shown, else the exit code after saying why not.
 */
export async function showPresence(call: Call, client: Client): Promise<ExitCode | undefined> {
  const { terminal, options } = call;
  const { name, password } = await whoOf(call);
  const code = options.text('code') ?? (await askFor(terminal, 'Code of your authenticator: ', false));
  if (name === undefined || password === undefined || code === undefined) {
    terminal.note('This needs a person: give --as, --password-file and --code. Nothing was changed.\n');
    return FAILED;
  }
  const signedIn = await client.call('session.open', { body: { name, password } });
  if (signedIn.kind === 'failure') return report(call, signedIn);
  const present = await client.call('me.present', { body: { code } });
  return present.kind === 'failure' ? report(call, present) : undefined;
}

/**
 * What a person does in their own name takes their password, whoever may open the socket. People of the company's have none here:
 * they do it at the console.
 * @returns undefined when signed in, else the exit code after saying why not.
 */
export async function signIn(call: Call, client: Client): Promise<ExitCode | undefined> {
  const { name, password } = await whoOf(call);
  if (name === undefined || password === undefined) {
    call.terminal.note('This is done in a person’s name: give --as and --password-file. Nothing was changed.\n');
    return FAILED;
  }
  const signedIn = await client.call('session.open', { body: { name, password } });
  return signedIn.kind === 'failure' ? report(call, signedIn) : undefined;
}

async function whoOf({
  terminal,
  options,
}: Call): Promise<{ name?: string | undefined; password?: string | undefined }> {
  const name = options.text('as') ?? (await askFor(terminal, 'Your name at the console: ', false));
  const file = options.text('password-file');
  const password = file === undefined ? await askFor(terminal, 'Password: ', true) : readFileSync(file, 'utf8').trim();
  return { name, password };
}

async function askFor(terminal: Call['terminal'], question: string, hidden: boolean): Promise<string | undefined> {
  return terminal.interactive ? terminal.ask(question, hidden) : undefined;
}

export const SIGN_IN_OPTIONS = {
  as: { type: 'string', value: '<name>', about: 'Who you are: your name at the console.' },
  'password-file': {
    type: 'string',
    value: '<file>',
    about: 'File that holds your password. Asked for on a terminal.',
  },
} as const;

export const PRESENCE_OPTIONS = {
  as: { type: 'string', value: '<name>', about: 'Who shows presence: your name at the console.' },
  'password-file': {
    type: 'string',
    value: '<file>',
    about: 'File that holds your password. Asked for on a terminal.',
  },
  code: { type: 'string', value: '<digits>', about: 'Six digits from your authenticator.' },
} as const;
