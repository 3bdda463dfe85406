import { z } from 'zod';
import { POWERS, type Role } from '../../core/person.ts';

/** One line of the table. Server, client, OpenAPI document and the route-walking attack test are made from it alone. */
export type Route = {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: `/api/${string}`;
  readonly summary: string;
  /** Who may call it. `anyone` is for the doors that make a session, and nothing else. */
  readonly roles: readonly Role[] | 'anyone';
  /** Whether a person must have shown a fresh code: a cookie or the local socket alone is not enough. */
  readonly presence: boolean;
  /** Whether the answer unseals names or arguments, so that it writes a `payload.read` receipt. */
  readonly payload: boolean;
  /** `events` answers with server-sent events, each of the shape of `response`. */
  readonly answers: 'json' | 'text' | 'events';
  readonly params: z.ZodObject;
  readonly query: z.ZodObject;
  readonly body: z.ZodObject;
  /** Read after the caller was admitted, and no further than this. */
  readonly body_bytes_max: number;
  readonly response: z.ZodType;
};

export const EVERYONE = POWERS.see;
/** Who may see names and arguments. */
export const READERS = POWERS.read;

/** No parameters, no query, no body: anything sent is refused. */
export const nothing = z.strictObject({});
export const done = z.strictObject({ done: z.literal(true) }).meta({ id: 'Done' });

type Given = Partial<Omit<Route, 'method'>> & Pick<Route, 'path' | 'summary' | 'roles' | 'response'>;
const DEFAULTS = {
  presence: false,
  payload: false,
  answers: 'json',
  params: nothing,
  query: nothing,
  body: nothing,
  body_bytes_max: 64 * 1024,
} as const;

type Filled<Method extends Route['method'], R extends Given> = Omit<typeof DEFAULTS, keyof R> & {
  readonly method: Method;
} & R;

/** Reads, and never changes anything but the record of who read. */
export function get<const R extends Given>(route: R): Filled<'GET', R> {
  return { ...DEFAULTS, method: 'GET', ...route };
}

export function post<const R extends Given>(route: R): Filled<'POST', R> {
  return { ...DEFAULTS, method: 'POST', ...route };
}

export function remove<const R extends Given>(route: R): Filled<'DELETE', R> {
  return { ...DEFAULTS, method: 'DELETE', ...route };
}
