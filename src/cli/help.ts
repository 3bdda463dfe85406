import { COMMON, type Command, type Option } from './command.ts';
import { COMMANDS, type Entry, GROUPS } from './commands.ts';
import { fold, paint } from './paint.ts';
import type { Terminal } from './terminal.ts';

type Screen = Pick<Terminal, 'columns' | 'color'>;

/** `sallyport --help`: every command on one screen. */
export function overview(screen: Screen): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  const groups = GROUPS.map((group) => {
    const rows = COMMANDS.filter((entry) => entry.group === group).map((entry) => summaryLine(entry, width, screen));
    return `${paint(screen, 'bold', group)}\n${rows.join('\n')}`;
  });
  return [
    'sallyport: a zero-trust gateway between AI agents and their tools\n',
    ...groups,
    '\nEvery command: sallyport <command> --help, with examples. --json prints JSON, --config names the file.',
    'Exit codes: 0 done, 1 refused or failed, 2 used wrongly, 3 the gateway cannot be reached.\n',
  ].join('\n');
}

function summaryLine({ name, summary }: Entry, width: number, { columns = 100 }: Screen): string {
  const text = `  ${name.padEnd(width)}  ${summary}`;
  return text.length > columns ? `${text.slice(0, columns - 1)}…` : text;
}

/** The commands of one word: `sallyport agent`. */
export function groupHelp(word: string, screen: Screen): string {
  const members = COMMANDS.filter(({ name }) => name.startsWith(`${word} `));
  const width = Math.max(...members.map(({ name }) => name.length));
  return `${members.map((entry) => summaryLine(entry, width, screen)).join('\n')}\n`;
}

/** Help of one command; fits a screen. */
export function commandHelp(name: string, command: Command, screen: Screen): string {
  const own = command.options ?? {};
  const parts = [
    `${paint(screen, 'bold', `sallyport ${name}`)}${command.usage === '' ? '' : ` ${command.usage}`}`,
    '',
    fold(command.about, screen.columns ?? 100),
    '',
    paint(screen, 'bold', 'Examples'),
    ...command.examples.flatMap(([line, does]) => [
      `  ${line}`,
      fold(paint(screen, 'dim', does), screen.columns ?? 100, '      '),
    ]),
    '',
    paint(screen, 'bold', 'Options'),
    ...optionLines({ ...own, ...COMMON }, screen),
  ];
  return `${parts.join('\n')}\n`;
}

function optionLines(options: Readonly<Record<string, Option>>, { columns = 100 }: Screen): string[] {
  const heads = Object.entries(options).map(([name, option]) => ({ head: optionHead(name, option), option }));
  const width = Math.max(...heads.map(({ head }) => head.length));
  return heads.map(({ head, option }) => {
    const about = fold(option.about, columns, ' '.repeat(width + 4)).trimStart();
    return `  ${head.padEnd(width)}  ${about}`;
  });
}

export function optionHead(name: string, option: Option): string {
  const short = option.short === undefined ? '' : `-${option.short}, `;
  return `${short}--${name}${option.type === 'string' ? ` ${option.value ?? '<text>'}` : ''}`;
}
