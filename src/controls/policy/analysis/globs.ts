import type { PatternElement } from '../cedar/like.ts';

/**
 * Strings that tell patterns apart. For each combination of patterns of `like` that some string fits, there is such a string
 * here: the patterns run side by side as automata, and every state that they reach together has a string that leads there.
 * Characters that no pattern names behave alike, so a few of them stand for all.
 */
export type Samples = { texts: readonly string[]; complete: boolean };

const STATES_MAX = 3_000;
/** Of texts for one combination: constants may take some of them away. */
const TEXTS_A_CLASS_MAX = 6;

/** The parts between wildcards. */
export function partsOf(elements: readonly PatternElement[]): string[] {
  const parts = [''];
  for (const element of elements) {
    if (element === 'Wildcard') parts.push('');
    else parts[parts.length - 1] += element.Literal;
  }
  return parts;
}

const KNOWN = new Map<string, Samples>();
const KNOWN_MAX = 100;

/** Kept for the next cells, which ask the same mostly. */
export function samplesOf(patterns: readonly (readonly string[])[], constants: readonly string[]): Samples {
  const key = JSON.stringify([patterns, constants]);
  const known = KNOWN.get(key) ?? makeSamples(patterns, constants);
  if (KNOWN.size >= KNOWN_MAX) KNOWN.clear();
  KNOWN.set(key, known);
  return known;
}

function makeSamples(patterns: readonly (readonly string[])[], constants: readonly string[]): Samples {
  const wild = unique(patterns.filter((parts) => parts.length > 1));
  const plain = [...patterns.filter((parts) => parts.length === 1).map(([text]) => text ?? ''), ...constants];
  const found = reach(wild, plain);
  return { texts: [...new Set([...plain, ...found.texts])], complete: found.complete };
}

function unique(patterns: readonly (readonly string[])[]): (readonly string[])[] {
  return [...new Map(patterns.map((parts) => [JSON.stringify(parts), parts])).values()];
}

/** Deterministic: the leftmost place for each part leaves the most room for the next. A state is a place in the parts. */
type Automaton = { step: (state: number, character: string) => number; accepts: (state: number) => boolean };

const DEAD = -1;

function automatonOf(parts: readonly string[]): Automaton {
  const texts = parts.filter((part, at) => part !== '' || at === 0 || at === parts.length - 1);
  const starts: number[] = [];
  let total = 0;
  for (const text of texts) {
    starts.push(total);
    total += text.length + 1;
  }
  const last = texts.length - 1;
  const partAt = (state: number): number => starts.findLastIndex((start) => start <= state);
  const step = (state: number, character: string): number => {
    if (state === DEAD) return DEAD;
    const part = partAt(state);
    const [text, done] = [texts[part] as string, state - (starts[part] as number)];
    if (part === 0) return text[done] === character ? settle(0, done + 1) : DEAD;
    return settle(part, overlap(text, text.slice(0, done) + character));
  };
  // A part that is complete goes over to the next one; the last stays, since more may follow.
  const settle = (part: number, done: number): number => {
    let [at, place] = [part, done];
    while (at < last && place === (texts[at] as string).length) [at, place] = [at + 1, 0];
    return (starts[at] as number) + place;
  };
  const end = (starts[last] as number) + (texts[last] as string).length;
  const first = settle(0, 0);
  return {
    step: (state, character) => step(state === START ? first : state, character),
    accepts: (state) => (state === START ? first : state) === end,
  };
}

const START = -2;

/** The longest end of `seen` that `text` begins with. */
function overlap(text: string, seen: string): number {
  for (let length = Math.min(text.length, seen.length); length > 0; length -= 1) {
    if (text.startsWith(seen.slice(seen.length - length))) return length;
  }
  return 0;
}

const SPARE = ['x', 'z', 'q', '7', '_', '~', '§', 'µ', '¶', 'ø'];

function reach(patterns: readonly (readonly string[])[], taken: readonly string[]): Samples {
  const automata = patterns.map(automatonOf);
  const named = new Set(patterns.flatMap((parts) => parts.flatMap((part) => [...part.split('')])));
  const spare = SPARE.filter((character) => !named.has(character)).slice(0, 2);
  const alphabet = [...spare.slice(0, 1), ...named];
  const known = new Set(taken);
  const classes = new Map<string, string[]>();
  /** To vary, constants or not. */
  const bases = new Map<string, string[]>();
  const note = (states: readonly number[], text: string): void => {
    const key = automata.map((automaton, at) => (automaton.accepts(states[at] as number) ? '1' : '0')).join('');
    const [texts, shortest] = [classes.get(key) ?? [], bases.get(key) ?? []];
    classes.set(key, texts);
    bases.set(key, shortest);
    if (shortest.length < TEXTS_A_CLASS_MAX) shortest.push(text);
    if (texts.length < TEXTS_A_CLASS_MAX && !known.has(text)) texts.push(text);
  };
  const queue: { states: number[]; text: string }[] = [{ states: automata.map(() => START), text: '' }];
  const seen = new Set([queue[0]?.states.join() ?? '']);
  for (let at = 0; at < queue.length && seen.size <= STATES_MAX; at += 1) {
    const { states, text } = queue[at] as (typeof queue)[0];
    note(states, text);
    for (const character of alphabet) {
      const next = automata.map((automaton, which) => automaton.step(states[which] as number, character));
      const key = next.join();
      if (seen.has(key)) continue;
      seen.add(key);
      queue.push({ states: next, text: text + character });
    }
  }
  const complete = seen.size <= STATES_MAX;
  const varied = vary([...bases.values()].flat(), spare).filter((text) => !known.has(text));
  const texts = [...[...classes.values()].flat(), ...varied, ...(complete ? [] : guesses(patterns))];
  // The automata walk through halves of characters; a request never holds one.
  return { texts: texts.filter((text) => text.isWellFormed()), complete };
}

/** The same with spare characters put in: what is neither a constant nor alike. */
function vary(texts: readonly string[], spare: readonly string[]): string[] {
  const [a = 'x', b = 'z'] = spare;
  return texts.flatMap((text) => {
    const middle = Math.floor(text.length / 2);
    return [text + a, text + b, a + text, text.slice(0, middle) + b + text.slice(middle), text + a + b];
  });
}

/** Where the automata are too many to run side by side: each pattern filled with nothing, with something, with another. */
function guesses(patterns: readonly (readonly string[])[]): string[] {
  const fills = ['', 'x', ...patterns.flatMap((parts) => parts.filter((part) => part !== ''))].slice(0, 40);
  return patterns.flatMap((parts) => fills.map((fill) => parts.join(fill))).slice(0, 2_000);
}
