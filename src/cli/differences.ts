import type { DifferenceGroup } from '../api/contract/index.ts';
import { dateTime, fold, foreign, paint, STATE_MARKS } from './paint.ts';
import type { Terminal } from './terminal.ts';

const NAMES_SHOWN = 5;
const EXAMPLES_SHOWN = 5;

/** Exchanges that another set decides otherwise, as a block: how many, whose, of what, and some of them. */
export function differencesText(
  title: string,
  effect: keyof typeof STATE_MARKS,
  { count, agents, resources, arguments: values, examples }: DifferenceGroup,
  terminal: Terminal,
): string {
  if (count === 0) return '';
  const { mark, colour } = STATE_MARKS[effect];
  const lines = [
    `\n${paint(terminal, colour, `${mark} ${title}: ${count}`)}`,
    ...tallyLines('agents', agents, terminal),
    ...tallyLines('of', resources, terminal),
    ...tallyLines('with', values, terminal),
    ...examples.slice(0, EXAMPLES_SHOWN).flatMap((example) => exampleLines(example, terminal)),
  ];
  return `${lines.join('\n')}\n`;
}

function tallyLines(label: string, { names, others }: DifferenceGroup['agents'], terminal: Terminal): string[] {
  const shown = names.slice(0, NAMES_SHOWN);
  const rest = others + names.slice(NAMES_SHOWN).reduce((sum, { count }) => sum + count, 0);
  const told = shown.map(({ name, count }) => `${foreign(name)} ${count}`);
  if (told.length === 0) return [];
  if (rest > 0) told.push(`others ${rest}`);
  return [fold(`${label}: ${told.join(', ')}`, terminal.columns, '  ')];
}

function exampleLines(example: DifferenceGroup['examples'][number], terminal: Terminal): string[] {
  const { sentence, was, would, receipt, time } = example;
  return [
    fold(`${dateTime(time)} ${foreign(sentence, 400)}`, terminal.columns, '  '),
    fold(`was: ${was.effect} by ${foreign(was.policies.join(', '))}`, terminal.columns, '    '),
    fold(`would: ${would.effect}, ${foreign(would.why, 800)}`, terminal.columns, '    '),
    paint(terminal, 'dim', `    sallyport why ${receipt}`),
  ];
}
