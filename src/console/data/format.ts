import { visibleParts } from '../../api/contract/index.ts';

const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hour12: false,
});
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' });
const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto', style: 'narrow' });
const NUMBER = new Intl.NumberFormat();

const STEPS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
];

export function clockTime(time: number): string {
  return `${CLOCK.format(time)}.${String(time % 1000).padStart(3, '0')}`;
}

export function exactTime(time: number): string {
  return `${EXACT.format(time)} (${new Date(time).toISOString()})`;
}

export function relativeTime(time: number, now: number): string {
  const away = time - now;
  // Two clocks: what is a moment away is now.
  if (Math.abs(away) < 2_000) return 'now';
  const [unit, ms] = STEPS.find(([, length]) => Math.abs(away) >= length) ?? ['second', 1_000];
  return RELATIVE.format(Math.round(away / ms), unit);
}

/** Units always, three figures at most. */
export function duration(us: number): string {
  if (us < 1_000) return `${Math.round(us)} µs`;
  if (us < 10_000) return `${(us / 1_000).toFixed(1)} ms`;
  if (us < 1_000_000) return `${Math.round(us / 1_000)} ms`;
  if (us < 60_000_000) return `${(us / 1_000_000).toFixed(1)} s`;
  if (us < 2 * 3_600_000_000) return `${Math.round(us / 60_000_000)} min`;
  if (us < 48 * 3_600_000_000) return `${Math.round(us / 3_600_000_000)} h`;
  return `${Math.round(us / 86_400_000_000)} days`;
}

export function bytes(count: number): string {
  if (count < 1_024) return `${count} B`;
  if (count < 1_048_576) return `${(count / 1_024).toFixed(1)} KiB`;
  return `${(count / 1_048_576).toFixed(1)} MiB`;
}

export function number(count: number): string {
  return NUMBER.format(count);
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${number(count)} ${count === 1 ? one : many}`;
}

/** `Tool::"files/read_text_file"` → its kind and its name. */
export function splitResource(resource: string): { type: string; name: string } {
  const match = /^([A-Za-z]+)::"(.*)"$/s.exec(resource);
  if (match === null) return { type: '', name: resource };
  return { type: match[1]!, name: match[2]!.replaceAll('\\"', '"').replaceAll('\\\\', '\\') };
}

/** An id short enough for a list, long enough to tell from its neighbours. */
export function shortId(id: string): string {
  return id.length > 14 ? `${id.slice(0, 10)}…${id.slice(-2)}` : id;
}

/**
 * One word of a shell's line, whatever it says: a server's name for a tool, or a filter that somebody sent, is pasted into a
 * terminal and must stay a word there. What would not be seen is written as an escape, which bash and zsh read.
 */
export function shellWord(text: string): string {
  if (/^[\w.@/:=-]+$/.test(text)) return text;
  const parts = visibleParts(text);
  if (!parts.some(({ unseen }) => unseen)) return `'${text.replaceAll("'", "'\\''")}'`;
  const units = [...text.toWellFormed()].map((one) => {
    if (visibleParts(one)[0]?.unseen) return `\\U${one.codePointAt(0)!.toString(16).padStart(8, '0')}`;
    return one === "'" || one === '\\' ? `\\${one}` : one;
  });
  return `$'${units.join('')}'`;
}

/** `a, b and c`. */
export function listOf(words: readonly string[], last: 'and' | 'or' = 'and'): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} ${last} ${words.at(-1)}`;
}
