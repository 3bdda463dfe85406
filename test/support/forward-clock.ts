import { readFileSync } from 'node:fs';

/**
 * Sets this process's wall clock forward by as many milliseconds as stand in a file, as that of a machine that slept. Loaded
 * before anything else (`--import`), in each thread too: a gateway's log has one of its own, and its receipts the time.
 * Monotonic time and timers are left alone.
 */
const file = process.env['SALLYPORT_TEST_CLOCK'] ?? '';
const Real = globalThis.Date;

function now(): number {
  return Real.now() + Number(readFileSync(file, 'utf8'));
}

class Ahead extends Real {
  constructor(...given: [] | [number | string | Date]) {
    super(given[0] ?? now());
  }
  static override now(): number {
    return now();
  }
}

if (file !== '') globalThis.Date = Ahead as DateConstructor;
