import { Decimal, formatDecimal } from './decimal.ts';
import { formatIp, IpAddress } from './ip.ts';
import { Failure, type Partial, type Result } from './results.ts';
import { Datetime, Duration } from './time.ts';

type Scalar = boolean | string | number | bigint;
export type Value = Scalar | Entity | CedarSet | CedarRecord | Decimal | IpAddress | Datetime | Duration;
type Composite = Exclude<Value, Scalar>;

/** A reference; what is known of the entity stands in the request's `EntityStore`. */
export class Entity {
  readonly type: string;
  readonly id: string;
  /** Injective, since a type name holds no NUL. */
  readonly key: string;
  constructor(type: string, id: string) {
    this.type = type;
    this.id = id;
    this.key = `${type}\u0000${id}`;
  }
}

export function entityOfKey(key: string): Entity {
  const at = key.indexOf('\u0000');
  return new Entity(key.slice(0, at), key.slice(at + 1));
}

type Members = { scalars: ReadonlySet<Scalar>; composites: ReadonlyMap<string, Composite> };

/** Elements once each, compared by value. Most sets of a request are never asked, so members are sorted out when one is. */
export class CedarSet {
  readonly #elements: readonly Value[];
  #members: Members | undefined;
  #key: string | undefined;

  constructor(elements: readonly Value[]) {
    this.#elements = elements;
  }

  get size(): number {
    const { scalars, composites } = this.#sorted();
    return scalars.size + composites.size;
  }

  has(value: Value): boolean {
    const { scalars, composites } = this.#sorted();
    return typeof value === 'object' ? composites.has(keyOf(value)) : scalars.has(value);
  }

  *[Symbol.iterator](): IterableIterator<Value> {
    const { scalars, composites } = this.#sorted();
    yield* scalars;
    yield* composites.values();
  }

  get key(): string {
    this.#key ??= `set${JSON.stringify([...this].map(keyOf).sort())}`;
    return this.#key;
  }

  #sorted(): Members {
    this.#members ??= membersOf(this.#elements);
    return this.#members;
  }
}

function membersOf(elements: readonly Value[]): Members {
  const scalars = new Set<Scalar>();
  const composites = new Map<string, Composite>();
  for (const element of elements) {
    if (typeof element === 'object') composites.set(keyOf(element), element);
    else scalars.add(element);
  }
  return { scalars, composites };
}

/**
 * A field may be a `Failure` (there, but not for policy to see) or unknown. `hidden` is then what comes of looking at the
 * record as a whole, by comparing it: that would decide on what policy does not know.
 */
export class CedarRecord {
  readonly fields: ReadonlyMap<string, Result>;
  readonly hidden: Failure | Partial | undefined;
  #key: string | undefined;

  constructor(fields: ReadonlyMap<string, Result>, hidden?: Failure | Partial) {
    this.fields = fields;
    this.hidden = hidden;
  }

  get key(): string {
    this.#key ??= `record${JSON.stringify(
      [...this.fields]
        .map(([name, value]): [string, string] => [name, keyOf(value as Value)])
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    )}`;
    return this.#key;
  }
}

/** Two values are equal in Cedar exactly where their keys are. */
export function keyOf(value: Value): string {
  if (typeof value === 'string') return `"${value}`;
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (typeof value !== 'object') return `i${value}`;
  if (value instanceof Entity) return `e${value.key}`;
  if (value instanceof CedarSet || value instanceof CedarRecord) return value.key;
  if (value instanceof Decimal) return `d${value.units}`;
  if (value instanceof Datetime) return `at${value.epoch_ms}`;
  if (value instanceof Duration) return `for${value.ms}`;
  return `ip${value.version}:${value.address}/${value.prefix}`;
}

export function equalValues(left: Value, right: Value): boolean {
  if (typeof left !== 'object' || typeof right !== 'object') return left === right;
  if (left instanceof Entity && right instanceof Entity) return left.key === right.key;
  return keyOf(left) === keyOf(right);
}

export function typeName(value: Value): string {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value !== 'object') return 'long';
  if (value instanceof Entity) return `(entity of type \`${value.type}\`)`;
  if (value instanceof CedarSet) return 'set';
  if (value instanceof CedarRecord) return 'record';
  if (value instanceof Decimal) return 'decimal';
  if (value instanceof IpAddress) return 'ipaddr';
  return value instanceof Datetime ? 'datetime' : 'duration';
}

/** Cedar text of the value, for people. */
export function describeValue(value: Result): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value !== 'object') return String(value);
  if (value instanceof Entity) return `${value.type}::${JSON.stringify(value.id)}`;
  if (value instanceof CedarSet) return `[${[...value].map(describeValue).join(', ')}]`;
  if (value instanceof CedarRecord) {
    return `{${[...value.fields].map(([name, field]) => `${JSON.stringify(name)}: ${describeValue(field)}`).join(', ')}}`;
  }
  if (value instanceof Decimal) return `decimal("${formatDecimal(value)}")`;
  if (value instanceof IpAddress) return `ip("${formatIp(value)}")`;
  if (value instanceof Datetime) return `datetime(${value.epoch_ms} ms)`;
  if (value instanceof Duration) return `duration("${value.ms}ms")`;
  return value instanceof Failure && value.kind === 'error' ? '(absent)' : '(cannot be read by policy)';
}
