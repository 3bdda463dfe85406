import { createPrivateKey } from 'node:crypto';
import { z } from 'zod';
import type { Secret } from '../core/secret.ts';
import { resolveCommand, type Surroundings } from './surroundings.ts';
import { bounded, certificates, namedValues, path, secret } from './values.ts';

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

const endpoint = z
  .url({ protocol: /^https?$/, error: 'an https address' })
  .refine(isConfidential, 'https, or a loopback address');

function tokenClient(surroundings: Surroundings) {
  return {
    token_endpoint: endpoint.describe('Where tokens are asked for. Private addresses are allowed here.'),
    issuer: z
      .string()
      .min(1)
      .max(500)
      .optional()
      .describe('Its issuer, the audience of what the gateway asserts there. Without it the endpoint’s origin.'),
    client_id: z.string().min(1).max(500).describe('What the gateway is called there.'),
    client_secret: secret(surroundings)
      .optional()
      .describe(
        'Its secret there, by reference. Without it the gateway signs with its own key (private_key_jwt; keys at PUBLIC_URL/oauth/jwks).',
      ),
    client_key: clientKey(surroundings)
      .optional()
      .describe(
        'A private key that was registered there for this client alone (PEM, PKCS 8), by reference: it signs in the place of the gateway’s own.',
      ),
    method: z
      .enum(['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'])
      .optional()
      .describe('How the client shows who it is. Without it: client_secret_basic with a secret, else private_key_jwt.'),
    scope: z.string().min(1).max(1_000).optional().describe('Scopes to ask for.'),
  };
}

/** Keys that some server takes: P-256, P-384, Ed25519, RSA of 2,048 bits and more. */
function clientKey(surroundings: Surroundings) {
  return secret(surroundings).refine((pem) => isSigningKey(pem.reveal()), 'a private key in PEM (PKCS 8)');
}

function isSigningKey(pem: string): boolean {
  try {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = createPrivateKey(pem);
    if (type === 'rsa') return (details?.modulusLength ?? 0) >= 2_048;
    return type === 'ed25519' || ['prime256v1', 'secp384r1'].includes(details?.namedCurve ?? '');
  } catch {
    return false;
  }
}

type Client = { client_secret?: unknown; client_key?: unknown; method?: string | undefined };

/** What is missing for the way in which the client is to show who it is, or is there for nothing. */
function fitsMethod({ client_secret, client_key, method }: Client): boolean {
  if (client_secret !== undefined && client_key !== undefined) return false;
  if (method === undefined) return true;
  return method.startsWith('client_secret')
    ? client_secret !== undefined
    : client_secret === undefined && (method === 'private_key_jwt' || client_key === undefined);
}

const UNFIT =
  'a client_secret beside client_secret_basic or client_secret_post, at most a client_key beside private_key_jwt, neither beside none';

function connectSchema(surroundings: Surroundings) {
  return z
    .strictObject({
      issuer: z
        .url({ protocol: /^https?$/, error: 'an https address' })
        .refine(isConfidential, 'https, or a loopback address')
        .optional()
        .describe('The authorization server, exactly as its metadata names it, where the server may name no other.'),
      client_id: z
        .string()
        .min(1)
        .max(500)
        .optional()
        .describe(
          'What the gateway is called there, where it was registered by hand. Without it: the address of its metadata (PUBLIC_URL/oauth/client.json) where that is https and the authorization server takes such, else it registers itself.',
        ),
      client_secret: secret(surroundings)
        .optional()
        .describe('Its secret there, by reference. Needs issuer, so that it goes to nobody else.'),
      client_key: clientKey(surroundings)
        .optional()
        .describe('A private key that was registered there for it (PEM, PKCS 8), by reference.'),
      method: z
        .enum(['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'])
        .optional()
        .describe('How the client shows who it is. Without it: what fits, and the authorization server takes.'),
      scope: z
        .string()
        .min(1)
        .max(1_000)
        .optional()
        .describe('Scopes to ask for, in the place of those that the server says it wants.'),
      addresses: z
        .array(endpoint)
        .default([])
        .describe(
          'Authorization servers whose hosts may be private. That of the server itself may be without it; all others are public and https.',
        ),
      dpop: z
        .enum(['auto', 'required', 'never'])
        .default('auto')
        .describe(
          'Tokens bound to a key: auto where the server asks for them and its authorization server gives them.',
        ),
    })
    .refine(
      ({ client_secret, issuer }) => client_secret === undefined || issuer !== undefined,
      'issuer beside client_secret',
    )
    .refine(
      ({ client_id, client_secret, client_key, method }) =>
        client_id !== undefined || (client_secret === undefined && client_key === undefined && method === undefined),
      'client_id beside client_secret, client_key or method',
    )
    .refine(fitsMethod, UNFIT);
}

/** An entry of the vault, and where a program finds it. */
const keptSchema = {
  vault: z
    .string()
    .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, 'the name of an entry')
    .optional()
    .describe('Name of an entry of the vault: `sallyport vault set NAME`.'),
  env: z
    .string()
    .regex(VARIABLE, 'a name of letters, digits and _')
    .optional()
    .describe('Beside command: the variable in which the program of each run gets it.'),
};

