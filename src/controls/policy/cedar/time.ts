import { addLong, divideLong, type Long, moduloLong, normalizeLong, subtractLong } from './long.ts';
import { Failure } from './results.ts';

/** Milliseconds since the Unix epoch, as a Long. */
export class Datetime {
  readonly epoch_ms: Long;
  constructor(epoch_ms: Long) {
    this.epoch_ms = epoch_ms;
  }
}

export class Duration {
  readonly ms: Long;
  constructor(ms: Long) {
    this.ms = ms;
  }
}

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const DATETIME =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})(?:T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{3}))?(?:Z|([+-])([0-9]{2})([0-9]{2})))?$/;
const DURATION = /^(-?)(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?(?:([0-9]+)ms)?$/;

export function parseDatetime(text: string): Datetime | Failure {
  const found = DATETIME.exec(text);
  const bad = new Failure(`invalid datetime: ${text}`);
  if (found === null) return bad;
  const part = (at: number): number => Number(found[at] ?? '0');
  const [year, month, day] = [part(1), part(2), part(3)];
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return bad;
  if (part(4) > 23 || part(5) > 59 || part(6) > 59 || part(9) > 23 || part(10) > 59) return bad;
  const offset = (part(9) * HOUR_MS + part(10) * MINUTE_MS) * (found[8] === '-' ? -1 : 1);
  const time = part(4) * HOUR_MS + part(5) * MINUTE_MS + part(6) * SECOND_MS + part(7);
  return new Datetime(daysSinceEpoch(year, month, day) * DAY_MS + time - offset);
}

function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

/** `Date.UTC` takes the years 0 to 99 for 1900 to 1999; `setUTCFullYear` does not. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  return new Date(0).setUTCFullYear(year, month - 1, day) / DAY_MS;
}

export function parseDuration(text: string): Duration | Failure {
  const found = DURATION.exec(text);
  if (found === null || text === '' || text === '-') return new Failure(`invalid duration: ${text}`);
  let total = 0n;
  for (const [at, unit] of [DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, 1].entries()) {
    total += BigInt(found[at + 2] ?? '0') * BigInt(unit);
  }
  const ms = normalizeLong(found[1] === '-' ? -total : total);
  return ms === undefined ? new Failure(`overflow in duration: ${text}`) : new Duration(ms);
}

function wrap<T>(value: Long | Failure, make: (value: Long) => T): T | Failure {
  return value instanceof Failure ? value : make(value);
}

export function offsetDatetime(value: Datetime, by: Duration): Datetime | Failure {
  return wrap(addLong(value.epoch_ms, by.ms), (ms) => new Datetime(ms));
}

export function durationSince(later: Datetime, earlier: Datetime): Duration | Failure {
  return wrap(subtractLong(later.epoch_ms, earlier.epoch_ms), (ms) => new Duration(ms));
}

export function toDate(value: Datetime): Datetime | Failure {
  return wrap(subtractLong(value.epoch_ms, moduloLong(value.epoch_ms, DAY_MS)), (ms) => new Datetime(ms));
}

export function toTime(value: Datetime): Duration {
  return new Duration(moduloLong(value.epoch_ms, DAY_MS));
}

export const toMilliseconds = (value: Duration): Long => value.ms;
export const toSeconds = (value: Duration): Long => divideLong(value.ms, SECOND_MS);
export const toMinutes = (value: Duration): Long => divideLong(value.ms, MINUTE_MS);
export const toHours = (value: Duration): Long => divideLong(value.ms, HOUR_MS);
export const toDays = (value: Duration): Long => divideLong(value.ms, DAY_MS);
