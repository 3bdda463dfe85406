import type { JsonValue } from '../../../core/json.ts';
import { Decimal, formatDecimal } from '../cedar/decimal.ts';
import type { Environment } from '../cedar/environment.ts';
import { formatIp, IpAddress } from '../cedar/ip.ts';
import type { CedarJson } from '../cedar/json-values.ts';
import { normalizeLong } from '../cedar/long.ts';
import { Failure, Partial } from '../cedar/results.ts';
import type { PolicySource } from '../places.ts';
import { type Atom, atomsIn, gather, isUnderstood } from './atoms.ts';
import { type Assignment, type Cell, environmentFor, type Option } from './cell.ts';
import { samplesOf } from './globs.ts';
import { Pool } from './pool.ts';
import type { Slot, Slots } from './slots.ts';

/**
 * For each slot of a cell, values that stand for all: whatever else were sent there, every question of every policy would
 * have the answer that it has for one of these. `exact` is false where that is not certain.
 */
export type Options = { bySlot: ReadonlyMap<string, readonly Option[]>; exact: boolean; because: string };

/** More than this for one slot, and the combinations are more than can be walked. */
const OPTIONS_MAX = 300;
/** Members that a set may be asked for one by one. */
const MEMBERS_MAX = 7;

export function optionsOf(
  cell: Cell,
  slots: Slots,
  policies: readonly PolicySource[],
  slotsFor: (json: CedarJson) => readonly Slot[],
  listedOnly: boolean,
): Options {
  const atoms = atomsIn(policies, slotsFor);
  if (atoms === undefined) {
    return { bySlot: new Map(), exact: false, because: 'a policy is beyond what is compiled' };
  }
  return new Choosing(cell, slots, atoms, listedOnly).options();
}

class Choosing {
  readonly #cell: Cell;
  readonly #slots: Slots;
  readonly #atoms: readonly Atom[];
  readonly #listedOnly: boolean;
  readonly #pools = new Map<string, Pool>();
  readonly #groups = new Map<string, string[]>();
  #exact = true;
  #because = '';

  constructor(cell: Cell, slots: Slots, atoms: readonly Atom[], listedOnly: boolean) {
    this.#cell = cell;
    this.#slots = slots;
    this.#atoms = atoms;
    this.#listedOnly = listedOnly;
    for (const { key } of slots.slots) {
      this.#pools.set(key, new Pool());
      this.#groups.set(key, [key]);
    }
  }

