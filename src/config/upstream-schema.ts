import { z } from 'zod';
import type { Secret } from '../core/secret.ts';
import { resolveCommand, type Surroundings } from './surroundings.ts';
import { bounded, namedValues, path } from './values.ts';

const HEADER = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

const tool = z.strictObject({
  arguments: z
    .record(z.string(), z.enum(['path', 'url', 'host', 'text']))
    .default({})
    .describe(
      'What an argument means. Policy sees paths, URLs and hosts normalised; traversal, encoded separators and NUL are refused. Arguments with the name of a path may not climb (`..`) even where nothing is said; `text` says that one is no path.',
    ),
  each: z
    .array(z.string())
    .default([])
    .describe(
      'Arguments that are lists, and are decided element by element: policy sees one element in the place of the list, and the call is permitted only if each of them is.',
    ),
  effect: z
    .enum(['write', 'read'])
    .default('write')
    .describe(
      'read: you state that a call changes nothing. Its answer then does not wait until its outcome is on disk; its intent always is.',
    ),
});

const limits = z.strictObject({
  open_ms_max: bounded(100, 300_000, 15_000).describe('From starting or connecting to a session that can be used.'),
  answer_ms_max: bounded(100, 86_400_000, 60_000).describe('From a request to its answer.'),
  answer_bytes_max: bounded(1_024, 1_073_741_824, 16_777_216).describe('Largest message, after decompression.'),
  frames_per_second_max: bounded(1, 100_000, 500).describe('Notifications a second; more are dropped, and counted.'),
  frames_max: bounded(1, 10_000_000, 100_000).describe('Notifications and requests before one answer.'),
  waiting_bytes_max: bounded(1_024, 1_073_741_824, 4_194_304).describe(
    'Bytes that wait for an agent who reads slowly.',
  ),
  pages_max: bounded(1, 10_000, 100).describe('Pages of one list.'),
  items_max: bounded(1, 1_000_000, 10_000).describe('Items of one list.'),
  catalog_bytes_max: bounded(1_024, 1_073_741_824, 33_554_432).describe('Bytes of all its lists.'),
  sessions_max: bounded(1, 10_000, 32).describe('Processes or sessions at one time.'),
  session_idle_ms_max: bounded(1_000, 86_400_000, 300_000).describe('How long an unused one is kept.'),
  requests_max: bounded(1, 100_000, 256).describe('Requests in flight in one session.'),
});

/** One server behind the gateway: a program (`command`) or an address (`url`), never both. */
export function upstreamSchema(surroundings: Surroundings) {
  return z
    .strictObject({
      command: z
        .array(z.string().refine((word) => !word.includes('\0'), 'a word without NUL'))
        .min(1)
        .optional()
        .describe(
          'Program and arguments, started without a shell. `node` is the Node of Sallyport; `package:NAME` the program of an installed npm package.',
        ),
      cwd: path(surroundings)
        .optional()
        .describe('Folder that the program starts in. Without it: the folder of this file.'),
      env: namedValues(surroundings, VARIABLE, 'a name of letters, digits and _')
        .prefault({})
        .describe('Environment of the program, and nothing besides PATH. Secrets by reference: env:NAME or file:PATH.'),
      url: z
        .url({ protocol: /^https?$/, error: 'an http or https address' })
        .optional()
        .describe(
          'Address of a Streamable HTTP endpoint. Private addresses are allowed here, since the operator wrote it.',
        ),
      headers: namedValues(surroundings, HEADER, 'an HTTP field name')
        .prefault({})
        .describe('Sent with every request. Secrets by reference, also as `Bearer env:NAME`.'),
      shared: z
        .boolean()
        .default(false)
        .describe(
          'One process or session for all runs. Otherwise each run has its own, so that no state leaks between them.',
        ),
      enclosed: z
        .boolean()
        .default(false)
        .describe('You assert that agents cannot reach this server except through Sallyport. `status` shows it.'),
      era: z
        .enum(['2026-07-28', '2025-11-25'])
        .optional()
        .describe('Speak only this version of MCP with it. Without it the gateway finds out.'),
      limits: limits.prefault({}).describe('Bounds on what this server may do to the gateway.'),
      tools: z.record(z.string(), tool).default({}).describe('What is known about single tools.'),
    })
    .transform((upstream, context) => {
      const { command, cwd, env, url, headers, ...common } = upstream;
      const transport = transportOf({ command, cwd, env, url, headers }, surroundings.folder);
      if (typeof transport !== 'string') return { ...common, transport };
      context.addIssue({ code: 'custom', message: transport });
      return { ...common, transport: { kind: 'http', url: '', headers: {} } satisfies Transport as Transport };
    });
}

export type Transport =
  | { kind: 'child'; command: string[]; cwd: string; env: Record<string, Secret> }
  | { kind: 'http'; url: string; headers: Record<string, Secret> };

type Written = {
  command: string[] | undefined;
  cwd: string | undefined;
  env: Record<string, Secret>;
  url: string | undefined;
  headers: Record<string, Secret>;
};

/** @returns the transport, or what was expected instead. */
function transportOf({ command, cwd, env, url, headers }: Written, folder: string): Transport | string {
  if ((command === undefined) === (url === undefined))
    return 'either command (a program) or url (an address), and not both';
  if (url !== undefined) {
    const stray = cwd !== undefined || Object.keys(env).length > 0;
    return stray ? 'no cwd and no env beside url: nothing is started' : { kind: 'http', url, headers };
  }
  if (Object.keys(headers).length > 0) return 'no headers beside command: nothing is sent over HTTP';
  const words = resolveCommand(command ?? [], folder);
  return typeof words === 'string'
    ? `a program that exists: ${words}`
    : { kind: 'child', command: words, cwd: cwd ?? folder, env };
}
