import { type Filters, filters as schema } from '../../api/contract/index.ts';
import { shellWord } from '../data/format.ts';

const FIELDS = ['agent', 'job', 'run', 'action', 'upstream', 'decision', 'state', 'resource'] as const;
type Field = (typeof FIELDS)[number];

const NAMES: Readonly<Record<string, Field>> = {
  ...Object.fromEntries(FIELDS.map((field) => [field, field])),
  server: 'upstream',
  outcome: 'state',
};

/** `agent:triage decision:deny reports` as filters: a word without a field looks into the resource's name. */
export function parseWords(text: string): Filters {
  const found: Partial<Record<Field, string>> = {};
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const at = word.indexOf(':');
    const field = at > 0 ? NAMES[word.slice(0, at).toLowerCase()] : undefined;
    if (field === undefined) found.resource = word;
    else if (at < word.length - 1) found[field] = word.slice(at + 1);
  }
  return keepValid(found);
}

export function toWords(filters: Filters): string {
  return FIELDS.flatMap((field) => {
    const value = filters[field];
    if (value === undefined) return [];
    return field === 'resource' ? [value] : [`${field}:${value}`];
  }).join(' ');
}

/** An address that someone typed, or sent, shows what can be shown of it. */
export function keepValid(search: Record<string, unknown>): Filters {
  const kept: Record<string, unknown> = {};
  for (const field of FIELDS) {
    const value = search[field];
    if (value !== undefined && schema.shape[field].safeParse(value).success) kept[field] = value;
  }
  return kept as Filters;
}

/** The command that follows the same exchanges. */
export function tailCommand(filters: Filters): string {
  const options = FIELDS.flatMap((field) => {
    const value = filters[field];
    return value === undefined ? [] : [` --${field} ${shellWord(value)}`];
  });
  return `sallyport tail${options.join('')}`;
}
