import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findConfig, loadConfig } from '../../config/index.ts';
import { visibleJson, visibleText } from '../../core/visible-text.ts';
import { type Call, type Command, DONE, type ExitCode, FAILED, UsageError } from '../command.ts';
import { table } from '../paint.ts';

const PACKS = fileURLToPath(new URL('../../../policies/packs', import.meta.url));

type Pack = { name: string; about: string; files: readonly string[]; agent: string | undefined };

export const pack: Command = {
  usage: '[name]',
  arity: [0, 1],
  about:
    'Starter packs: a few policies for a kind of agent, with the cases that say what they are meant to do. Without a name, lists them; with one, shows it; --take copies policies and cases into the folder of policies, where an edit that widens waits for somebody to activate it.',
  examples: [
    ['sallyport policy pack', 'which there are'],
    ['sallyport policy pack support-desk', 'what it permits, to read'],
    ['sallyport policy pack support-desk --take --agent helper', 'take it, for the agent helper'],
  ],
  options: {
    take: { type: 'boolean', about: 'Copy it into the folder that sallyport.yaml names, or policies.' },
    into: { type: 'string', value: '<folder>', about: 'Into this folder instead.' },
    agent: {
      type: 'string',
      short: 'a',
      value: '<agent>',
      about: "Write this agent's name where the pack has its own.",
    },
  },
  async run(call) {
    const packs = readdirSync(PACKS).sort().map(readPack);
    const [name] = call.args;
    if (name === undefined) return list(call, packs);
    const found = packs.find((one) => one.name === name);
    if (found === undefined)
      throw new UsageError(`no pack ${name}. There are: ${packs.map((one) => one.name).join(', ')}`);
    return call.options.flag('take') ? take(call, found) : show(call, found);
  },
};

/** The first sentence of its README says what it is for; the first agent that its policies name is the one to replace. */
function readPack(name: string): Pack {
  const folder = join(PACKS, name);
  const files = readdirSync(folder).sort();
  const about = /\n\n([^.]+\.)/.exec(readFileSync(join(folder, 'README.md'), 'utf8'))?.[1] ?? '';
  const agent = /Agent::"([^"]+)"/.exec(readFileSync(join(folder, `${name}.cedar`), 'utf8'))?.[1];
  return { name, about: about.replace(/\s+/g, ' '), files, agent };
}

function list({ terminal, json }: Call, packs: readonly Pack[]): ExitCode {
  if (json) terminal.write(`${visibleJson({ packs }, 2)}\n`);
  else {
    terminal.write(table([['pack', 'what it is for'], ...packs.map(({ name, about }) => [name, about])], terminal));
    terminal.write('\nRead one: sallyport policy pack <name>. Take it: sallyport policy pack <name> --take\n');
  }
  return DONE;
}

function show({ terminal, json, options }: Call, found: Pack): ExitCode {
  const files = textsOf(found, options.text('agent'));
  if (json) terminal.write(`${visibleJson({ name: found.name, files }, 2)}\n`);
  else terminal.write(files.map(({ text }) => text).join('\n'));
  return DONE;
}

type FileText = { name: string; text: string };

/** What is read first, first. */
function textsOf({ name, files, agent }: Pack, instead: string | undefined): FileText[] {
  const order = [...files].sort((a, b) => Number(b === 'README.md') - Number(a === 'README.md'));
  return order.map((file) => {
    const text = readFileSync(join(PACKS, name, file), 'utf8');
    return {
      name: file,
      text: instead === undefined || agent === undefined ? text : renamed(file, text, agent, instead),
    };
  });
}

const AGENT_NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$/;

/** The agent of a pack, wherever its policies and cases name it as one. */
function renamed(file: string, text: string, from: string, to: string): string {
  if (!AGENT_NAME.test(to))
    throw new UsageError('--agent is a name as in sallyport.yaml: letters, digits, and . _ @ -');
  if (file.endsWith('.cedar')) return text.replaceAll(`Agent::"${from}"`, `Agent::"${to}"`);
  if (!file.endsWith('.yaml')) return text;
  return text
    .replaceAll(new RegExp(`^  ${from}: `, 'gm'), `  ${to}: `)
    .replaceAll(new RegExp(`\\bas: ${from}$`, 'gm'), `as: ${to}`)
    .replaceAll(new RegExp(`^(    through: \\[.*)\\b${from}\\]`, 'gm'), `$1${to}]`);
}

function take({ terminal, json, options }: Call, found: Pack): ExitCode {
  const folder = folderOf(options);
  const files = textsOf(found, options.text('agent')).filter(({ name }) => name !== 'README.md');
  const there = files.filter(({ name }) => existsSync(join(folder, name))).map(({ name }) => join(folder, name));
  if (there.length > 0) {
    const message = `${there.join(' and ')} ${there.length === 1 ? 'is' : 'are'} there already. Nothing was written.`;
    if (json) terminal.write(`${visibleJson({ taken: [], there }, 2)}\n`);
    else terminal.note(`${visibleText(message)} Take it elsewhere: --into <folder>\n`);
    return FAILED;
  }
  mkdirSync(folder, { recursive: true });
  for (const { name, text } of files) writeFileSync(join(folder, name), text, { flag: 'wx' });
  const taken = files.map(({ name }) => join(folder, name));
  if (json) terminal.write(`${visibleJson({ taken, there }, 2)}\n`);
  else {
    const next = `Read ${found.name}.cedar, then: sallyport policy test ${visibleText(folder)}`;
    terminal.write(`${taken.map((path) => `wrote ${visibleText(path)}\n`).join('')}${next}\n`);
  }
  return DONE;
}

function folderOf(options: Call['options']): string {
  const into = options.text('into');
  if (into !== undefined) return resolve(into);
  const { file, found } = findConfig(options.text('config'), process.cwd());
  const loaded = found ? loadConfig(file) : undefined;
  return loaded?.kind === 'loaded' ? loaded.config.policy.folder : resolve('policies');
}