/** Exactly one of them: where two could be shown, nobody could say which one was. */
function credentialSchema(surroundings: Surroundings) {
  const client = tokenClient(surroundings);
  const resource = z
    .string()
    .min(1)
    .max(1_000)
    .optional()
    .describe('Resource indicator (RFC 8707). Without it the url of the server.');
  const dpop = z
    .boolean()
    .default(false)
    .describe('Ask for tokens that are bound to a key of the gateway’s (DPoP), and accept no others.');
  const common = { ...client, resource, dpop };
  const audience = z.string().min(1).max(1_000).optional().describe('Audience to ask for (RFC 8693).');
  return z
    .strictObject({
      client_credentials: z
        .strictObject(common)
        .refine(fitsMethod, UNFIT)
        .optional()
        .describe('A token of the gateway’s own client, for all users alike.'),
      workload: z
        .strictObject({
          ...common,
          assertion: path(surroundings).describe(
            'File with the JWT that the platform writes for the gateway (a Kubernetes service account token, a JWT-SVID). Read anew for each token.',
          ),
        })
        .refine(fitsMethod, UNFIT)
        .optional()
        .describe(
          'A token of the gateway’s own by what its platform says of it (RFC 7523), for all users alike: no secret to keep. Beside it mostly `method: none`.',
        ),
      exchange: z
        .strictObject({ ...common, audience })
        .refine(fitsMethod, UNFIT)
        .optional()
        .describe(
          'A token for each user and agent, by token exchange (RFC 8693) of the gateway’s assertion of who acts for whom. Never of the agent’s token. A user consents first: `sallyport consent`.',
        ),
      id_jag: z
        .strictObject({
          ...common,
          idp: z
            .strictObject(client)
            .refine(fitsMethod, UNFIT)
            .describe('The identity provider that issues the ID-JAG.'),
          subject: z
            .enum(['assertion', 'id_token'])
            .default('assertion')
            .describe(
              'What the identity provider is shown of the user: the gateway’s assertion, or the ID token that it gave when they signed in to the console with it (people.oidc, of the same client), or that they brought: `sallyport consent NAME --id-token`. For providers that take no word but their own.',
            ),
        })
        .refine(fitsMethod, UNFIT)
        .refine(
          ({ subject, idp }) => subject === 'assertion' || idp.issuer !== undefined,
          'idp.issuer beside subject: id_token',
        )
        .optional()
        .describe(
          'A token for each user and agent, by an identity assertion (ID-JAG) of the company’s identity provider.',
        ),
      connect: connectSchema(surroundings)
        .optional()
        .describe(
          'Each person signs in at the server by themselves, with a browser: `sallyport connect`. Where to is found out from the server. Their tokens are kept in the vault and shown to it for runs in their name alone.',
        ),
      ...keptSchema,
    })
    .refine(({ env: _env, ...sources }) => Object.keys(sources).length === 1, 'exactly one source of a credential');
}

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
      ca: certificates(surroundings)
        .optional()
        .describe(
          'File of PEM certificates to trust for this address, in the place of the system’s: a private authority.',
        ),
      credential: credentialSchema(surroundings)
        .optional()
        .describe('What the server is shown at each call, in the place of a secret in this file.'),
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
      const { command, cwd, env, url, headers, ca, ...common } = upstream;
      const written = { command, cwd, env, url, headers, ca };
      const transport = misplaced(upstream) ?? transportOf(written, surroundings.folder);
      if (typeof transport !== 'string') return { ...common, transport };
      context.addIssue({ code: 'custom', message: transport });
      return { ...common, transport: { kind: 'http', url: '', headers: {} } satisfies Transport as Transport };
    });
}

export type Transport =
  | { kind: 'child'; command: string[]; cwd: string; env: NamedValues }
  | { kind: 'http'; url: string; headers: NamedValues; ca?: string | undefined };

/** Plain text, or a secret where a reference stood. */
type NamedValues = Record<string, string | Secret>;

type Written = {
  command: string[] | undefined;
  cwd: string | undefined;
  env: NamedValues;
  url: string | undefined;
  headers: NamedValues;
  ca: string | undefined;
};

type Placed = {
  credential?: { vault?: string | undefined; env?: string | undefined; connect?: unknown } | undefined;
  shared: boolean;
  url?: string | undefined;
  command?: unknown;
};

/** Why the credential may not be shown there. */
function misplaced({ credential, shared, url, command }: Placed): string | undefined {
  if (credential === undefined) return undefined;
  // What one run may be given stands in the memory of a process that another one uses, too.
  if (command !== undefined && shared) return 'no credential beside command and shared: each run has its own';
  // A session is its user's: servers may hold who began it for everybody in it.
  if (shared && credential.connect !== undefined)
    return 'no credential.connect beside shared: each run has its own session';
  if (command !== undefined && credential.vault === undefined)
    return 'a url beside credential, or credential.vault beside command';
  if (command !== undefined && credential.env === undefined) return 'credential.env beside command: the variable';
  if (url !== undefined && credential.env !== undefined) return 'no credential.env beside url: nothing is started';
  return url === undefined || isConfidential(url) ? undefined : 'https beside credential, or a loopback address';
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

function isConfidential(address: string): boolean {
  const url = URL.parse(address);
  return url !== null && (url.protocol === 'https:' || LOOPBACK.test(url.hostname));
}

/** @returns the transport, or what was expected instead. */
function transportOf({ command, cwd, env, url, headers, ca }: Written, folder: string): Transport | string {
  if ((command === undefined) === (url === undefined))
    return 'either command (a program) or url (an address), and not both';
  if (url !== undefined) {
    const stray = cwd !== undefined || Object.keys(env).length > 0;
    return stray ? 'no cwd and no env beside url: nothing is started' : { kind: 'http', url, headers, ca };
  }
  if (Object.keys(headers).length > 0) return 'no headers beside command: nothing is sent over HTTP';
  if (ca !== undefined) return 'no ca beside command: nothing is sent over HTTP';
  const words = resolveCommand(command ?? [], folder);
  return typeof words === 'string'
    ? `a program that exists: ${words}`
    : { kind: 'child', command: words, cwd: cwd ?? folder, env };
}
