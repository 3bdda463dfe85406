import type { Command } from './command.ts';

export type Entry = { name: string; summary: string; group: Group; load: () => Promise<Command> };
export const GROUPS = ['Run', 'See', 'Control', 'Prove', 'Write'] as const;
export type Group = (typeof GROUPS)[number];

/** Every command. Its file is loaded when it is called, not before. */
export const COMMANDS: readonly Entry[] = [
  entry(
    'Run',
    'up',
    'Start the gateway here; the first time, write a starter',
    async () => (await import('./commands/up.ts')).up,
  ),
  entry(
    'Run',
    'demo',
    'Play the first story in a temporary folder',
    async () => (await import('./commands/demo.ts')).demo,
  ),
  entry(
    'See',
    'status',
    'What runs, what waits for a person, what is wrong',
    async () => (await import('./commands/status.ts')).status,
  ),
  entry('See', 'tail', 'Exchanges as they happen', async () => (await import('./commands/tail.ts')).tail),
  entry('See', 'can', 'Whether an agent may, before it tries', async () => (await import('./commands/can.ts')).can),
  entry('See', 'why', 'The whole story of one receipt', async () => (await import('./commands/why.ts')).why),
  entry(
    'Run',
    'account',
    'A link that makes the first account at the console',
    async () => (await import('./commands/account.ts')).account,
  ),
  entry(
    'Control',
    'people list',
    'People, their roles, how they sign in',
    async () => (await import('./commands/people.ts')).list,
  ),
  entry(
    'Control',
    'people add',
    'A link that makes one more account',
    async () => (await import('./commands/people.ts')).add,
  ),
  entry(
    'Control',
    'people roles',
    "Change a person's roles; their sessions end",
    async () => (await import('./commands/people.ts')).roles,
  ),
  entry(
    'Control',
    'people remove',
    'Remove a person; their sessions end',
    async () => (await import('./commands/people.ts')).remove,
  ),
  entry(
    'Control',
    'kill',
    'Stop an agent, run, key, token, upstream or everything',
    async () => (await import('./commands/stops.ts')).kill,
  ),
  entry(
    'Control',
    'resume',
    'Lift a stop; without arguments, list them',
    async () => (await import('./commands/stops.ts')).resume,
  ),
  entry('Control', 'agent list', 'Registered agents', async () => (await import('./commands/agent.ts')).list),
  entry(
    'Control',
    'agent show',
    'One agent, and all that can act as it',
    async () => (await import('./commands/agent.ts')).show,
  ),
  entry('Control', 'agent add', 'Register an agent and its key', async () => (await import('./commands/agent.ts')).add),
  entry(
    'Control',
    'agent remove',
    'Remove an agent; cut what it does',
    async () => (await import('./commands/agent.ts')).remove,
  ),
  entry(
    'Control',
    'agent rotate',
    'Give an agent another key',
    async () => (await import('./commands/agent.ts')).rotate,
  ),
  entry(
    'Control',
    'agent token',
    'Issue, list or revoke bearer tokens',
    async () => (await import('./commands/token.ts')).token,
  ),
  entry('Control', 'agent run', 'Open a run and its token', async () => (await import('./commands/run.ts')).start),
  entry('Control', 'run', 'List, show and end runs', async () => (await import('./commands/run.ts')).run),
  entry(
    'Control',
    'consent',
    'Let the gateway act in your name at a server',
    async () => (await import('./commands/consent.ts')).consent,
  ),
  entry(
    'Control',
    'delegate',
    'Let an agent act in your name',
    async () => (await import('./commands/delegate.ts')).delegate,
  ),
  entry(
    'Control',
    'vault set',
    'Seal a credential for upstreams',
    async () => (await import('./commands/vault.ts')).set,
  ),
  entry(
    'Control',
    'vault rotate',
    'Give an entry another secret',
    async () => (await import('./commands/vault.ts')).rotate,
  ),
  entry('Control', 'vault list', 'Entries of the vault', async () => (await import('./commands/vault.ts')).list),
  entry(
    'Control',
    'vault show',
    'One entry, without its secret',
    async () => (await import('./commands/vault.ts')).show,
  ),
  entry('Control', 'vault remove', 'Remove an entry', async () => (await import('./commands/vault.ts')).remove),
  entry(
    'Control',
    'agent join-token',
    'Let a workload elsewhere join, once',
    async () => (await import('./commands/join-token.ts')).joinToken,
  ),
  entry(
    'Control',
    'client list',
    'MCP clients that people let act for them',
    async () => (await import('./commands/client.ts')).list,
  ),
  entry(
    'Control',
    'client end',
    'Sign a client out: its run and tokens end',
    async () => (await import('./commands/client.ts')).end,
  ),
  entry(
    'Control',
    'key list',
    'The keys that sign tokens and delegations',
    async () => (await import('./commands/key.ts')).list,
  ),
  entry(
    'Control',
    'key rotate',
    'Replace the signing keys while everything goes on',
    async () => (await import('./commands/key.ts')).rotate,
  ),
  entry(
    'See',
    'spiffe status',
    'The trust domain, its authorities and bundles',
    async () => (await import('./commands/spiffe.ts')).status,
  ),
  entry(
    'Prove',
    'spiffe bundle',
    'Print the trust domain’s bundle',
    async () => (await import('./commands/spiffe.ts')).bundle,
  ),
  entry(
    'Control',
    'spiffe rotate',
    'Renew the gateway’s SVID or the authority now',
    async () => (await import('./commands/spiffe.ts')).rotate,
  ),
  entry(
    'Run',
    'spiffe fetch',
    'Write an SVID from a Workload API to files',
    async () => (await import('./commands/spiffe.ts')).fetch,
  ),
  entry(
    'Control',
    'tool list',
    'What servers offer, and what waits for a person',
    async () => (await import('./commands/tool.ts')).list,
  ),
  entry(
    'Control',
    'tool show',
    'One definition, hidden characters visible',
    async () => (await import('./commands/tool.ts')).show,
  ),
  entry(
    'Control',
    'tool diff',
    'How what is offered differs from what is pinned',
    async () => (await import('./commands/tool.ts')).diff,
  ),
  entry('Control', 'tool approve', 'Pin what waits', async () => (await import('./commands/tool.ts')).approve),
  entry('Control', 'tool reject', 'Leave what waits stopped', async () => (await import('./commands/tool.ts')).reject),
  entry(
    'Control',
    'tool unpin',
    'Take pins back; cut what rests on them',
    async () => (await import('./commands/tool.ts')).unpin,
  ),
  entry(
    'Control',
    'policy activate',
    'Make a proposed policy set effective',
    async () => (await import('./commands/policy-set.ts')).activate,
  ),
  entry(
    'Write',
    'policy list',
    'The active policies and the proposals',
    async () => (await import('./commands/policy-set.ts')).list,
  ),
  entry(
    'Write',
    'policy suggest',
    'The least policy for what agents did, with its evidence',
    async () => (await import('./commands/policy-suggest.ts')).suggest,
  ),
  entry('Write', 'policy check', 'Check policy files', async () => (await import('./commands/policy.ts')).check),
  entry('Write', 'policy test', 'Run policy test cases', async () => (await import('./commands/policy.ts')).test),
  entry('Write', 'policy format', 'Format policy files', async () => (await import('./commands/policy.ts')).format),
  entry('Write', 'config check', 'Check sallyport.yaml', async () => (await import('./commands/config.ts')).check),
  entry('Prove', 'verify', 'Check a log or a proof offline', async () => (await import('./commands/verify.ts')).verify),
  entry(
    'Prove',
    'audit checkpoint',
    'Print the newest checkpoint, to keep elsewhere',
    async () => (await import('./commands/audit.ts')).checkpoint,
  ),
  entry(
    'Prove',
    'audit export',
    'Write a proof of one receipt',
    async () => (await import('./commands/audit.ts')).exportProof,
  ),
  entry(
    'Prove',
    'audit fork',
    'Go on after a restore, under a new origin',
    async () => (await import('./commands/audit.ts')).fork,
  ),
  entry(
    'Run',
    'completion',
    'Completion for bash, zsh or fish',
    async () => (await import('./commands/completion.ts')).completion,
  ),
];

function entry(group: Group, name: string, summary: string, load: Entry['load']): Entry {
  return { name, summary, group, load };
}
