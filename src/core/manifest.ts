import { hash } from 'node:crypto';
import type { JsonObject, JsonValue } from './json.ts';
import { isJsonObject } from './json.ts';

/** What an upstream says it offers, as the gateway last read it. Claims, never facts: policy reads schemas only. */
export type ToolDefinition = {
  server: string;
  name: string;
  inputSchema: JsonObject;
  /** The definition as the upstream gave it, parsed; passed on to agents, never interpreted. */
  raw: JsonObject;
};

export type ResourceDefinition = { server: string; uri: string; raw: JsonObject };
export type ResourceTemplateDefinition = { server: string; uriTemplate: string; raw: JsonObject };
export type PromptDefinition = { server: string; name: string; raw: JsonObject };

export type ServerCatalog = {
  server: string;
  tools: readonly ToolDefinition[];
  resources: readonly ResourceDefinition[];
  templates: readonly ResourceTemplateDefinition[];
  prompts: readonly PromptDefinition[];
  /** SHA-256, hex, over the canonical form of all of it. */
  digest: string;
};

/**
 * What a manifest has digests of. `origin`: where the server is and with which key, or which program and package it is.
 * `server`: what it says of itself, instructions included. Both are one for each server and have no name.
 */
export const MANIFEST_KINDS = ['origin', 'server', 'tool', 'prompt', 'template'] as const;
export type ManifestKind = (typeof MANIFEST_KINDS)[number];

export type ManifestPart = { kind: ManifestKind; name: string; definition: JsonObject; digest: string };

/** All that identifies an MCP server. */
export type ServerManifest = { server: string; parts: readonly ManifestPart[] };

/** What a request rests on, as its server offers it now: the last is what it names, a tool, a prompt, or the server. */
export type Offered = { server: string; parts: readonly Pick<ManifestPart, 'kind' | 'name' | 'digest'>[] };

export function manifestPart(kind: ManifestKind, name: string, definition: JsonObject): ManifestPart {
  return { kind, name, definition, digest: hash('sha256', canonicalText(definition), 'hex') };
}

/**
 * JSON in one form: members in order, text in Unicode's normal form C. What differs otherwise is another definition, also
 * where a reader would see no difference.
 */
export function canonicalText(value: JsonValue): string {
  return JSON.stringify(canonical(value));
}

function canonical(value: JsonValue): JsonValue {
  if (typeof value === 'string') return value.normalize('NFC');
  if (Array.isArray(value)) return value.map(canonical);
  if (!isJsonObject(value)) return value;
  const keys = Object.keys(value);
  const normal = keys.map((key) => key.normalize('NFC'));
  // Two names that become one would hide a member behind the other: such an object keeps the names that it has.
  const names = new Set(normal).size === keys.length ? normal : keys;
  const order = keys.map((key, at) => [names[at] as string, value[key] as JsonValue] as const);
  order.sort(([a], [b]) => (a < b ? -1 : 1));
  const out: JsonObject = Object.create(null);
  for (const [name, member] of order) out[name] = canonical(member);
  return out;
}

/** One difference of two definitions: a JSON pointer (RFC 6901), and what stands there; undefined where nothing does. */
export type Difference = { path: string; before: JsonValue | undefined; after: JsonValue | undefined };

const DIFFERENCES_MAX = 200;

/** Where two definitions differ, compared in canonical form: at most `DIFFERENCES_MAX`, the first in order of their place. */
export function differencesOf(before: JsonValue | undefined, after: JsonValue | undefined): Difference[] {
  const found: Difference[] = [];
  compare(before === undefined ? before : canonical(before), after === undefined ? after : canonical(after), '', found);
  return found;
}

function compare(before: JsonValue | undefined, after: JsonValue | undefined, path: string, found: Difference[]): void {
  if (found.length >= DIFFERENCES_MAX) return;
  if (!isContainer(before) || !isContainer(after) || Array.isArray(before) !== Array.isArray(after)) {
    if (before === after) return;
    if (isContainer(before) && isContainer(after) && canonicalText(before) === canonicalText(after)) return;
    found.push({ path, before, after });
    return;
  }
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  for (const key of [...keys].sort(byPlace)) {
    const inside = `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    compare(memberOf(before, key), memberOf(after, key), inside, found);
  }
}

function isContainer(value: JsonValue | undefined): value is JsonObject | JsonValue[] {
  return typeof value === 'object' && value !== null;
}

function memberOf(container: JsonObject | JsonValue[], key: string): JsonValue | undefined {
  return Object.hasOwn(container, key) ? (container as JsonObject)[key] : undefined;
}

function byPlace(a: string, b: string): number {
  const [x, y] = [Number(a), Number(b)];
  if (Number.isInteger(x) && Number.isInteger(y)) return x - y;
  return a < b ? -1 : a > b ? 1 : 0;
}
