/**
 * Lines of a stdio server, one message each, bounded. A line over the bound is read over to its end, so that one huge
 * answer costs its own exchange and not the session; its beginning and end are kept, to learn whose it was.
 */
export type LineHandler = {
  line(line: Buffer): void;
  /** `ends` are the first and the last bytes of it. */
  overlong(ends: Buffer): void;
  /** A line so long that its end is not waited for. */
  endless(): void;
};

const LF = 0x0a;
const CR = 0x0d;
const END_BYTES = 256;

export class LineReader {
  readonly #bounds: { line_bytes_max: number; skip_bytes_max: number };
  readonly #handler: LineHandler;
  #parts: Buffer[] = [];
  #bytes = 0;
  /** Set while a line over the bound is being read over. */
  #skipping: { head: Buffer; tail: Buffer } | undefined;

  constructor(bounds: { line_bytes_max: number; skip_bytes_max: number }, handler: LineHandler) {
    this.#bounds = bounds;
    this.#handler = handler;
  }

  push(chunk: Buffer): void {
    let start = 0;
    for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, start)) {
      this.#keep(chunk.subarray(start, at));
      this.#end();
      start = at + 1;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
  }

  #keep(part: Buffer): void {
    this.#bytes += part.length;
    if (this.#skipping !== undefined) this.#skip(this.#skipping, part);
    else if (this.#bytes <= this.#bounds.line_bytes_max) this.#parts.push(part);
    else this.#startSkipping(part);
  }

  #startSkipping(part: Buffer): void {
    const head = Buffer.concat([...this.#parts.slice(0, 1), part]).subarray(0, END_BYTES);
    this.#skipping = { head: Buffer.from(head), tail: Buffer.from(part.subarray(-END_BYTES)) };
    this.#parts = [];
  }

  #skip(skipping: { tail: Buffer }, part: Buffer): void {
    if (this.#bytes > this.#bounds.skip_bytes_max) {
      this.#handler.endless();
      return;
    }
    skipping.tail = Buffer.concat([skipping.tail, part.subarray(-END_BYTES)]).subarray(-END_BYTES);
  }

  #end(): void {
    const skipped = this.#skipping;
    const line = this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#bytes = 0;
    this.#skipping = undefined;
    if (skipped !== undefined) this.#handler.overlong(Buffer.concat([skipped.head, skipped.tail]));
    else if (line.length > 0) this.#handler.line(line.at(-1) === CR ? line.subarray(0, -1) : line);
  }
}
