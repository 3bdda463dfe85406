import type { JsonObject, JsonValue } from '../../../core/json.ts';

/**
 * The messages of the SPIFFE Workload API in protobuf: strings, bytes, maps of them, and the JSON of google.protobuf.Struct.
 * A reader for so little is smaller than any library's, and fails where it does not understand.
 */
type Field = { number: number; bytes: Buffer };

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/** Length-delimited fields in their order; numbers are passed over. Undefined where the message is not well formed. */
export function readFields(message: Buffer): Field[] | undefined {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = message[at++];
      if (byte === undefined) return -1;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return -1;
  };
  while (at < message.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    const length = tag < 8 ? -1 : lengthOf(tag % 8, varint);
    if (length < 0 || at + length > message.length) return undefined;
    if (tag % 8 === LENGTH_DELIMITED) fields.push({ number, bytes: message.subarray(at, at + length) });
    at += length;
  }
  return fields;
}

function lengthOf(wire: number, varint: () => number): number {
  if (wire === LENGTH_DELIMITED) return varint();
  if (wire === VARINT) return varint() < 0 ? -1 : 0;
  if (wire === FIXED64) return 8;
  return wire === FIXED32 ? 4 : -1;
}

/** Proto3, "Strings": UTF-8 or nothing. */
function textOf(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function texts(fields: readonly Field[], number: number): string[] | undefined {
  const read = fields.filter((field) => field.number === number).map(({ bytes }) => textOf(bytes));
  return read.includes(undefined) ? undefined : (read as string[]);
}

/** The last one counts (proto3, "Last One Wins"); absent is empty. */
function text(fields: readonly Field[], number: number): string | undefined {
  const all = texts(fields, number);
  return all === undefined ? undefined : (all.at(-1) ?? '');
}

export function readJwtSvidRequest(message: Buffer): { audience: string[]; id: string } | undefined {
  const fields = readFields(message);
  const audience = fields && texts(fields, 1);
  const id = fields && text(fields, 2);
  return audience === undefined || id === undefined ? undefined : { audience, id };
}

export function readValidateRequest(message: Buffer): { audience: string; svid: string } | undefined {
  const fields = readFields(message);
  const audience = fields && text(fields, 1);
  const svid = fields && text(fields, 2);
  return audience === undefined || svid === undefined ? undefined : { audience, svid };
}

export type X509SvidMessage = { id: string; certificate: Uint8Array; private_key: Uint8Array; bundle: Uint8Array };

export function writeX509Svid(svid: X509SvidMessage, federated: Readonly<Record<string, Uint8Array>>): Buffer {
  const one = Buffer.concat([
    field(1, svid.id),
    field(2, svid.certificate),
    field(3, svid.private_key),
    field(4, svid.bundle),
  ]);
  return Buffer.concat([field(1, one), map(3, federated)]);
}

/** What the command line reads back. */
export function readX509Svid(
  message: Buffer,
): (X509SvidMessage & { federated: ReadonlyMap<string, Buffer> }) | undefined {
  const outer = readFields(message);
  const first = outer?.find(({ number }) => number === 1);
  const inner = first && readFields(first.bytes);
  if (outer === undefined || inner === undefined) return undefined;
  const bytes = (number: number): Buffer => inner.findLast((one) => one.number === number)?.bytes ?? Buffer.alloc(0);
  const federated = new Map<string, Buffer>();
  for (const { number, bytes: entry } of outer) {
    const pair = number === 3 ? readFields(entry) : undefined;
    const key = pair && text(pair, 1);
    if (pair !== undefined && key)
      federated.set(key, pair.findLast((one) => one.number === 2)?.bytes ?? Buffer.alloc(0));
  }
  const id = text(inner, 1);
  if (id === undefined || id === '') return undefined;
  return { id, certificate: bytes(2), private_key: bytes(3), bundle: bytes(4), federated };
}

export function writeX509Bundles(bundles: Readonly<Record<string, Uint8Array>>): Buffer {
  return map(2, bundles);
}

export function writeJwtSvid({ id, svid }: { id: string; svid: string }): Buffer {
  return field(1, Buffer.concat([field(1, id), field(2, svid)]));
}

export function writeJwtBundles(bundles: Readonly<Record<string, JsonObject>>): Buffer {
  const encoded = Object.entries(bundles).map(([id, bundle]) => [id, Buffer.from(JSON.stringify(bundle))] as const);
  return map(1, Object.fromEntries(encoded));
}

export function writeValidated({ id, claims }: { id: string; claims: JsonObject }): Buffer {
  return Buffer.concat([field(1, id), field(2, struct(claims))]);
}

function map(number: number, entries: Readonly<Record<string, Uint8Array>>): Buffer {
  return Buffer.concat(
    Object.entries(entries).map(([key, value]) => field(number, Buffer.concat([field(1, key), field(2, value)]))),
  );
}

function field(number: number, value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value as Uint8Array);
  return Buffer.concat([varintOf(number * 8 + LENGTH_DELIMITED), varintOf(bytes.length), bytes]);
}

function varintOf(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 128)) bytes.push((left % 128) | 0x80);
  return Buffer.from([...bytes, left]);
}

/** google.protobuf.Struct: a map from names to values. */
function struct(members: JsonObject): Buffer {
  return Buffer.concat(
    Object.entries(members).map(([key, value]) =>
      field(1, Buffer.concat([field(1, key), field(2, encodedValue(value))])),
    ),
  );
}

function encodedValue(value: JsonValue): Buffer {
  if (value === null) return Buffer.concat([varintOf(1 * 8 + VARINT), varintOf(0)]);
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value);
    return Buffer.concat([varintOf(2 * 8 + FIXED64), bytes]);
  }
  if (typeof value === 'string') return field(3, value);
  if (typeof value === 'boolean') return Buffer.concat([varintOf(4 * 8 + VARINT), varintOf(value ? 1 : 0)]);
  if (Array.isArray(value)) return field(6, Buffer.concat(value.map((one) => field(1, encodedValue(one)))));
  return field(5, struct(value));
}
