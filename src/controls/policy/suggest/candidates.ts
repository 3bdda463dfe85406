import type { Column } from './columns.ts';
import { looksLikeNames, rangeOf } from './numbers.ts';
import { roleOf } from './roles.ts';
import { attributeOf, isLike, type Pattern, type RunAttribute, type Scalar, type Shape, type Value } from './shapes.ts';
import { statementPatterns, statementsIn } from './statements.ts';
import { type Form, formOf } from './tokens.ts';
import { type Cut, patternsOf } from './trie.ts';
import type { RunFacts } from './use.ts';

/** A way of learning a shape from values: fitted again for every held-out part, so that how it fares tomorrow can be told. */
export type Candidate = {
  name: string;
  /** Whose values it learns from: the agent's own, or those of all agents of the job. */
  scope: 'own' | 'job';
  /** Of what is not honest use, how much it would keep out: 1 all, 0 nothing. An ordering, not a measurement. */
  tightness: number;
  fit(values: readonly Observed[]): Shape | undefined;
};

export type Observed = { value: Value; run: number; facts: RunFacts };

const VALUES_MAX = 150;
/** Where wildcards are tried, the tightest first: what a host, a domain or a root says is most of it. */
const CUTS: readonly (Cut & { tightness: number })[] = [
  { openness: 0.1, depth_max: 20, tightness: 0.9 },
  { openness: 0.03, depth_max: 20, tightness: 0.89 },
  { openness: 0, depth_max: 20, tightness: 0.87 },
  { openness: 0.03, depth_max: 2, tightness: 0.86 },
  { openness: 0.1, depth_max: 1, tightness: 0.84 },
  // Of a tool that is hardly ever used, one call in three may be the only one of its kind.
  { openness: 0.5, depth_max: 1, tightness: 0.83 },
];
/** What one of the job's agents does others may do: less tight than its own. */
const JOB_FACTOR = 0.95;

export function candidatesFor(column: Column): Candidate[] {
  const shapes = shapesFor(column);
  return shapes.flatMap(({ name, tightness, fit }): Candidate[] => [
    { name: `own ${name}`, scope: 'own', tightness, fit },
    { name: `job ${name}`, scope: 'job', tightness: tightness * JOB_FACTOR, fit },
  ]);
}

type Way = Pick<Candidate, 'name' | 'tightness' | 'fit'>;

function shapesFor(column: Column): Way[] {
  const values = column.cells.filter((cell) => cell !== undefined);
  switch (column.type) {
    case 'boolean':
      return [constant];
    case 'set':
      return [listed('members', 'members', 1)];
    case 'long':
    case 'decimal':
      return numberWays(column, values as number[]);
    case 'string':
      return stringWays(column, values as string[]);
  }
}

function listed(name: string, kind: 'one-of' | 'members', tightness: number): Way {
  return {
    name,
    tightness,
    fit: (observed) => {
      const values = new Set(observed.flatMap(({ value }) => value as Scalar | Scalar[]));
      return values.size === 0 || values.size > VALUES_MAX ? undefined : { kind, values: [...values].sort(inOrder) };
    },
  };
}

/** Once is no habit. */
const CONSTANT_MIN = 2;

/** Of a flag, both values say nothing; nor do several of what only names. */
const constant: Way = {
  name: 'value',
  tightness: 1,
  fit: (observed) => {
    if (observed.length < CONSTANT_MIN) return undefined;
    const values = new Set(observed.map(({ value }) => value as Scalar));
    return values.size === 1 ? { kind: 'one-of', values: [...values] } : undefined;
  },
};

function inOrder(a: Scalar, b: Scalar): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** What is aimed at for a number beyond the bound, the tighter first; the held-out runs say what comes of it. */
const BEYOND_CHANCES = [0.01, 0.002, 0.0003];

function numberWays(column: Column, numbers: readonly number[]): Way[] {
  const isInteger = column.type === 'long';
  const role = roleOf(column.path);
  const ranges = BEYOND_CHANCES.map(
    (chance): Way => ({
      name: `range ${chance}`,
      tightness: 0.85,
      fit: (observed) =>
        rangeOf(
          observed.map(({ value }) => value as number),
          isInteger,
          chance,
        ),
    }),
  );
  if (role === 'amount') return ranges;
  const values = listed('values', 'one-of', 1);
  if (role === 'name' || looksLikeNames(numbers, isInteger)) return [constant];
  return [values, ...ranges];
}

