import { z } from 'zod';
import { POWERS } from '../../core/person.ts';
import { done, EVERYONE, get, post } from './route.ts';
import { digest, json, reason, time } from './scalars.ts';

/** `origin` and `server` are the server itself: where it is or what runs there, and what it says of itself. */
export const PART_KINDS = ['origin', 'server', 'tool', 'prompt', 'template'] as const;
export const PART_STATES = ['pinned', 'waiting', 'changed', 'rejected', 'removed'] as const;

const partName = z.string().max(2_048);
const server = z.string().min(1).max(63);

export const toolPart = z
  .strictObject({
    server: z.string(),
    kind: z.enum(PART_KINDS),
    /** The server's own name for it; empty for the server itself. */
    name: z.string(),
    state: z.enum(PART_STATES),
    /** What may be used; null where nothing was ever pinned. */
    pinned: z
      .strictObject({
        digest,
        pin: z.string(),
        at: time,
        by: z.string(),
        /** `first_use`: nobody looked; it is what the server offered when it was met. */
        basis: z.enum(['approved', 'first_use']),
      })
      .nullable(),
    /** What waits, or was rejected; `digest` is null where it is not offered any more. */
    offered: z.strictObject({ digest: digest.nullable(), at: time }).nullable(),
    /** Places in what waits that hold characters nobody sees. */
    flags: z.number().int(),
    /** Why it cannot be approved. */
    refused: z.string().nullable(),
  })
  .meta({ id: 'ToolPart' });

export const toolDetail = toolPart
  .extend({
    /** The definition that is pinned, and the one that is offered; null where there is none. */
    before: json.nullable(),
    after: json.nullable(),
    /** JSON pointers (RFC 6901) with what stands there; a member that is not there is left out. */
    differences: z.array(z.strictObject({ path: z.string(), before: json.optional(), after: json.optional() })),
    flagged: z.array(
      z.strictObject({
        path: z.string(),
        what: z.enum(['hidden', 'bidirectional', 'tag']),
        characters: z.string(),
      }),
    ),
  })
  .meta({ id: 'ToolDetail' });

const part = z.strictObject({ kind: z.enum(PART_KINDS), name: partName });
const decided = z.strictObject({
  server,
  /** What is decided, by the digest that was shown: another one is refused. Null for what is not offered any more. */
  parts: z
    .array(part.extend({ digest: digest.nullable() }))
    .min(1)
    .max(10_000),
  reason,
});

export const toolRoutes = {
  'tools.list': get({
    path: '/api/tools',
    summary: 'What servers offer: pinned, waiting for a person, changed since, rejected, removed.',
    roles: EVERYONE,
    response: z.strictObject({ parts: z.array(toolPart) }),
  }),
  'tools.show': get({
    path: '/api/tools/part',
    summary:
      'One part of a server’s manifest: what is pinned, what is offered, where they differ, what nobody would see.',
    roles: EVERYONE,
    query: z.strictObject({ server, kind: z.enum(PART_KINDS), name: partName.default('') }),
    response: toolDetail,
  }),
  'tools.approve': post({
    path: '/api/tools/approve',
    summary: 'Pin what waits, by its digest.',
    roles: POWERS.approve,
    presence: true,
    body: decided,
    response: done,
  }),
  'tools.reject': post({
    path: '/api/tools/reject',
    summary: 'Leave what waits stopped, for good.',
    roles: POWERS.approve,
    presence: true,
    body: decided,
    response: done,
  }),
  'tools.unpin': post({
    path: '/api/tools/unpin',
    summary: 'Take pins back; what is in flight on them is cut. Without parts, all of the server.',
    roles: POWERS.stop,
    body: z.strictObject({ server, parts: z.array(part).min(1).max(10_000).optional(), reason }),
    response: done,
  }),
} as const;

/** The word that names a part, on the command line and in the console’s addresses. */
export function partWord({ server, kind, name }: Pick<ToolPart, 'server' | 'kind' | 'name'>): string {
  if (kind === 'tool') return `${server}/${name}`;
  return name === '' ? `${server}:${kind}` : `${server}:${kind}/${name}`;
}

export type ToolPart = z.infer<typeof toolPart>;
export type ToolDetail = z.infer<typeof toolDetail>;
