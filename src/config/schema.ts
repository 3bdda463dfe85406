import { z } from 'zod';
import { Secret } from '../core/secret.ts';
import { authorizationSchema } from './authorization-schema.ts';
import { identitySchema, peopleSchema } from './identity-schema.ts';
import { absolutePath, type Surroundings } from './surroundings.ts';
import { upstreamSchema } from './upstream-schema.ts';
import { address, bounded, dataFolder, name, origin, path, secretOrUrl } from './values.ts';
import { vaultSchema } from './vault-schema.ts';

/**
 * The whole of `sallyport.yaml`. Defaults, checks, the manual (docs/reference/config.md) and the JSON Schema for editors all
 * come from here. Keys are snake_case with the unit last; unknown keys are refused, since a misspelt limit is no limit.
 */
export function configSchema(surroundings: Surroundings) {
  const section = sections(surroundings);
  return z
    .strictObject({
      data: dataFolder(surroundings)
        .prefault('.sallyport')
        .describe('Folder of the database, keys, log tiles and control socket. Created with mode 0700.'),
      listen: section.listen
        .prefault({})
        .describe('Where agents and people reach the gateway. Two ports: two origins.'),
      storage: section.storage.prefault({}).describe('Where state lives.'),
      upstreams: z
        .record(name, upstreamSchema(surroundings))
        .default({})
        .describe('Servers behind the gateway, by the name that agents and policies use.'),
      agents: z
        .record(name, section.agent)
        .default({})
        .describe('Agents registered at start. Others are added by `sallyport agent add`.'),
      identity: identitySchema(surroundings).prefault({}).describe('Who else vouches for workloads.'),
      people: peopleSchema(surroundings).prefault({}).describe('People who look after the gateway.'),
      authorization: authorizationSchema(name)
        .prefault({})
        .describe('The authorization server: which clients people may sign in with, and how tokens are bound.'),
      policy: section.policy.prefault({}).describe('Where policies are, and what makes a change effective.'),
      decision_point: section.decisionPoint
        .prefault({})
        .describe('What other enforcement points may ask here over AuthZEN, at /access/v1/.'),
      tools: section.tools.prefault({}).describe('What servers offer, and who vouches for it.'),
      limits: section.limits.prefault({}).describe('Bounds on what arrives.'),
      audit: section.audit.prefault({}).describe('The log.'),
      vault: vaultSchema(surroundings).prefault({}).describe('What the vault of upstream credentials is sealed with.'),
    })
    .superRefine(({ listen, identity }, context) => {
      if (listen.agents_mtls === undefined || identity.spiffe !== undefined) return;
      const message = 'identity.spiffe with a trust domain: its SVID is what this listener shows';
      context.addIssue({ code: 'custom', path: ['listen', 'agents_mtls'], message });
    })
    .transform((config) => ({
      ...config,
      storage: { url: config.storage.url ?? new Secret(`sqlite:${absolutePath('sallyport.db', config.data)}`) },
      audit: { ...config.audit, folder: config.audit.folder ?? absolutePath('log', config.data) },
      listen: {
        ...config.listen,
        public_url: config.listen.public_url ?? `http://${config.listen.agents.host}:${config.listen.agents.port}`,
        console_url: config.listen.console_url ?? `http://${config.listen.people.host}:${config.listen.people.port}`,
      },
    }));
}

function sections(surroundings: Surroundings) {
  return {
    listen: listenSchema(),
    storage: z.strictObject({
      url: secretOrUrl(surroundings)
        .optional()
        .describe(
          'sqlite:PATH, postgres://HOST/DATABASE without a password, or env:NAME or file:PATH for one that has one. Without it: SQLite in the data folder.',
        ),
    }),
    agent: z.strictObject({
      owner: z.string().min(1).max(200).describe('Person or team that answers for it.'),
      jobs: z.array(name).min(1).describe('Kinds of work that it may do. A token is always for one of them.'),
      purposes: z
        .array(name)
        .max(64)
        .default([])
        .describe('What its runs may be for. Policy sees the one that a run was opened for as context.run.purpose.'),
      for_users: z
        .array(z.string().min(1).max(128))
        .max(256)
        .default([])
        .describe('Names of people in whose name it may act without asking them each time.'),
      version: z.string().max(100).default('1').describe('Visible to policy as principal.version.'),
      public_key: z
        .record(z.string(), z.string())
        .optional()
        .describe('Public key as a JWK (EC P-256 or Ed25519). Without it the agent can only use bearer tokens.'),
    }),
    policy: z
      .strictObject({
        folder: path(surroundings).prefault('policies').describe('Folder of *.cedar files.'),
        activation: z
          .enum(['presence', 'file'])
          .default('presence')
          .describe(
            'presence: a changed file waits for a person to activate it. file: a changed file is effective at once, for development.',
          ),
        source: z
          .enum(['folder', 'console'])
          .default('folder')
          .describe(
            'Where policies are written. folder: what the console proposes becomes a patch for the folder. console: the folder gives the first set and is not read again.',
          ),
        two_persons: z
          .boolean()
          .default(false)
          .describe(
            'Whether who proposed a policy set may not be who activates it. A file’s author is not known here.',
          ),
        grant_seconds_max: z
          .int()
          .min(60)
          .max(2_592_000)
          .default(28_800)
          .describe('Longest time for which temporary privilege may be given; 28800 is eight hours.'),
      })
      .refine(({ activation, two_persons }) => !two_persons || activation === 'presence', {
        path: ['two_persons'],
        message: 'needs policy.activation: presence, since a file is nobody’s approval',
      }),
    decisionPoint: z.strictObject({
      folder: path(surroundings)
        .optional()
        .describe(
          'Folder of *.cedar files and entities.json for questions that are not about agents. Without it such questions are denied.',
        ),
    }),
    tools: toolsSchema(),
    limits: limitsSchema(),
    audit: auditSchema(surroundings),
  };
}

