import type { JsonObject, JsonValue } from '../../../core/json.ts';
import type { Refusal } from '../../../core/refusal.ts';
import { mirroredArguments } from './mirrored.ts';
import { META, RPC, refuseAs } from './wire.ts';

/**
 * Header fields as they arrived. A field that arrived more than once is joined with a comma, so that no reader takes the
 * first where another takes the last: whatever is checked against it then fails.
 */
export type Fields = {
  authorization: string | undefined;
  proofs: readonly string[];
  host: string | undefined;
  origin: string | undefined;
  accept: string | undefined;
  content_type: string | undefined;
  content_encoding: string | undefined;
  content_length: string | undefined;
  traceparent: string | undefined;
  version: string | undefined;
  method: string | undefined;
  name: string | undefined;
  session: string | undefined;
  last_event: string | undefined;
  /** `Mcp-Param-*`, names in lower case. */
  params: ReadonlyMap<string, string>;
};

type Singles = Omit<Fields, 'proofs' | 'params'>;

const PARAM_PREFIX = 'mcp-param-';

const FIELD_KEYS: ReadonlyMap<string, keyof Singles> = new Map([
  ['authorization', 'authorization'],
  ['host', 'host'],
  ['origin', 'origin'],
  ['accept', 'accept'],
  ['content-type', 'content_type'],
  ['content-encoding', 'content_encoding'],
  ['content-length', 'content_length'],
  ['traceparent', 'traceparent'],
  ['mcp-protocol-version', 'version'],
  ['mcp-method', 'method'],
  ['mcp-name', 'name'],
  ['mcp-session-id', 'session'],
  ['last-event-id', 'last_event'],
]);

/** `raw` as node:http gives it: names and values in turn. Its parsed form hides repetitions. */
export function readFields(raw: readonly string[]): Fields {
  const fields = { ...ABSENT };
  let proofs: string[] | undefined;
  let params: Map<string, string> | undefined;
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = (raw[at] as string).toLowerCase();
    const value = raw[at + 1] as string;
    const key = FIELD_KEYS.get(name);
    if (key !== undefined) fields[key] = joined(fields[key], value);
    else if (name === 'dpop') {
      proofs ??= [];
      proofs.push(value);
    } else if (name.startsWith(PARAM_PREFIX)) {
      params ??= new Map();
      params.set(name, joined(params.get(name), value));
    }
  }
  if (proofs !== undefined) fields.proofs = proofs;
  if (params !== undefined) fields.params = params;
  return fields;
}

function joined(earlier: string | undefined, value: string): string {
  return earlier === undefined ? value : `${earlier}, ${value}`;
}

const ABSENT: Fields = {
  ...(Object.fromEntries([...FIELD_KEYS.values()].map((key) => [key, undefined])) as Singles),
  proofs: [],
  params: new Map(),
};

/** Where `Mcp-Name` is required, and what of the body it repeats. */
const NAMED: ReadonlyMap<string, 'name' | 'uri'> = new Map([
  ['tools/call', 'name'],
  ['resources/read', 'uri'],
  ['prompts/get', 'name'],
]);

/**
 * 2026-07-28, "Server validation": what a header repeats of the body must agree with it. Otherwise something in between
 * that routes by the header and something that acts by the body see two requests.
 */
export function checkStandardFields(fields: Fields, method: string, params: JsonObject): Refusal | undefined {
  const meta = params['_meta'] as JsonObject;
  if (fields.version !== meta[META.version]) return mismatch('MCP-Protocol-Version', fields.version);
  if (fields.method !== method) return mismatch('Mcp-Method', fields.method);
  const source = NAMED.get(method);
  if (source === undefined) return undefined;
  const named = fields.name === undefined ? undefined : decodeField(fields.name);
  return named === undefined || named !== params[source] ? mismatch('Mcp-Name', fields.name) : undefined;
}

/** `Mcp-Param-*` fields that the tool's schema declares must repeat the arguments; others are none of ours. */
export function checkMirroredFields(fields: Fields, schema: JsonObject, args: JsonObject): Refusal | undefined {
  for (const { field, path } of mirroredArguments(schema)) {
    const sent = fields.params.get(field);
    const value = valueAt(args, path);
    if (value === undefined || value === null) {
      if (sent !== undefined) return mismatch(field, sent);
    } else if (sent === undefined || !agrees(sent, value)) return mismatch(field, sent);
  }
  return undefined;
}

/** The same fields as they go upstream: what the schema declares from the body, what it does not know as it came. */
export function mirroredFields(fields: Fields, schema: JsonObject, args: JsonObject): Record<string, string> {
  const sent: Record<string, string> = {};
  for (const [name, value] of fields.params) sent[name] = value;
  for (const { field, path } of mirroredArguments(schema)) {
    const value = valueAt(args, path);
    if (value === undefined || value === null) delete sent[field];
    else sent[field] = encodeField(String(value));
  }
  return sent;
}

function agrees(sent: string, value: JsonValue): boolean {
  const text = decodeField(sent);
  if (text === undefined) return false;
  if (typeof value === 'string') return text === value;
  if (typeof value === 'boolean') return text === String(value);
  return typeof value === 'number' && /^-?\d+(?:\.\d+)?$/.test(text) && Number(text) === value;
}

function valueAt(args: JsonObject, path: readonly string[]): JsonValue | undefined {
  let value: JsonValue | undefined = args;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, key))
      return undefined;
    value = value[key];
  }
  return value;
}

const SENTINEL = /^=\?base64\?(.*)\?=$/s;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const PLAIN = /^[\t\x20-\x7e]*$/;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @returns the value that the field stands for, or undefined where it has none: bad base64, or other than ASCII. */
export function decodeField(value: string): string | undefined {
  if (!PLAIN.test(value)) return undefined;
  const encoded = SENTINEL.exec(value)?.[1];
  if (encoded === undefined) return value;
  if (!BASE64.test(encoded)) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  // Bits behind the last byte that a decoder drops would let one value be written in two ways.
  if (bytes.toString('base64') !== encoded) return undefined;
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

export function encodeField(value: string): string {
  const plain = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/.test(value) && !SENTINEL.test(value);
  return plain ? value : `=?base64?${Buffer.from(value, 'utf8').toString('base64')}?=`;
}

export function mismatch(field: string, sent: string | undefined): Refusal {
  const reason = sent === undefined ? `${field} is missing` : `${field} is ${JSON.stringify(sent)}`;
  return refuseAs({ code: RPC.header_mismatch }, 'header_mismatch', reason, {
    public: `The header ${field} is missing or does not match the body.`,
  });
}
