import type { JsonObject, JsonValue } from '../../../core/json.ts';
import type { ArgumentField, ArgumentRecord, ArgumentType } from '../argument-types.ts';
import type { CedarJson } from '../cedar/json-values.ts';
import type { PolicySource } from '../places.ts';
import { ACTIONS } from '../vocabulary.ts';
import { type Chain, chainsIn, literalsIn } from './expression.ts';
import { listedValues, propertyOf } from './vocabulary-hints.ts';

/**
 * A place of a request that policies look at and that differs from request to request: an argument, the run's job, the
 * subject. Everything else of a cell is fixed, or makes no difference.
 */
export type Slot = {
  key: string;
  kind: ArgumentType['kind'] | 'chain';
  /** Of a set: what it holds. */
  element: ArgumentType['kind'] | undefined;
  optional: boolean;
  nullable: boolean;
  /** The record that it lies in, where that may be absent. */
  parent: string | undefined;
  /** What the tool's schema lists. */
  listed: readonly JsonValue[];
};

export type Slots = {
  slots: readonly Slot[];
  /** What is looked at in a way that its slots do not tell apart. */
  whole: boolean;
  /** Whether a policy asks which arguments are null, so that null and absent differ. */
  nulls: boolean;
};

const SEPARATOR = '\u001f';

export function below(prefix: string, name: string): string {
  return `${prefix}${SEPARATOR}${name}`;
}

/** The name that `key` has directly below `prefix`; undefined where it lies elsewhere. */
export function nameBelow(prefix: string, key: string): string | undefined {
  if (!key.startsWith(prefix + SEPARATOR)) return undefined;
  const name = key.slice(prefix.length + 1);
  return name.includes(SEPARATOR) ? undefined : name;
}

/** For people: `context.args.filter.name`. */
export function slotName(key: string): string {
  return `context.${key.replaceAll(SEPARATOR, '.')}`;
}

/** @param schema the tool's, for the values that it lists. */
export function slotsOf(
  conditions: readonly CedarJson[],
  action: string,
  args: ArgumentRecord,
  schema: JsonObject | undefined,
): Slots {
  const reading = new Reading(ACTIONS[action]?.args === 'declared' ? args : NO_ARGUMENTS, schema);
  for (const condition of conditions) {
    const chains = chainsIn(condition);
    for (const chain of chains) reading.chain(chain);
    if (chains.some(({ root, names }) => root === 'context' && names[0] === 'unmapped')) reading.undeclared(condition);
  }
  return { slots: [...reading.slots.values()], whole: reading.whole, nulls: reading.nulls };
}

const NO_ARGUMENTS: ArgumentRecord = { kind: 'record', fields: new Map(), open: false };

export function conditionsOf(policy: PolicySource): CedarJson[] {
  return policy.json.conditions.map(({ body }) => body as CedarJson);
}

const TEXT = { kind: 'string', element: undefined, nullable: false, listed: [] } as const;
const RUN: Readonly<Record<string, readonly Slot[]>> = {
  id: [{ ...TEXT, key: 'run.id', optional: false, parent: undefined }],
  job: [{ ...TEXT, key: 'run.job', optional: false, parent: undefined }],
  opened_by: [{ ...TEXT, key: 'run.opened_by', optional: false, parent: undefined }],
  purpose: [{ ...TEXT, key: 'run.purpose', optional: true, parent: undefined }],
};
const SUBJECT: Slot = { ...TEXT, key: 'run.subject', kind: 'record', optional: true, parent: undefined };
const CREDENTIAL: Slot = { ...TEXT, key: 'credential.kind', optional: false, parent: undefined };
const CHAIN: Slot = { ...TEXT, key: 'chain', kind: 'chain', optional: false, parent: undefined };

class Reading {
  readonly slots = new Map<string, Slot>();
  whole = false;
  nulls = false;
  readonly #args: ArgumentRecord;
  readonly #schema: JsonObject | undefined;

  constructor(args: ArgumentRecord, schema: JsonObject | undefined) {
    this.#args = args;
    this.#schema = schema;
  }

