import { Decimal, parseDecimal } from './decimal.ts';
import { IpAddress, isInRange, isLoopback, isMulticast, parseIp } from './ip.ts';
import { Failure, Partial, type Result, UNKNOWN } from './results.ts';
import {
  Datetime,
  Duration,
  durationSince,
  offsetDatetime,
  parseDatetime,
  parseDuration,
  toDate,
  toDays,
  toHours,
  toMilliseconds,
  toMinutes,
  toSeconds,
  toTime,
} from './time.ts';
import { typeName, type Value } from './values.ts';

/** A function or method of an extension type; a method's first argument is what it is called on. */
export type ExtensionFunction = (operands: readonly Result[]) => Result;

type Reader<T extends Value> = { name: string; fits: (value: Value) => value is T };

const text: Reader<string> = { name: 'string', fits: (value) => typeof value === 'string' };
const decimal: Reader<Decimal> = { name: 'decimal', fits: (value) => value instanceof Decimal };
const ip: Reader<IpAddress> = { name: 'ipaddr', fits: (value) => value instanceof IpAddress };
const datetime: Reader<Datetime> = { name: 'datetime', fits: (value) => value instanceof Datetime };
const duration: Reader<Duration> = { name: 'duration', fits: (value) => value instanceof Duration };

/** All operands are evaluated before any is looked at: the first that failed is the result, then the first misfit. */
function call(operands: readonly Result[], readers: readonly Reader<Value>[], apply: () => Result): Result {
  const failed = operands.find((operand) => operand instanceof Failure);
  if (failed !== undefined) return failed;
  if (operands.length !== readers.length) return new Failure(`wrong number of arguments: ${operands.length}`);
  let unknown = false;
  for (const [at, operand] of operands.entries()) {
    const reader = readers[at] as Reader<Value>;
    if (operand instanceof Partial) unknown = true;
    else if (!reader.fits(operand as Value)) {
      return new Failure(`type error: expected ${reader.name}, got ${typeName(operand as Value)}`);
    }
  }
  return unknown ? UNKNOWN : apply();
}

function one<A extends Value>(a: Reader<A>, apply: (a: A) => Result): ExtensionFunction {
  return (operands) => call(operands, [a], () => apply(operands[0] as A));
}

function two<A extends Value, B extends Value>(
  a: Reader<A>,
  b: Reader<B>,
  apply: (a: A, b: B) => Result,
): ExtensionFunction {
  return (operands) => call(operands, [a, b], () => apply(operands[0] as A, operands[1] as B));
}

export const EXTENSION_FUNCTIONS: ReadonlyMap<string, ExtensionFunction> = new Map([
  ['decimal', one(text, parseDecimal)],
  ['lessThan', two(decimal, decimal, (a, b) => a.units < b.units)],
  ['lessThanOrEqual', two(decimal, decimal, (a, b) => a.units <= b.units)],
  ['greaterThan', two(decimal, decimal, (a, b) => a.units > b.units)],
  ['greaterThanOrEqual', two(decimal, decimal, (a, b) => a.units >= b.units)],
  ['ip', one(text, parseIp)],
  ['isIpv4', one(ip, (a) => a.version === 4)],
  ['isIpv6', one(ip, (a) => a.version === 6)],
  ['isLoopback', one(ip, isLoopback)],
  ['isMulticast', one(ip, isMulticast)],
  ['isInRange', two(ip, ip, isInRange)],
  ['datetime', one(text, parseDatetime)],
  ['offset', two(datetime, duration, offsetDatetime)],
  ['durationSince', two(datetime, datetime, durationSince)],
  ['toDate', one(datetime, toDate)],
  ['toTime', one(datetime, toTime)],
  ['duration', one(text, parseDuration)],
  ['toMilliseconds', one(duration, toMilliseconds)],
  ['toSeconds', one(duration, toSeconds)],
  ['toMinutes', one(duration, toMinutes)],
  ['toHours', one(duration, toHours)],
  ['toDays', one(duration, toDays)],
]);
