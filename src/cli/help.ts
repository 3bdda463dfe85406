import { COMMON, type Command, type Option } from './command.ts';
import { COMMANDS, type Entry, GROUPS } from './commands.ts';
import { fold, paint } from './paint.ts';
import type { Terminal } from './terminal.ts';

type Screen = Pick<Terminal, 'columns' | 'color'>;

/** `sallyport --help`: every command on one screen. */
export function overview(screen: Screen): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  const groups = GROUPS.map((group) => {
    const rows = rowsOf(
      COMMANDS.filter((entry) => entry.group === group),
      width,
      screen,
    );
    return `${paint(screen, 'bold', group)}\n${rows.join('\n')}`;
  });
  return [
    'sallyport: a zero-trust gateway between AI agents and their tools\n',
    ...groups,
    '\nEvery command: sallyport <command> --help, with examples. --json prints JSON, --config names the file.',
    'Exit codes: 0 done, 1 refused or failed, 2 used wrongly, 3 the gateway cannot be reached.\n',
  ].join('\n');
}

/** Commands of one word that are many share a line: `sallyport policy` tells of each. */
const FAMILY_MIN = 5;

function rowsOf(entries: readonly Entry[], width: number, screen: Screen): string[] {
  const wordOf = ({ name }: Entry): string => name.split(' ')[0] ?? name;
  const families = Map.groupBy(entries, wordOf);
  return [...families].flatMap(([word, members]) => {
    if (members.length < FAMILY_MIN) return members.map((entry) => summaryLine(entry, width, screen));
    const rest = members.map(({ name }) => name.slice(word.length + 1) || '<…>').join(', ');
    const head = `  ${`${word} …`.padEnd(width)}  `;
    return [head + fold(rest, screen.columns ?? 100, ' '.repeat(head.length)).trimStart()];
  });
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