  chain({ root, names, asked }: Chain): void {
    if (root !== 'context') return;
    const [first, ...rest] = names;
    if (first === undefined) this.whole ||= !asked;
    else if (first === 'args') this.#argument(rest, asked);
    else if (first === 'run') this.#run(rest, asked);
    else if (first === 'chain') this.#add(CHAIN);
    else if (first === 'credential') this.#add(CREDENTIAL);
    else if (first === 'nulls' || first === 'unmapped') this.#unseen(first);
  }

  #add(slot: Slot): void {
    if (!this.slots.has(slot.key)) this.slots.set(slot.key, slot);
  }

  #run([name, part]: readonly string[], asked: boolean): void {
    if (name === 'subject') {
      this.#add(SUBJECT);
      for (const inside of part === undefined ? ['id', 'name'] : [part]) {
        if (inside !== 'id' && inside !== 'name') continue;
        if (part === undefined && asked) continue;
        this.#add({ ...TEXT, key: `run.subject.${inside}`, optional: false, parent: 'run.subject' });
      }
    } else if (name === undefined) this.whole ||= !asked;
    else for (const slot of RUN[name] ?? []) this.#add(slot);
  }

  /** Which arguments are null, or hidden, depends on all that may be. */
  #unseen(list: 'nulls' | 'unmapped'): void {
    if (list === 'nulls') this.nulls = true;
    this.#everything(this.#args, 'args', undefined, this.#schema);
  }

  /** A schema that allows more than it declares: what a policy asks for by name may be sent, and cannot be read. */
  undeclared(condition: CedarJson): void {
    if (!this.#args.open) return;
    const names = literalsIn(condition).flatMap((literal) => (literal.kind === 'value' ? textOf(literal.json) : []));
    for (const name of [...names, 'undeclared']) {
      if (!this.#args.fields.has(name)) {
        this.#add({ ...TEXT, key: below('args', name), kind: 'opaque', optional: true, parent: undefined });
      }
    }
  }

  #everything(
    record: ArgumentRecord,
    prefix: string,
    parent: string | undefined,
    schema: JsonObject | undefined,
  ): void {
    for (const [name, field] of record.fields) {
      const key = below(prefix, name);
      this.#add(slotOf(key, field, parent, propertyOf(schema, name)));
      if (field.type.kind === 'record') this.#everything(field.type, key, key, propertyOf(schema, name));
    }
  }

  #argument(names: readonly string[], asked: boolean): void {
    // Arguments are always there, be it none of them.
    if (names.length === 0 && asked) return;
    let record = this.#args;
    let prefix = 'args';
    let parent: string | undefined;
    let schema = this.#schema;
    for (const [at, name] of names.entries()) {
      const key = below(prefix, name);
      const field = record.fields.get(name);
      if (field === undefined) {
        if (record.open) this.#add({ ...TEXT, key, kind: 'opaque', optional: true, parent });
        return;
      }
      schema = propertyOf(schema, name);
      const certain = field.type.kind === 'record' && field.required && !field.nullable;
      if (!certain) this.#add(slotOf(key, field, parent, schema));
      if (field.type.kind !== 'record') return;
      if (at === names.length - 1 && asked) return;
      if (!certain) parent = key;
      [record, prefix] = [field.type, key];
    }
    // Compared as a whole.
    this.whole = true;
    this.#everything(record, prefix, parent, schema);
  }
}

/** One that is written `a.b` lies deeper, where only what is declared is looked at. */
function textOf(json: CedarJson): string[] {
  return typeof json === 'string' && /^[A-Za-z_][A-Za-z0-9_]*$/.test(json) ? [json] : [];
}

function slotOf(
  key: string,
  { type, required, nullable }: ArgumentField,
  parent: string | undefined,
  schema: JsonObject | undefined,
): Slot {
  const element = type.kind === 'set' ? type.element.kind : undefined;
  return { key, kind: type.kind, element, optional: !required, nullable, parent, listed: listedValues(schema) };
}
