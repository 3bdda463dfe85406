/**
 * Resource addresses in one spelling (RFC 3986, section 6.2.2), because policy compares text: what a server would read as
 * the same resource must be the same text, and what leaves the folder that it names is refused. Exactly the normalised
 * text goes upstream, so that policy and server read one address.
 */
export type Normalised = { kind: 'normal'; text: string } | { kind: 'refused'; reason: string };

const URI_CHARACTERS_MAX = 8192;
const SHAPE = /^([A-Za-z][A-Za-z0-9+.-]*):(\/\/[^/?#]*)?([^?#]*)(\?[^#]*)?(#.*)?$/s;
const UNRESERVED = /[A-Za-z0-9._~-]/;
const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: ':80', https: ':443' };

export function normaliseUri(text: string): Normalised {
  if (text.length > URI_CHARACTERS_MAX) return refused(`longer than ${URI_CHARACTERS_MAX} characters`);
  if (/[\u0000-\u0020\u007f\\]/.test(text)) return refused('a space, a control character or a backslash');
  const found = SHAPE.exec(text);
  if (found === null) return refused('not an absolute address');
  const escaped = [found[2] ?? '', found[3] ?? '', found[4] ?? '', found[5] ?? ''].map(normaliseEscapes);
  if (escaped.includes(undefined)) return refused('a percent sign that is no escape, or an escape of NUL');
  const [authority, path, query, fragment] = escaped as [string, string, string, string];
  const scheme = (found[1] as string).toLowerCase();
  const problem = problemOf(scheme, path);
  if (problem !== undefined) return refused(problem);
  const place = scheme === 'file' ? fileAuthority(authority) : lowerHost(scheme, authority);
  const clean = scheme === 'file' ? path.replace(/\/{2,}/g, '/') : path;
  return { kind: 'normal', text: `${scheme}:${place}${clean}${query}${fragment}` };
}

function problemOf(scheme: string, path: string): string | undefined {
  if (scheme === 'file' && /%2F|%5C/.test(path)) return 'an encoded separator in a file address';
  // A server that decodes twice would find in it what was refused once.
  if (/%25(?:2E|2F|5C|00)/i.test(path)) return 'an escape within an escape';
  const segments = path.replace(/%2F|%5C/g, '/').split('/');
  return segments.some((segment) => segment === '..' || segment === '.') ? 'a dot segment' : undefined;
}

/** Escapes in upper case, none where none is needed; other than ASCII as UTF-8. Undefined for what is no escape. */
function normaliseEscapes(text: string): string | undefined {
  if (/%(?![0-9A-Fa-f]{2})|%00/.test(text)) return undefined;
  return text
    .replace(/%[0-9A-Fa-f]{2}/g, (encoded) => {
      const character = String.fromCharCode(Number.parseInt(encoded.slice(1), 16));
      return UNRESERVED.test(character) ? character : encoded.toUpperCase();
    })
    .replace(/[^\u0000-\u007f]+/g, (characters) => encodeURIComponent(characters));
}

function lowerHost(scheme: string, authority: string): string {
  const at = authority.lastIndexOf('@') + 1;
  const host = authority.slice(at).toLowerCase();
  const port = DEFAULT_PORTS[scheme];
  return authority.slice(0, at) + (port !== undefined && host.endsWith(port) ? host.slice(0, -port.length) : host);
}

function fileAuthority(authority: string): string {
  return authority === '' || authority.toLowerCase() === '//localhost' ? '//' : authority.toLowerCase();
}

function refused(reason: string): Normalised {
  return { kind: 'refused', reason };
}