function listenSchema() {
  return z.strictObject({
    agents: address
      .prefault('127.0.0.1:8700')
      .describe(
        'Address for agents: /mcp, OAuth, /health. Port 0 lets the system choose; tokens for keys then need public_url.',
      ),
    agents_mtls: address
      .optional()
      .describe(
        'Address for agents that show a client certificate: the same routes, over TLS with the gateway’s own SVID. Needs identity.spiffe.',
      ),
    people: address.prefault('127.0.0.1:8701').describe('Address for people: console and /api.'),
    public_url: origin
      .optional()
      .describe(
        'Address that agents use, where a proxy stands before the gateway. DPoP proofs are checked against it, never against forwarded headers.',
      ),
    console_url: origin.optional().describe('Address that people use, where a proxy stands before the gateway.'),
    hosts: z
      .array(z.string().min(1))
      .default([])
      .describe('Further Host values that are answered. The listening addresses and public names always are.'),
    origins: z
      .array(origin)
      .default([])
      .describe('Web origins whose pages may call the agents’ port. None by default.'),
  });
}

function toolsSchema() {
  return z.strictObject({
    first_use: z
      .enum(['approve', 'trust'])
      .default('approve')
      .describe(
        'A server that is met for the first time. approve: nothing of it can be used until a person has approved it. trust: it is pinned as it is, and nobody has looked; what holds hidden characters, or a name drawn like another, still waits. Whatever changes later waits for a person either way.',
      ),
    list_age_ms_max: bounded(0, 3_600_000, 60_000).describe(
      'How old what a server offers may be when a call relies on it; older, and it is read again first. So long a change can stay unseen of which the server says nothing. 0 reads it before each call.',
    ),
  });
}

function limitsSchema() {
  return z.strictObject({
    body_bytes_max: bounded(1_024, 104_857_600, 4_194_304).describe('Largest request from an agent.'),
    header_bytes_max: bounded(4_096, 131_072, 16_384).describe('Largest set of headers.'),
    connections_max: bounded(1, 100_000, 4_096).describe('Open connections on each port.'),
    delegation_depth_max: bounded(1, 16, 3).describe(
      'Hops of a delegation: from a user or a first agent to the agent that acts.',
    ),
    agent_exchanges_max: bounded(1, 100_000, 256).describe('Exchanges in flight of one agent.'),
    unauthenticated_per_second_max: bounded(1, 100_000, 50).describe(
      'Refused credentials a second from one source before it is refused unread.',
    ),
    exchange_ms_max: bounded(1_000, 86_400_000, 300_000).describe('Longest exchange; a longer one is cut.'),
    stage_ms_max: bounded(10, 60_000, 5_000).describe('Longest check; a longer one refuses the exchange.'),
    sessions_per_agent_max: bounded(1, 10_000, 100).describe('MCP sessions (2025-11-25) of one agent.'),
    stop_seconds_max: bounded(0, 3_600, 10).describe('How long a stopping gateway waits for exchanges in flight.'),
  });
}

function auditSchema(surroundings: Surroundings) {
  const witness = z.strictObject({
    url: z
      .url({ protocol: /^https?$/, error: 'an http or https address' })
      .describe('Address of its add-checkpoint endpoint, without the last part.'),
    key: z
      .string()
      .regex(/^[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+$/, 'a verifier key: NAME+HASH+KEY')
      .describe('Its verifier key, as C2SP signed-note writes it.'),
  });
  return z.strictObject({
    origin: z
      .string()
      .regex(/^[^\s+]{1,200}$/, 'without spaces or +')
      .default('sallyport.local/log')
      .describe(
        'Name of the log, the first line of its checkpoints. Make it unique to this installation; it cannot change later.',
      ),
    folder: path(surroundings)
      .optional()
      .describe('Folder of tiles and checkpoint. Without it: log in the data folder.'),
    high_water: path(surroundings)
      .optional()
      .describe(
        'Folder that keeps the last checkpoint, best on another disk: a log that no longer extends it is not continued. Without it: the log folder.',
      ),
    witnesses: z.array(witness).default([]).describe('Witnesses that cosign checkpoints.'),
    witnesses_required: bounded(0, 16, 0).describe('Cosignatures that a published checkpoint must carry.'),
  });
}

/** The configuration as the gateway uses it: complete, absolute, with secrets that cannot be printed. */
export type Settings = z.output<ReturnType<typeof configSchema>>;
