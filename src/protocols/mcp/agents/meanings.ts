import { domainToASCII } from 'node:url';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../core/json.ts';
import { type Normalised, normaliseUri } from './uris.ts';

/**
 * What an argument means, where the operator's file says so (`upstreams.<server>.tools.<tool>.arguments`). A schema calls
 * a path a string; a rule over paths needs one spelling for each, and a server that resolves `reports/../secret` must
 * never be given it. Policy and server get the same normalised value.
 */
export type Meaning = 'path' | 'url' | 'host' | 'text';

export type Understood = { args: JsonObject; problem: string | undefined };

/** `meanings`: by argument, a dot for each step into an object. Lists are understood item by item. */
export function understand(args: JsonObject, meanings: Readonly<Record<string, Meaning>>): Understood {
  let result = args;
  for (const [place, meaning] of Object.entries(meanings)) {
    const changed = change(result, place.split('.'), (value) => normaliseValue(value, meaning));
    if (typeof changed === 'string') return { args, problem: `${place}: ${changed}` };
    if (changed !== undefined) result = changed;
  }
  return { args: result, problem: nulIn(result, '') ?? climbingIn(result, meanings) };
}

/** Names that people give to paths. */
const PATH_NAME = /(?:^|[_-]|[a-z](?=[A-Z]))(?:paths?|files?|file_?names?|dir|directory|folder)$/i;
/** A segment of two dots between separators, however they are written. */
const CLIMB = /(?:^|[/\\]|%2f|%5c)(?:\.|%2e){2}(?:$|[/\\]|%2f|%5c)/i;

/**
 * A rule such as `path like "reports/*"` is met by `reports/../secret`, and nobody thinks of that when writing it. So what
 * is called a path may not climb, also where the operator said nothing about it; `text` says that it is none.
 */
function climbingIn(args: JsonObject, meanings: Readonly<Record<string, Meaning>>): string | undefined {
  for (const [name, value] of Object.entries(args)) {
    if (meanings[name] !== undefined || !PATH_NAME.test(name)) continue;
    const texts = Array.isArray(value) ? value : [value];
    if (texts.some((text) => typeof text === 'string' && CLIMB.test(text)))
      return `${name}: it leaves its folder with ".."`;
  }
  return undefined;
}

/** A copy with the value at the end of the path changed; undefined where there is none; text where it is refused. */
function change(
  object: JsonObject,
  [key = '', ...rest]: readonly string[],
  normalise: (value: JsonValue) => { value: JsonValue } | string,
): JsonObject | string | undefined {
  const value = Object.hasOwn(object, key) ? object[key] : undefined;
  if (value === undefined || value === null) return undefined;
  if (rest.length === 0) {
    const normal = normalise(value);
    return typeof normal === 'string' ? normal : { ...object, [key]: normal.value };
  }
  if (!isJsonObject(value)) return 'not an object on the way to it';
  const inner = change(value, rest, normalise);
  return inner === undefined || typeof inner === 'string' ? inner : { ...object, [key]: inner };
}

function normaliseValue(value: JsonValue, meaning: Meaning): { value: JsonValue } | string {
  if (Array.isArray(value)) {
    const items = value.map((item) => normaliseValue(item, meaning));
    const problem = items.find((item) => typeof item === 'string');
    return problem ?? { value: (items as { value: JsonValue }[]).map((item) => item.value) };
  }
  if (typeof value !== 'string') return `a ${meaning} is text`;
  const normal = NORMALISERS[meaning](value);
  return normal.kind === 'normal' ? { value: normal.text } : normal.reason;
}

const NORMALISERS: Readonly<Record<Meaning, (text: string) => Normalised>> = {
  path: normalisePath,
  url: normaliseUri,
  host: normaliseHost,
  text: (text) => ({ kind: 'normal', text }),
};

/** POSIX paths without `.`, empty segments or a slash at the end. `..` is refused rather than resolved: nobody needs it. */
export function normalisePath(text: string): Normalised {
  if (/[\u0000-\u001f\u007f]/.test(text)) return refused('a control character');
  if (text.includes('\\')) return refused('a backslash');
  if (/%(?:2e|2f|5c|00|25)/i.test(text)) return refused('an encoded separator or dot');
  const segments = text.split('/').filter((segment) => segment !== '' && segment !== '.');
  if (segments.includes('..')) return refused('it leaves its folder with ".."');
  const path = (text.startsWith('/') ? '/' : '') + segments.join('/');
  return { kind: 'normal', text: path === '' ? '.' : path };
}

function normaliseHost(text: string): Normalised {
  const host = domainToASCII(text.replace(/\.$/, ''));
  return host === '' ? refused('not the name of a host') : { kind: 'normal', text: host };
}

/** Most programs end a text at NUL, and policy does not: what one reads, the other must. */
function nulIn(value: JsonValue, place: string): string | undefined {
  if (typeof value === 'string') return value.includes('\0') ? `${place || 'an argument'} holds NUL` : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, item] of Object.entries(value)) {
    const found = key.includes('\0') ? 'a name holds NUL' : nulIn(item, place === '' ? key : `${place}.${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function refused(reason: string): Normalised {
  return { kind: 'refused', reason };
}
