import type { Refusal } from '../../../core/refusal.ts';
import { refuse } from '../../../core/refusal.ts';

/**
 * One server's names, as agents see them. At `/mcp/<server>` they are the server's own. At `/mcp` each begins with the
 * server's, so that no server can take another's: a server's name holds no underscore (configuration sees to it), so the
 * first `__` ends it, and every name has exactly one reading.
 */
export type Naming = {
  tool(server: string, name: string): string;
  uri(server: string, uri: string): string;
  /** The server and its own name for it; `undefined` for a name that is none of ours. */
  splitTool(name: string): { server: string; name: string } | undefined;
  splitUri(uri: string): { server: string; uri: string } | undefined;
};

const SEPARATOR = '__';
const URI_PREFIX = 'sallyport://';

/** Made once for each server, and for all together, until the servers are others. */
export function openNaming(list: () => readonly string[]): (server: string | undefined) => Naming {
  let known: { servers: readonly string[]; all: Naming; each: ReadonlyMap<string, Naming> } | undefined;
  return (server) => {
    const servers = list();
    if (known?.servers !== servers) {
      const each = new Map(servers.map((name) => [name, plainNames(name)]));
      known = { servers, all: prefixedNames(servers), each };
    }
    return server === undefined ? known.all : (known.each.get(server) ?? plainNames(server));
  };
}

export function plainNames(server: string): Naming {
  return {
    tool: (_, name) => name,
    uri: (_, uri) => uri,
    splitTool: (name) => ({ server, name }),
    splitUri: (uri) => ({ server, uri }),
  };
}

export function prefixedNames(servers: readonly string[]): Naming {
  const known = new Set(servers);
  return {
    tool: (server, name) => `${server}${SEPARATOR}${name}`,
    uri: (server, uri) => `${URI_PREFIX}${server}/${uri}`,
    splitTool: (name) => split(name, SEPARATOR, known, (server, rest) => ({ server, name: rest })),
    splitUri: (uri) => {
      if (!uri.startsWith(URI_PREFIX)) return undefined;
      return split(uri.slice(URI_PREFIX.length), '/', known, (server, rest) => ({ server, uri: rest }));
    },
  };
}

function split<T>(
  text: string,
  separator: string,
  known: ReadonlySet<string>,
  made: (server: string, rest: string) => T,
): T | undefined {
  const at = text.indexOf(separator);
  if (at < 0) return undefined;
  const server = text.slice(0, at);
  return known.has(server) ? made(server, text.slice(at + separator.length)) : undefined;
}

/** What does not exist and what may not be seen is told alike. */
export function notFound(what: string): Refusal {
  return refuse('not_found', what);
}
