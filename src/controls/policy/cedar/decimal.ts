import { type Long, normalizeLong } from './long.ts';
import { Failure } from './results.ts';

/** Cedar's decimal: a Long of ten-thousandths. */
export class Decimal {
  readonly units: Long;
  constructor(units: Long) {
    this.units = units;
  }
}

const DECIMAL = /^(-?)([0-9]+)\.([0-9]+)$/;
const DIGITS_MAX = 4;

export function parseDecimal(text: string): Decimal | Failure {
  const found = DECIMAL.exec(text);
  if (found === null) return new Failure(`\`${text}\` is not a well-formed decimal value`);
  const [, sign = '', whole = '', fraction = ''] = found;
  if (fraction.length > DIGITS_MAX) return new Failure(`too many digits after the decimal in \`${text}\``);
  const units = normalizeLong(BigInt(sign + whole + fraction.padEnd(DIGITS_MAX, '0')));
  return units === undefined ? new Failure('overflow when converting to decimal') : new Decimal(units);
}

export function formatDecimal(value: Decimal): string {
  const units = BigInt(value.units);
  const digits = (units < 0n ? -units : units).toString().padStart(DIGITS_MAX + 1, '0');
  const fraction = digits.slice(-DIGITS_MAX).replace(/0+$/, '') || '0';
  return `${units < 0n ? '-' : ''}${digits.slice(0, -DIGITS_MAX)}.${fraction}`;
}
