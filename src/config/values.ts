import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { Secret } from '../core/secret.ts';
import { absolutePath, isReference, resolveReference, type Surroundings } from './surroundings.ts';

/** What servers, agents and jobs are called in the file. */
export const name = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, 'lower-case letters, digits and inner hyphens, at most 63');

/** An integer with its bounds and its default; the manual prints all three. */
export function bounded(least: number, most: number, usual: number) {
  return z.int().min(least).max(most).default(usual);
}

/** `HOST:PORT`, with IPv6 in brackets. Port 0 lets the system choose. */
export const address = z
  .string()
  .regex(/^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):\d{1,5}$/, 'HOST:PORT')
  .transform((text, context) => {
    const at = text.lastIndexOf(':');
    const port = Number(text.slice(at + 1));
    if (port > 65_535) context.addIssue({ code: 'custom', message: 'a port of at most 65535' });
    return { host: text.slice(0, at), port };
  });

/** An http or https origin: no path, query, or user. */
export const origin = z.string().transform((text, context) => {
  const url = URL.parse(text);
  const bare =
    url !== null && /^https?:$/.test(url.protocol) && url.pathname === '/' && url.search === '' && url.hash === '';
  if (!bare || url.username !== '')
    context.addIssue({ code: 'custom', message: 'an origin such as https://gateway.example.com' });
  return url?.origin ?? text;
});

/** A path, made absolute from the folder of the configuration file. */
export function path({ folder }: Surroundings) {
  return z
    .string()
    .min(1)
    .transform((text) => absolutePath(text, folder));
}

const DATA_PATH_BYTES_MAX = 90;

/** The data folder. The control socket lies in it, and the address of a Unix socket has 104 bytes on some systems. */
export function dataFolder({ folder }: Surroundings) {
  return z
    .string()
    .min(1)
    .transform((text, context) => {
      const absolute = absolutePath(text, folder);
      if (Buffer.byteLength(absolute) > DATA_PATH_BYTES_MAX && process.platform !== 'win32') {
        context.addIssue({
          code: 'custom',
          message: `a folder whose path, ${absolute}, has at most ${DATA_PATH_BYTES_MAX} bytes`,
        });
      }
      return absolute;
    });
}

/** A database address. One that holds a password must come by reference: the file is read, copied and committed. */
export function secretOrUrl(surroundings: Surroundings) {
  return z.string().transform((text, context): Secret => {
    if (isReference(text)) return referred(text, surroundings, context);
    if (text.startsWith('sqlite:')) {
      const file = text.slice('sqlite:'.length);
      return new Secret(file === ':memory:' ? text : `sqlite:${absolutePath(file, surroundings.folder)}`);
    }
    const url = /^postgres(?:ql)?:/.test(text) ? URL.parse(text) : null;
    if (url === null)
      context.addIssue({ code: 'custom', message: 'sqlite:PATH, postgres://HOST/DATABASE, env:NAME or file:PATH' });
    else if (url.password !== '' || url.searchParams.has('password')) {
      context.addIssue({
        code: 'custom',
        message: 'an address without a password, or a reference (env:NAME, file:PATH) to one that has it',
      });
    }
    return new Secret(text);
  });
}

/** A secret, by reference only. */
export function secret(surroundings: Surroundings) {
  return z.string().transform((text, context): Secret => {
    if (isReference(text)) return referred(text, surroundings, context);
    context.addIssue({ code: 'custom', message: 'a reference (env:NAME or file:PATH), since it is a secret' });
    return new Secret('');
  });
}

/** A file of certificates, read at start. */
export function pemFile({ folder }: Surroundings) {
  return z
    .string()
    .min(1)
    .transform((text, context) => {
      try {
        const pem = readFileSync(absolutePath(text, folder), 'utf8');
        new X509Certificate(pem);
        return pem;
      } catch {
        context.addIssue({ code: 'custom', message: 'a file of PEM certificates that can be read' });
        return '';
      }
    });
}

const SENSITIVE =
  /(?:^|[-_])(?:authorization|cookie|tokens?|secret|passw(?:or)?d|passphrase|credentials?|(?:api|access|private|secret)?[-_]?key)(?:$|[-_])/i;

/** Values of headers and environment variables: plain text, unless the name says that it is a secret. */
export function namedValues(surroundings: Surroundings, names: RegExp, rule: string) {
  return z.record(z.string().regex(names, rule), z.string()).transform((values, context) => {
    const out: Record<string, string | Secret> = {};
    for (const [name, text] of Object.entries(values)) {
      const issues = { addIssue: (issue: CustomIssue) => context.addIssue({ ...issue, path: [name] }) };
      if (!isReference(text) && SENSITIVE.test(name)) {
        issues.addIssue({
          code: 'custom',
          message: 'a reference (env:NAME or file:PATH), since the name says that it is a secret',
        });
      }
      out[name] = isReference(text) ? referred(text, surroundings, issues) : text;
    }
    return out;
  });
}

type CustomIssue = { code: 'custom'; message: string; input?: unknown };

/** Certificates of an authority that the system does not know, from a PEM file. */
export function certificates({ folder }: Surroundings) {
  return z
    .string()
    .min(1)
    .transform((text, context) => {
      const pem = readCertificates(absolutePath(text, folder));
      if (pem === undefined) context.addIssue({ code: 'custom', message: 'a file of certificates in PEM form' });
      return pem ?? '';
    });
}

function readCertificates(file: string): string | undefined {
  try {
    const pem = readFileSync(file, 'utf8');
    const found = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
    // Reading throws for what is none.
    const whole = found.every((one) => new X509Certificate(one).raw.length > 0);
    // A private key beside them would be handed around as if it were public.
    return found.length > 0 && whole && !pem.includes('PRIVATE KEY') ? pem : undefined;
  } catch {
    return undefined;
  }
}

/** A secret that stands elsewhere, and never in the file. */
export function secretReference(surroundings: Surroundings) {
  return z.string().transform((text, context) => referred(text, surroundings, context));
}

function referred(text: string, surroundings: Surroundings, context: { addIssue(issue: CustomIssue): void }): Secret {
  const value = resolveReference(text, surroundings);
  if (value instanceof Secret) return value;
  context.addIssue({ code: 'custom', message: `a reference that can be followed: ${value}` });
  return new Secret('');
}