function stringWays(column: Column, texts: readonly string[]): Way[] {
  const role = roleOf(column.path);
  const form = formOf(texts);
  const long = texts.filter((text) => text.length > 120 || text.includes('\n')).length;
  const equal = RUN_ATTRIBUTES.map(sameAs);
  if (form === 'date') return [...equal, years];
  if (role === 'prose') return [];
  const statements = statementsIn(texts);
  if (statements) return [listed('values', 'one-of', 1), statementWay];
  const isProse = form === 'words' && (long > texts.length / 5 || (role !== 'destination' && isVaried(texts)));
  if (isProse) return [];
  return [
    ...equal,
    listed('values', 'one-of', 1),
    ...CUTS.map((cut) => likeWay(form, cut, cut.tightness)),
    guardWay(form),
  ];
}

/** Hardly any text twice. */
function isVaried(texts: readonly string[]): boolean {
  return new Set(texts).size > texts.length * 0.5;
}

const RUN_ATTRIBUTES: readonly RunAttribute[] = ['subject.name', 'subject.id', 'id', 'purpose', 'opened_by'];

function sameAs(attribute: RunAttribute): Way {
  return {
    name: `same as ${attribute}`,
    tightness: 1.05,
    fit: (observed) =>
      observed.length > 0 && observed.every(({ value, facts }) => value === attributeOf(facts, attribute))
        ? { kind: 'same-as', attribute }
        : undefined,
  };
}

/** Dates of the years that were seen, and of the next: what reaches back for ever is not among them. */
const years: Way = {
  name: 'years',
  tightness: 0.5,
  fit: (observed) => {
    const found = observed.map(({ value }) => Number(/^(\d{4})-/.exec(value as string)?.[1]));
    if (found.length === 0 || !found.every(Number.isInteger)) return undefined;
    const first = Math.min(...found);
    const count = Math.max(...found) + 2 - first;
    if (count > YEARS_MAX) return undefined;
    return { kind: 'like', patterns: Array.from({ length: count }, (_, at) => [`${first + at}-`, '']), without: [] };
  },
};
const YEARS_MAX = 6;

const statementWay: Way = {
  name: 'statements',
  tightness: 0.9,
  fit: (observed) => statementPatterns(observed.map(({ value }) => value as string)),
};

function likeWay(form: Form, cut: Cut, tightness: number): Way {
  return {
    name: `like ${cut.openness} ${cut.depth_max}`,
    tightness,
    fit: (observed) => {
      const samples = observed.map(({ value, run }) => ({ text: value as string, run }));
      const patterns = patternsOf(samples, form, cut);
      if (patterns === undefined || patterns.every((pattern) => pattern.length === 1)) return undefined;
      const texts = samples.map(({ text }) => text);
      return { kind: 'like', patterns, without: guardsFor(form, texts) };
    },
  };
}

/** Where nothing is known of where it leads: no scheme and no mark by which it would lead elsewhere. */
function guardWay(form: Form): Way {
  return {
    name: 'guards',
    tightness: 0.3,
    fit: (observed) => {
      const texts = observed.map(({ value }) => value as string);
      const without = guardsFor(form, texts);
      if (without.length === 0) return undefined;
      const scheme = /^[a-z]+:\/\//.exec(texts[0] ?? '')?.[0] ?? '';
      const start = form === 'url' && texts.every((text) => text.startsWith(scheme)) ? scheme : '';
      return { kind: 'like', patterns: [[start, '']], without };
    },
  };
}

/** Marks by which a text leaves the kind that its beginning or end tells; those that honest texts have are no sign of anything. */
const GUARDS: Readonly<Record<Form, readonly Pattern[]>> = {
  path: [
    ['', '..', ''],
    ['', '%2', ''],
  ],
  url: [
    ['', '..', ''],
    ['', '\\', ''],
  ],
  mail: [
    ['', '@', '@', ''],
    ['', ',', ''],
    ['', ';', ''],
  ],
  host: [
    ['', '/', ''],
    ['', '@', ''],
  ],
  words: [
    ['', ';', ''],
    ['', '|', ''],
    ['', '&', ''],
    ['', '$', ''],
    ['', '`', ''],
    ['', '>', ''],
    ['', '<', ''],
    ['', '\n', ''],
  ],
  id: [
    ['', '..', ''],
    ['', '/', ''],
    ['', ' ', ''],
    ['', '@', ''],
  ],
};

export function guardsFor(form: Form, texts: readonly string[]): Pattern[] {
  return GUARDS[form].filter((guard) => !texts.some((text) => isLike(text, guard)));
}