  options(): Options {
    if (this.#slots.whole) this.#doubt('a policy compares the arguments as a whole');
    const nothing = environmentFor(this.#cell, this.#slots.slots, new Map());
    for (const atom of this.#atoms) this.#read(atom, nothing);
    const bySlot = new Map(this.#slots.slots.map((slot) => [slot.key, this.#optionsFor(slot)]));
    return { bySlot, exact: this.#exact, because: this.#because };
  }

  #doubt(because: string): void {
    this.#exact = false;
    this.#because ||= because;
  }

  #read(atom: Atom, environment: Environment): void {
    const pool = new Pool();
    if (atom.slots.length > 0 && !isUnderstood(atom, environment, pool)) {
      this.#doubt('a policy computes with arguments in a way that was only tried out');
    }
    gather(atom, environment, pool);
    for (const { key } of atom.slots) this.#pools.get(key)?.join(pool);
    const asksUnseen = JSON.stringify(atom.json).match(/"attr":"(?:nulls|unmapped)"/) !== null;
    if (atom.slots.length > 1 && !asksUnseen) this.#link(atom.slots.map(({ key }) => key));
  }

  #link(keys: readonly string[]): void {
    const group = [...new Set(keys.flatMap((key) => this.#groups.get(key) ?? []))];
    for (const key of group) this.#groups.set(key, group);
  }

  #optionsFor(slot: Slot): Option[] {
    const group = this.#groups.get(slot.key) ?? [slot.key];
    const pool = new Pool();
    for (const key of group) pool.join(this.#pools.get(key) as Pool);
    const values = this.#valuesOf(slot, pool, Math.min(group.length, 3));
    const chosen = this.#tellApart(slot, values, group);
    if (chosen.length > OPTIONS_MAX) this.#doubt(`there are more than ${OPTIONS_MAX} kinds of values for one argument`);
    return [...chosen.slice(0, OPTIONS_MAX), ...this.#without(slot)];
  }

  #without(slot: Slot): Option[] {
    const nullIsAbsence = !slot.optional && slot.nullable;
    const mayBeNull = slot.key.startsWith('args') && (slot.nullable || slot.optional || slot.kind === 'opaque');
    return [
      ...(slot.optional ? [{ kind: 'absent' } as const] : []),
      ...(mayBeNull && (this.#slots.nulls || nullIsAbsence) ? [{ kind: 'null' } as const] : []),
    ];
  }

  #valuesOf(slot: Slot, pool: Pool, distance: number): JsonValue[] {
    const fixed = this.#fixedValues(slot, pool);
    if (fixed !== undefined) return fixed;
    if (this.#listedOnly && slot.listed.length > 0 && slot.kind !== 'set') {
      return slot.listed.filter((value) => value !== null);
    }
    switch (slot.kind) {
      case 'string':
        return [...slot.listed.filter((value) => typeof value === 'string'), ...this.#texts(pool)];
      case 'long':
        return [...slot.listed, ...this.#longs(pool, distance)].filter(Number.isSafeInteger);
      case 'decimal':
        return [...slot.listed.filter((value) => typeof value === 'number'), ...decimals(pool, distance), 0.000_01];
      case 'boolean':
        return [true, false];
      case 'set':
        return this.#sets(slot, pool);
      case 'chain':
        return this.#chains(pool);
      case 'record':
      case 'opaque':
        return [{}];
    }
  }

  /** What identity grants is one of a few. */
  #fixedValues({ key }: Slot, pool: Pool): JsonValue[] | undefined {
    const { agent, principal } = this.#cell;
    if (key === 'credential.kind') return principal.type === 'Agent' ? ['dpop', 'mtls', 'bearer'] : ['child'];
    if (this.#cell.free !== true && key === 'run.job' && agent.jobs.length > 0) return [...agent.jobs];
    if (this.#cell.free !== true && key === 'run.purpose' && agent.purposes !== undefined) return [...agent.purposes];
    if (key === 'run.job') pool.texts.add('work');
    return undefined;
  }

  #texts(pool: Pool): JsonValue[] {
    const read = [...pool.readAs].flatMap((name) => textsRead(name, pool));
    if (pool.readAs.size > 1 || (pool.readAs.size > 0 && pool.patterns.some((parts) => parts.length > 1))) {
      this.#doubt('a policy reads one argument in several ways');
    }
    const { texts, complete } = samplesOf(pool.patterns, [...pool.texts]);
    if (!complete) this.#doubt('the patterns for one argument are too many to try all of their combinations');
    return [...texts, ...read];
  }

  #longs({ longs }: Pool, distance: number): number[] {
    const values = new Set<bigint>([0n, BigInt(Number.MAX_SAFE_INTEGER), BigInt(Number.MIN_SAFE_INTEGER)]);
    for (const long of longs) {
      for (let near = -distance; near <= distance; near += 1) values.add(long + BigInt(near));
    }
    return [...values].map(Number).filter(Number.isSafeInteger);
  }

  #sets(slot: Slot, pool: Pool): JsonValue[] {
    const named = this.#listedOnly && slot.listed.length > 0 ? [] : membersOf(slot, pool);
    const members = [...new Set([...slot.listed, ...named])].filter((value) => value !== null);
    if (members.length > MEMBERS_MAX) this.#doubt('a policy asks a list for many members');
    const few = members.slice(0, MEMBERS_MAX);
    const subsets = subsetsOf(few);
    const rest = members.slice(MEMBERS_MAX).map((member) => [member]);
    return [...subsets, ...rest, members];
  }

  #chains(pool: Pool): JsonValue[] {
    const { id } = this.#cell.agent;
    const named = [...pool.texts].filter((text) => text !== id);
    if (named.length > MEMBERS_MAX) this.#doubt('policies ask for many agents of a delegation');
    const sets = subsetsOf([...named.slice(0, MEMBERS_MAX), 'another-agent']) as string[][];
    const depths = [...pool.longs].flatMap((long) => [Number(long) - 1, Number(long), Number(long) + 1]);
    const chains = sets.flatMap((others) => {
      const actors = [...others, id];
      const possible = new Set([actors.length, ...depths.filter((depth) => depth >= actors.length && depth <= 16)]);
      return [...possible].map((depth) => ({ depth, actors }));
    });
    return [{ depth: 0, actors: [] }, ...chains];
  }

  /** One value for each combination of answers; as many as there are slots that it may be compared with. */
  #tellApart(slot: Slot, values: readonly JsonValue[], group: readonly string[]): Option[] {
    const linked = this.#slots.slots.filter(({ key, kind }) => group.includes(key) && kind === slot.kind);
    const atoms = linked.map((one) =>
      this.#atoms.filter(({ slots }) => slots.length === 1 && slots[0]?.key === one.key),
    );
    const kept = new Map<string, number>();
    const seen = new Set<string>();
    const options: Option[] = [];
    for (const json of values) {
      const text = JSON.stringify(json);
      if (seen.has(text)) continue;
      seen.add(text);
      const option: Option = { kind: 'value', json };
      const answers = linked.map((one, at) => this.#answers(one, option, atoms[at] ?? []));
      const count = kept.get(answers.join('|')) ?? 0;
      if (count >= Math.min(linked.length, 3)) continue;
      kept.set(answers.join('|'), count + 1);
      options.push(option);
    }
    return options;
  }

  #answers(slot: Slot, option: Option, atoms: readonly Atom[]): string {
    const assignment: Assignment = new Map([...parentsOf(slot, this.#slots.slots), [slot.key, option]]);
    const environment = environmentFor(this.#cell, this.#slots.slots, assignment);
    const hidden = slot.kind === 'decimal' && option.kind === 'value' && option.json === 0.000_01;
    return atoms.map(({ evaluate }) => answerOf(evaluate(environment))).join('') + (hidden ? 'h' : '');
  }
}

function answerOf(result: unknown): string {
  if (result === true) return 't';
  if (result === false) return 'f';
  if (result instanceof Failure) return result.kind === 'unmapped' ? 'u' : 'e';
  return result instanceof Partial ? '?' : `v`;
}

function parentsOf(slot: Slot, slots: readonly Slot[]): [string, Option][] {
  const parent = slots.find(({ key }) => key === slot.parent);
  return parent === undefined ? [] : [...parentsOf(parent, slots), [parent.key, { kind: 'value', json: {} }]];
}

function subsetsOf(members: readonly JsonValue[]): JsonValue[][] {
  const count = 2 ** members.length;
  return Array.from({ length: count }, (_, bits) => members.filter((_member, at) => ((bits >> at) & 1) === 1));
}

function membersOf({ element }: Slot, pool: Pool): JsonValue[] {
  if (element === 'string') return [...pool.texts, 'another'];
  if (element === 'long') return [...[...pool.longs].map(Number).filter(Number.isSafeInteger), 12_345];
  if (element === 'boolean') return [true, false];
  return element === 'decimal' ? [...decimals(pool, 0), 12_345.5] : [];
}

function decimals({ decimals: units }: Pool, distance: number): number[] {
  const values = [...units].flatMap((unit) => nearby(unit, distance).map((near) => Number(near) / 10_000));
  return [0, ...values].filter((value) => Number.isSafeInteger(Math.round(value * 10_000)));
}

function nearby(middle: bigint, distance: number): bigint[] {
  const found: bigint[] = [];
  for (let near = -distance; near <= distance; near += 1) found.push(middle + BigInt(near));
  return found;
}

const NOT_READ = 'neither one nor the other';

/** Texts that become the values next to those that policies name, and one that becomes none. */
function textsRead(name: string, pool: Pool): string[] {
  if (name === 'ip') return [...addressTexts(pool), NOT_READ];
  if (name === 'decimal') {
    const units = [0n, ...pool.decimals].flatMap((unit) => nearby(unit, 1));
    const longs = units.flatMap((unit) => normalizeLong(unit) ?? []);
    return [...longs.map((long) => formatDecimal(new Decimal(long))), NOT_READ];
  }
  if (name === 'duration') {
    return [...[0n, ...pool.spans].flatMap((span) => nearby(span, 1).map((ms) => `${ms}ms`)), NOT_READ];
  }
  return [...[0n, ...pool.times].flatMap((time) => nearby(time, 1).flatMap(timeText)), NOT_READ];
}

function timeText(ms: bigint): string[] {
  const date = new Date(Number(ms));
  return Number.isNaN(date.getTime()) || date.getUTCFullYear() > 9_999 || date.getUTCFullYear() < 0
    ? []
    : [date.toISOString()];
}

const WELL_KNOWN = [
  new IpAddress(4, 0x7f000000n, 8),
  new IpAddress(4, 0xe0000000n, 4),
  new IpAddress(6, 1n, 128),
  new IpAddress(6, 0xff00n << 112n, 8),
  new IpAddress(4, 0x01020304n, 32),
  new IpAddress(6, 0x2001n << 112n, 128),
];

/** Ranges lie within each other or apart, so their ends and what is next to these meet every combination of them. */
function addressTexts({ addresses }: Pool): string[] {
  return [...addresses, ...WELL_KNOWN].flatMap((range) => {
    const { version, prefix, bits } = range;
    const size = 1n << BigInt(bits - prefix);
    const first = (range.address / size) * size;
    const ends = [first - 1n, first, first + size - 1n, first + size];
    const inside = ends.filter((address) => address >= 0n && address < 1n << BigInt(bits));
    const prefixes = [prefix - 1, prefix + 1].filter((length) => length >= 0 && length <= bits);
    const whole = [range, ...prefixes.map((length) => new IpAddress(version, range.address, length))];
    return [...inside.map((address) => new IpAddress(version, address, bits)), ...whole].map(plainAddress);
  });
}

/** `10.0.0.1` and not `10.0.0.1/32`. */
function plainAddress(address: IpAddress): string {
  const text = formatIp(address);
  return address.prefix === address.bits ? text.slice(0, text.lastIndexOf('/')) : text;
}
