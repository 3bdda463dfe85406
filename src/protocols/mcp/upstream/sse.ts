/**
 * Server-sent events (WHATWG HTML, 9.2.6), read from bytes and bounded. Bytes, because UTF-8 that is not valid must reach
 * the JSON parser as it is and be refused there, not be repaired on the way.
 */
export type SseEvent = { id: string | undefined; data: Buffer };

export type SseHandler = {
  event(event: SseEvent): void;
  retry(delay_ms: number): void;
  /** An event over the bound. The parser reads nothing more. */
  tooLarge(): void;
};

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;
const NUL = 0x00;
const ID_BYTES_MAX = 1_024;
const RETRY_DIGITS_MAX = 9;
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

export class SseParser {
  readonly #handler: SseHandler;
  readonly #event_bytes_max: number;
  /** The beginning of a line whose end has not come yet. */
  #parts: Buffer[] = [];
  #parts_bytes = 0;
  #data: Buffer[] = [];
  #data_bytes = 0;
  #id: string | undefined;
  #after_cr = false;
  #first_line = true;
  #stopped = false;

  constructor(event_bytes_max: number, handler: SseHandler) {
    this.#event_bytes_max = event_bytes_max;
    this.#handler = handler;
  }

  push(chunk: Buffer): void {
    // A line may end in CR, LF or both, and the two may come in different chunks.
    let start = this.#after_cr && chunk[0] === LF ? 1 : 0;
    this.#after_cr = false;
    let cr = chunk.indexOf(CR, start);
    while (!this.#stopped) {
      const lf = chunk.indexOf(LF, start);
      const at = lf === -1 || (cr !== -1 && cr < lf) ? cr : lf;
      if (at === -1) break;
      this.#line(this.#take(chunk.subarray(start, at)));
      start = at + 1;
      if (at !== cr) continue;
      if (chunk[start] === LF) start += 1;
      else this.#after_cr = start === chunk.length;
      cr = chunk.indexOf(CR, start);
    }
    if (!this.#stopped && start < chunk.length) this.#keep(chunk.subarray(start));
  }

  #keep(part: Buffer): void {
    this.#parts_bytes += part.length;
    if (this.#parts_bytes + this.#data_bytes > this.#event_bytes_max) this.#stop();
    else this.#parts.push(part);
  }

  #take(last: Buffer): Buffer {
    if (this.#parts.length === 0) return last;
    const line = Buffer.concat([...this.#parts, last]);
    this.#parts = [];
    this.#parts_bytes = 0;
    return line;
  }

  #line(raw: Buffer): void {
    const line = this.#first_line && raw.subarray(0, 3).equals(BOM) ? raw.subarray(3) : raw;
    this.#first_line = false;
    if (line.length === 0) {
      this.#dispatch();
      return;
    }
    if (line[0] === COLON) return;
    const colon = line.indexOf(COLON);
    const name = (colon === -1 ? line : line.subarray(0, colon)).toString('latin1');
    const from = line[colon + 1] === SPACE ? colon + 2 : colon + 1;
    this.#field(name, colon === -1 ? line.subarray(line.length) : line.subarray(from));
  }

  #field(name: string, value: Buffer): void {
    if (name === 'data') {
      this.#data_bytes += value.length + 1;
      if (this.#data_bytes > this.#event_bytes_max) this.#stop();
      else this.#data.push(value);
    } else if (name === 'id') {
      if (value.length <= ID_BYTES_MAX && !value.includes(NUL)) this.#id = value.toString('utf8');
    } else if (name === 'retry') {
      const text = value.toString('latin1');
      if (/^\d+$/.test(text) && text.length <= RETRY_DIGITS_MAX) this.#handler.retry(Number(text));
    }
  }

  /** An event with an id and no data primes the client for coming back (2025-11-25, resumability). */
  #dispatch(): void {
    const data = this.#data.length === 1 ? (this.#data[0] as Buffer) : joinLines(this.#data);
    this.#data = [];
    this.#data_bytes = 0;
    if (data.length > 0 || this.#id !== undefined) this.#handler.event({ id: this.#id, data });
  }

  #stop(): void {
    this.#stopped = true;
    this.#parts = [];
    this.#data = [];
    this.#handler.tooLarge();
  }
}

function joinLines(lines: readonly Buffer[]): Buffer {
  return Buffer.concat(lines.flatMap((line, index) => (index === 0 ? [line] : [Buffer.from([LF]), line])));
}
