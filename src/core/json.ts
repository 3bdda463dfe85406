/**
 * JSON as two readers cannot read it differently (RFC 8259 leaves room that attackers use; I-JSON, RFC 7493, closes most
 * of it). Invalid UTF-8, lone surrogates, duplicate keys, `__proto__`, integers beyond 2^53 and numbers that do not
 * round-trip are refused in requests; in answers such numbers are kept to the digit, since rounding someone's data is
 * worse than passing it on.
 */

export type JsonScalar = string | number | boolean | null;
export type JsonValue = JsonScalar | JsonValue[] | JsonObject;
export type JsonObject = { [key: string]: JsonValue };

export type JsonBounds = { depth_max: number; numbers: 'exact' | 'kept' };

export const REQUEST_BOUNDS: JsonBounds = { depth_max: 64, numbers: 'exact' };
export const ANSWER_BOUNDS: JsonBounds = { depth_max: 128, numbers: 'kept' };

export class JsonError extends Error {
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(`${message} at offset ${offset}`);
    this.offset = offset;
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @throws JsonError for anything that is not canonical within `bounds`; `offset` counts UTF-16 units. */
export function parseJson(bytes: Uint8Array | string, bounds: JsonBounds = REQUEST_BOUNDS): JsonValue {
  let text: string;
  if (typeof bytes === 'string') text = bytes;
  else {
    try {
      text = utf8.decode(bytes);
    } catch {
      throw new JsonError('not valid UTF-8', 0);
    }
  }
  const plain = parsePlain(text, bounds);
  if (plain !== undefined) return plain;
  const parser = new Parser(text, bounds);
  const value = parser.value(0);
  parser.end();
  return value;
}

/**
 * The platform's own parser, where it can be trusted: a text that comes out of it again as it went in has no key twice, no
 * number that was rounded and no spelling but the plain one, which is how most programs write JSON. Escapes by number (a
 * lone surrogate hides there), `__proto__`, long numbers and deep nesting are left to the careful reader below.
 */
function parsePlain(text: string, bounds: JsonBounds): JsonValue | undefined {
  if (text.includes('\\u') || text.includes('__proto__') || LONG_NUMBER.test(text)) return undefined;
  if (mayNestDeeper(text, bounds.depth_max)) return undefined;
  try {
    const value = JSON.parse(text) as JsonValue;
    return JSON.stringify(value) === text ? value : undefined;
  } catch {
    return undefined;
  }
}

/** From sixteen digits on, or with a positive exponent, a number may be an integer beyond 2^53. */
const LONG_NUMBER = /\d{16}|\de\+/;

/** More opening brackets than levels: only then can the text nest deeper. */
function mayNestDeeper(text: string, depth_max: number): boolean {
  let left = depth_max;
  for (const bracket of ['{', '[']) {
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1)) {
      left -= 1;
      if (left < 0) return true;
    }
  }
  return false;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const STRING_PLAIN = /[^"\\\u0000-\u001f]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const SPACE = /[ \t\n\r]*/y;
const ESCAPES: Record<string, string> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

class Parser {
  readonly #text: string;
  readonly #bounds: JsonBounds;
  #at = 0;

  constructor(text: string, bounds: JsonBounds) {
    this.#text = text;
    this.#bounds = bounds;
  }

  value(depth: number): JsonValue {
    if (depth > this.#bounds.depth_max) this.#fail(`nested deeper than ${this.#bounds.depth_max}`);
    this.#space();
    const first = this.#text.charCodeAt(this.#at);
    if (first === 0x7b) return this.#object(depth);
    if (first === 0x5b) return this.#array(depth);
    if (first === 0x22) return this.#string();
    if (first === 0x2d || (first >= 0x30 && first <= 0x39)) return this.#number();
    return this.#word();
  }

  end(): void {
    this.#space();
    if (this.#at !== this.#text.length) this.#fail('text after the value');
  }

  #object(depth: number): JsonObject {
    this.#at += 1;
    const object: JsonObject = {};
    this.#space();
    if (this.#take(0x7d)) return object;
    for (;;) {
      this.#space();
      if (this.#text.charCodeAt(this.#at) !== 0x22) this.#fail('a key was expected');
      const key = this.#string();
      if (key === '__proto__') this.#fail('the key __proto__ is refused');
      if (Object.hasOwn(object, key)) this.#fail('duplicate key');
      this.#space();
      if (!this.#take(0x3a)) this.#fail("':' was expected");
      object[key] = this.value(depth + 1);
      this.#space();
      if (this.#take(0x2c)) continue;
      if (this.#take(0x7d)) return object;
      this.#fail("',' or '}' was expected");
    }
  }

  #array(depth: number): JsonValue[] {
    this.#at += 1;
    const array: JsonValue[] = [];
    this.#space();
    if (this.#take(0x5d)) return array;
    for (;;) {
      array.push(this.value(depth + 1));
      this.#space();
      if (this.#take(0x2c)) continue;
      if (this.#take(0x5d)) return array;
      this.#fail("',' or ']' was expected");
    }
  }

  #string(): string {
    this.#at += 1;
    let plain = this.#run(STRING_PLAIN);
    while (!this.#take(0x22)) {
      if (this.#text.charCodeAt(this.#at) !== 0x5c) this.#fail('an unescaped control character or an open string');
      plain += this.#escape();
      plain += this.#run(STRING_PLAIN);
    }
    if (!plain.isWellFormed()) this.#fail('a lone surrogate');
    return plain;
  }

  #escape(): string {
    const kind = this.#text.charAt(this.#at + 1);
    const simple = ESCAPES[kind];
    if (simple !== undefined) {
      this.#at += 2;
      return simple;
    }
    const hex = this.#text.slice(this.#at + 2, this.#at + 6);
    if (kind !== 'u' || !/^[0-9a-fA-F]{4}$/.test(hex)) this.#fail('an unknown escape');
    this.#at += 6;
    return String.fromCharCode(Number.parseInt(hex, 16));
  }

  #number(): JsonValue {
    const start = this.#at;
    const text = this.#run(NUMBER);
    if (text === '' || text === '-') this.#fail('a number was expected');
    const value = Number(text);
    if (roundTrips(text, value)) return value;
    if (this.#bounds.numbers === 'kept') return rawJson(text);
    this.#at = start;
    return this.#fail('a number that a double cannot hold exactly');
  }

  #word(): JsonValue {
    for (const [word, value] of [
      ['true', true],
      ['false', false],
      ['null', null],
    ] as const) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    }
    return this.#fail('a value was expected');
  }

  #run(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }

  #space(): void {
    const code = this.#text.charCodeAt(this.#at);
    if (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) this.#run(SPACE);
  }

  #take(code: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== code) return false;
    this.#at += 1;
    return true;
  }

  #fail(message: string): never {
    throw new JsonError(message, this.#at);
  }
}

/** Integers within 2^53 and decimals whose shortest form has the same digits; so `1e400`, `2^53+1`, `-0` do not. */
function roundTrips(text: string, value: number): boolean {
  if (!Number.isFinite(value) || Object.is(value, -0)) return false;
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) return false;
  if (String(value) === text) return true;
  return digitsOf(text) === digitsOf(String(value));
}

/** Sign, significant digits and the exponent of the last one: `1.50e2` and `150` give the same. */
function digitsOf(text: string): string {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  const shift = Number(exponent) - fraction.length + (digits.length - significant.length);
  return `${text.startsWith('-') ? '-' : ''}${significant}e${shift}`;
}

/** Bytes of the value as `JSON.stringify` writes it; what goes upstream is always what was parsed, written anew. */
export function writeJson(value: JsonValue): Buffer {
  return Buffer.from(JSON.stringify(value), 'utf8');
}

/** Whether it is a number that was kept to the digit, which the language has as an object. */
export function isKeptNumber(value: JsonValue): boolean {
  return (JSON as unknown as { isRawJSON(value: unknown): boolean }).isRawJSON(value);
}

/** A number kept to the digit; `JSON.stringify` writes it as it came (ECMA-262, JSON.rawJSON). */
function rawJson(text: string): JsonValue {
  return (JSON as unknown as { rawJSON(text: string): JsonValue }).rawJSON(text);
}
