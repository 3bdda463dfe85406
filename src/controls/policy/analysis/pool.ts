import { Decimal } from '../cedar/decimal.ts';
import { IpAddress } from '../cedar/ip.ts';
import type { PatternElement } from '../cedar/like.ts';
import { isLong } from '../cedar/long.ts';
import { Datetime, Duration } from '../cedar/time.ts';
import { CedarRecord, CedarSet, Entity, type Value } from '../cedar/values.ts';
import { partsOf } from './globs.ts';

/** What policies compare a slot with: where one answer goes over into another. */
export class Pool {
  readonly texts = new Set<string>();
  readonly patterns: (readonly string[])[] = [];
  readonly longs = new Set<bigint>();
  /** Ten-thousandths. */
  readonly decimals = new Set<bigint>();
  readonly addresses: IpAddress[] = [];
  /** Milliseconds since the epoch, and of durations. */
  readonly times = new Set<bigint>();
  readonly spans = new Set<bigint>();
  /** Constructors that are applied to the slot's text: `ip`, `decimal`, `datetime`, `duration`. */
  readonly readAs = new Set<string>();

  add(value: Value): void {
    if (typeof value === 'string') this.texts.add(value);
    else if (isLong(value)) this.longs.add(BigInt(value));
    else if (value instanceof Decimal) this.decimals.add(BigInt(value.units));
    else if (value instanceof IpAddress) this.addresses.push(value);
    else if (value instanceof Datetime) this.times.add(BigInt(value.epoch_ms));
    else if (value instanceof Duration) this.spans.add(BigInt(value.ms));
    else if (value instanceof CedarSet) for (const element of value) this.add(element);
    else if (value instanceof Entity) this.texts.add(value.id);
    else if (value instanceof CedarRecord) {
      for (const field of value.fields.values()) if (isPlain(field)) this.add(field);
    }
  }

  addPattern(elements: readonly PatternElement[]): void {
    this.patterns.push(partsOf(elements));
  }

  /** Takes over all of another's: the two slots are compared with each other. */
  join(other: Pool): void {
    for (const text of other.texts) this.texts.add(text);
    this.patterns.push(...other.patterns);
    for (const long of other.longs) this.longs.add(long);
    for (const decimal of other.decimals) this.decimals.add(decimal);
    this.addresses.push(...other.addresses);
    for (const time of other.times) this.times.add(time);
    for (const span of other.spans) this.spans.add(span);
    for (const name of other.readAs) this.readAs.add(name);
  }
}

function isPlain(value: unknown): value is Value {
  return typeof value !== 'object' || [Entity, CedarSet, Decimal, IpAddress].some((kind) => value instanceof kind);
}
