/** A `WWW-Authenticate` header (RFC 9110, section 11.6.1), as far as it concerns tokens. Written by the server: nothing of it is trusted. */
export type Challenge = {
  /** It says `DPoP` (RFC 9449, section 7.1). */
  dpop: boolean;
  /** Where its protected resource metadata is (RFC 9728, section 5.1). */
  metadata: string | undefined;
  scope: string | undefined;
  error: string | undefined;
};

const CHARACTERS_MAX = 4_096;
const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const SPACE = /[ \t]*/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
/** RFC 6749, section 3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/;
const SCOPE_CHARACTERS_MAX = 1_000;

type Scheme = { name: string; parameters: Map<string, string> };

/** Undefined where it asks for no token. Of several challenges, what any of `Bearer` and `DPoP` says. */
export function readChallenge(text: string | undefined): Challenge | undefined {
  if (text === undefined || text.length > CHARACTERS_MAX) return undefined;
  const schemes = readSchemes(text).filter(({ name }) => name === 'bearer' || name === 'dpop');
  if (schemes.length === 0) return undefined;
  const first = (parameter: string) =>
    schemes.find(({ parameters }) => parameters.has(parameter))?.parameters.get(parameter);
  return {
    dpop: schemes.some(({ name }) => name === 'dpop'),
    metadata: first('resource_metadata'),
    scope: readScope(first('scope')),
    error: first('error'),
  };
}

/** What may stand in a request for scopes; undefined for anything else. */
export function readScope(text: unknown): string | undefined {
  return typeof text === 'string' && text.length <= SCOPE_CHARACTERS_MAX && SCOPE.test(text) ? text : undefined;
}

/** Reads on behind what it does not understand, up to the next comma. */
function readSchemes(text: string): Scheme[] {
  const schemes: Scheme[] = [];
  let at = 0;
  const read = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found !== null) at = pattern.lastIndex;
    return found;
  };
  while (at < text.length) {
    read(SPACE);
    const word = read(TOKEN)?.[0];
    const before_space = at;
    read(SPACE);
    if (word !== undefined && text[at] === '=' && schemes.length > 0) {
      at += 1;
      read(SPACE);
      const value = read(QUOTED)?.[1]?.replace(/\\(.)/g, '$1') ?? read(TOKEN)?.[0];
      const { parameters } = schemes.at(-1)!;
      const name = word.toLowerCase();
      if (value !== undefined && !parameters.has(name)) parameters.set(name, value);
      read(SPACE);
    } else if (word !== undefined && (at > before_space || at === text.length || text[at] === ',')) {
      schemes.push({ name: word.toLowerCase(), parameters: new Map() });
      continue;
    }
    const comma = text.indexOf(',', at);
    at = comma < 0 ? text.length : comma + 1;
  }
  return schemes;
}
