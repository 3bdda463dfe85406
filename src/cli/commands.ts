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
  entry('See', 'why', 'The whole story of one receipt', async () => (await import('./commands/why.ts')).why),
  entry(
    'Run',
    'account',
    'A link that makes the first account at the console',
    async () => (await import('./commands/account.ts')).account,
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
  entry('Control', 'agent add', 'Register an agent and its key', async () => (await import('./commands/agent.ts')).add),
  entry(
    'Control',
    'agent remove',
    'Remove an agent; cut what it does',
    async () => (await import('./commands/agent.ts')).remove,
  ),
  entry(
    'Control',
    'agent token',
    'Issue, list or revoke bearer tokens',
    async () => (await import('./commands/token.ts')).token,
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
