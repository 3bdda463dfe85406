import type { SqlValue } from './database.ts';

/** Object ids of PostgreSQL's own types (pg_type.dat). Everything else stays the text that it came as. */
const READERS: Record<number, (text: string) => SqlValue> = {
  16: (text) => (text === 't' ? 1 : 0),
  17: readBytes,
  20: readInteger,
  21: Number,
  23: Number,
  700: Number,
  701: Number,
  // A sum of bigints is numeric here and an integer in SQLite.
  1700: readNumeric,
};

const asText = (text: string): SqlValue => text;

/** What `pg` asks for how to read a column; values always come in text form. */
export const valueReaders = {
  getTypeParser(type: number): (text: string) => SqlValue {
    return READERS[type] ?? asText;
  },
};

function readInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`the integer ${text} is beyond 2^53`);
  return value;
}

function readNumeric(text: string): number {
  return /^-?\d+$/.test(text) ? readInteger(text) : Number(text);
}

/** `\x` and hex digits; the older `escape` output is switched off for the session. */
function readBytes(text: string): Uint8Array {
  if (!text.startsWith('\\x')) throw new TypeError('bytes did not come in hex form');
  return new Uint8Array(Buffer.from(text.slice(2), 'hex'));
}
