import { z } from 'zod';
import { ROLES } from '../../core/person.ts';

const id = (prefix: string, what: string) =>
  z
    .string()
    .regex(new RegExp(`^${prefix}_[0-9a-v]{26}$`))
    .describe(what);

export const receiptId = id('rcp', 'A receipt');
export const runId = id('run', 'A run');
export const personId = id('usr', 'A person');
export const tokenId = id('tok', 'A bearer token, never its secret');

/** Names of agents and jobs as an operator types them; the same alphabet as in sallyport.yaml. */
export const name = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._@-]*$/, 'letters, digits, and . _ @ - after the first');

/** A person as their account names them. */
export const personName = z.string().min(1).max(128);

/** Milliseconds since the Unix epoch. */
export const time = z.number().int().nonnegative();

/** SHA-256, hex. */
export const digest = z.string().max(200);

/** A number in a query string. */
export const count = (max: number) => z.coerce.number<number | string>().int().min(1).max(max);

export const role = z.enum(ROLES);

/** Six digits of a TOTP (RFC 6238). */
export const code = z.string().regex(/^\d{6}$/, 'six digits');
export const password = z.string().min(12, 'at least 12 characters').max(256);
export const reason = z.string().min(1, 'say why').max(500);

/** Any JSON value. */
export const json = z.json().meta({ id: 'JsonValue' });

/** What policy says of an exchange. */
export const DECISIONS = ['permit', 'hold', 'deny'] as const;
