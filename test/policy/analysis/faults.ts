/** Policies with one fault each, as people make them, and what lint is to say of it. */
export type Fault = {
  what: string;
  /** Beside it, policies that are right; `FAULT` marks the line that the finding is to name. */
  text: string;
  kind: string;
  policy: string;
  /** Column of the finding, where it is not the policy's beginning. */
  column?: number;
};

const head = (id: string, effect: string, rest: string): string =>
  `@id("${id}") @reason("A rule.") ${effect} (${rest})`;
const call = (
  id: string,
  tool: string,
  when: string,
  effect = 'permit',
  who = 'principal == Agent::"triage"',
): string =>
  `${head(id, effect, `${who}, action == Action::"tool.call", resource == Tool::"${tool}"`)}\nwhen { ${when} };\n`;

export const FAULTS: readonly Fault[] = [
  {
    what: 'a permit that a wider pattern covers',
    text:
      call('wide', 'files/read', 'context.args.path like "reports/*"') +
      call('narrow', 'files/read', 'context.args.path like "reports/2026/*"'),
    kind: 'shadowed',
    policy: 'narrow',
  },
  {
    what: 'a permit for one agent beside the same for all',
    text:
      call('all', 'files/read', 'context.run.job == "triage"', 'permit', 'principal') +
      call('one', 'files/read', 'context.run.job == "triage"'),
    kind: 'shadowed',
    policy: 'one',
  },
  {
    what: 'a permit for one tool beside the same for its server',
    text: `${head('server', 'permit', 'principal == Agent::"triage", action == Action::"tool.call", resource in Server::"files"')}\nwhen { context.run.job == "triage" };\n${call('tool', 'files/read', 'context.run.job == "triage" && context.args.path like "a/*"')}`,
    kind: 'shadowed',
    policy: 'tool',
  },
  {
    what: 'the same permit twice',
    text:
      call('first', 'files/read', 'context.args.path == "a"') +
      call('second', 'files/read', '["a"].contains(context.args.path)'),
    kind: 'shadowed',
    policy: 'second',
  },
  {
    what: 'a number within another bound',
    text:
      call('hundred', 'pay/refund', 'context.args.amount.lessThan(decimal("100.0"))') +
      call('ten', 'pay/refund', 'context.args.amount.lessThanOrEqual(decimal("10.0"))'),
    kind: 'shadowed',
    policy: 'ten',
  },
  {
    what: 'the same forbid twice',
    text:
      call('ok', 'files/read', 'true') +
      call('no', 'files/read', 'context.args.path like "*..*"', 'forbid') +
      call('again', 'files/read', 'context.args.path like "*..*"', 'forbid'),
    kind: 'shadowed',
    policy: 'again',
  },
  {
    what: 'a permit that a forbid takes away whole',
    text:
      call('gives', 'files/read', 'context.args.path like "secret/*"') +
      call('takes', 'files/read', 'context.args.path like "secret*"', 'forbid', 'principal'),
    kind: 'killed',
    policy: 'gives',
  },
  {
    what: 'a forbid for the whole server over a permit in it',
    text: `${call('gives', 'files/write', 'context.run.job == "triage"')}${head('closed', 'forbid', 'principal, action, resource in Server::"files"')};\n`,
    kind: 'killed',
    policy: 'gives',
  },
  {
    what: 'a forbid unless what the permit never has',
    text: `${call('gives', 'pay/refund', 'context.args.amount.lessThan(decimal("10.0"))')}${head('takes', 'forbid', 'principal, action == Action::"tool.call", resource == Tool::"pay/refund"')}\nunless { context.args.amount.greaterThan(decimal("50.0")) };\n`,
    kind: 'killed',
    policy: 'gives',
  },
  {
    what: 'a forbid that fails wherever the permit holds',
    text:
      call('gives', 'files/read', '!(context.args has head)') +
      call('takes', 'files/read', 'context.args.head > 3', 'forbid', 'principal'),
    kind: 'killed',
    policy: 'gives',
  },
  {
    what: 'a text that is two things at once',
    text: call('both', 'files/read', 'context.args.path == "a" && context.args.path == "b"'),
    kind: 'contradictory',
    policy: 'both',
    column: 36,
  },
  {
    what: 'a pattern that excludes the other',
    text: call('both', 'files/read', 'context.args.path like "reports/*" && context.args.path like "secret/*"'),
    kind: 'contradictory',
    policy: 'both',
  },
  {
    what: 'an interval that is empty',
    text: call('none', 'files/read', 'context.args has head && context.args.head > 10 && context.args.head < 5'),
    kind: 'contradictory',
    policy: 'none',
  },
  {
    what: 'an interval without an integer',
    text: call('none', 'web/fetch', 'context.args has port && context.args.port > 80 && context.args.port < 81'),
    kind: 'contradictory',
    policy: 'none',
  },
  {
    what: 'a condition and its opposite',
    text: call('both', 'files/write', 'context.args has append && !(context.args has append)'),
    kind: 'contradictory',
    policy: 'both',
  },
  {
    what: 'when and unless alike',
    text: `${head('both', 'permit', 'principal == Agent::"triage", action == Action::"tool.call", resource == Tool::"files/read"')}\nwhen { context.args.path like "a*" }\nunless { context.args.path like "a*" };\n`,
    kind: 'contradictory',
    policy: 'both',
  },
  {
    what: 'a range outside of the other',
    text: call(
      'nets',
      'web/fetch',
      'ip(context.args.host).isInRange(ip("10.0.0.0/8")) && ip(context.args.host).isInRange(ip("192.168.0.0/16"))',
    ),
    kind: 'contradictory',
    policy: 'nets',
  },
  {
    what: 'an attribute of the agent that is otherwise',
    text: call('owner', 'files/read', 'principal.owner == "finance"'),
    kind: 'unreachable',
    policy: 'owner',
  },
  {
    what: 'a value that the schema does not list',
    text: call('state', 'github/create_issue', 'context.args has state && context.args.state == "opened"'),
    kind: 'unreachable',
    policy: 'state',
    column: 34,
  },
  {
    what: 'a member that the schema does not list',
    text: call('label', 'tickets/tag', 'context.args.tags.contains("urgnt")'),
    kind: 'unreachable',
    policy: 'label',
  },
  {
    what: 'a job that nobody has',
    text: call('job', 'files/read', 'context.run.job == "triag" && context.args.path like "a*"'),
    kind: 'unreachable',
    policy: 'job',
    column: 8,
  },
  {
    what: 'a purpose that nobody has',
    text: call('purpose', 'files/read', 'context.run has purpose && context.run.purpose == "marketing"'),
    kind: 'unreachable',
    policy: 'purpose',
  },
  {
    what: 'a job of another agent',
    text: call('job', 'files/read', 'context.run.job == "build"'),
    kind: 'unreachable',
    policy: 'job',
  },
  {
    what: 'an agent that is not registered',
    text: call('who', 'files/read', 'true', 'permit', 'principal == Agent::"triaage"'),
    kind: 'unregistered',
    policy: 'who',
  },
  {
    what: 'a tool that its server does not offer',
    text: call('tool', 'files/raed', 'true'),
    kind: 'unregistered',
    policy: 'tool',
  },
  {
    what: 'a server that is not configured',
    text: `${head('server', 'permit', 'principal == Agent::"triage", action == Action::"tool.call", resource in Server::"fils"')};\n`,
    kind: 'unregistered',
    policy: 'server',
  },
  {
    what: 'an action on what it is not for',
    text: `${head('mixed', 'permit', 'principal == Agent::"triage", action == Action::"resource.read", resource == Tool::"files/read"')};\n`,
    kind: 'unreachable',
    policy: 'mixed',
  },
  {
    what: 'an argument that the tool does not take',
    text: call('arg', 'files/read', 'context.args has paht && context.args.paht == "a"'),
    kind: 'unreachable',
    policy: 'arg',
  },
  {
    what: 'a permit of everything',
    text: `${head('all', 'permit', 'principal, action, resource')};\n`,
    kind: 'overbroad',
    policy: 'all',
  },
  {
    what: 'a permit of every tool to one agent',
    text: `${head('tools', 'permit', 'principal == Agent::"triage", action == Action::"tool.call", resource')};\n`,
    kind: 'overbroad',
    policy: 'tools',
  },
  {
    what: 'a permit of every action',
    text: `${head('acts', 'permit', 'principal == Agent::"triage", action, resource in Server::"files"')};\n`,
    kind: 'overbroad',
    policy: 'acts',
  },
  {
    what: 'a permit of a server to everybody',
    text: `${head('anybody', 'permit', 'principal, action == Action::"tool.call", resource in Server::"files"')}\nwhen { true };\n`,
    kind: 'overbroad',
    policy: 'anybody',
  },
  {
    what: 'a pattern that every text fits',
    text: call('star', 'files/read', 'context.args.path like "*"'),
    kind: 'overbroad',
    policy: 'star',
    column: 26,
  },
  {
    what: 'a permit without a reason',
    text: `@id("why") permit (principal == Agent::"triage", action == Action::"tool.call", resource == Tool::"files/read");\n`,
    kind: 'reason-missing',
    policy: 'why',
  },
];

/** Sets that do what they seem to do. */
export const HONEST: Readonly<Record<string, string>> = {
  'two agents with patterns that overlap':
    call('reads', 'files/read', 'context.args.path like "reports/*"') +
    call('reads-more', 'files/read', 'context.args.path like "*.md"'),
  'a forbid that takes a part':
    call('reads', 'files/read', 'context.args.path like "reports/*"') +
    call('no-way-up', 'files/read', 'context.args.path like "*..*"', 'forbid', 'principal'),
  'forbids for belt and braces':
    call('reads', 'files/read', 'context.args.path == "a"') +
    call('a', 'files/read', 'context.args.path like "*secret*"', 'forbid', 'principal') +
    call('b', 'files/read', 'context.args.path like "*secret/key*"', 'forbid', 'principal'),
  'an approval over a permit':
    call('refunds', 'pay/refund', 'true') +
    call(
      'large',
      'pay/refund',
      'context.args.amount.greaterThan(decimal("100.0"))',
      '@approve("lead") forbid',
      'principal',
    ),
  'a permit that approvals always cover': `${call('refunds', 'pay/refund', 'true')}@id("held") @reason("r") @approve("lead") forbid (principal, action == Action::"tool.call", resource == Tool::"pay/refund");\n`,
  'what is only tried': `${call('reads', 'files/read', 'context.args.path == "a"')}@id("try") @reason("r") @shadow("next week") permit (principal, action == Action::"tool.call", resource == Tool::"files/read");\n`,
  'asking what there is': `${head('lists', 'permit', 'principal, action == Action::"server.discover", resource')};\n`,
  'one agent, one server': `${head('files', 'permit', 'principal == Agent::"triage", action == Action::"tool.call", resource in Server::"files"')};\n`,
  'everybody, one tool': `${head('reads', 'permit', 'principal, action == Action::"tool.call", resource == Tool::"files/read"')};\n`,
  'a job of one of the agents': call('refunds', 'pay/refund', 'context.run.job == "refund"', 'permit', 'principal'),
  'in the name of somebody': call(
    'mine',
    'pay/refund',
    'context.run has subject && context.args has customer && context.args.customer == context.run.subject.name',
  ),
  'the same condition for two tools':
    call('a', 'files/read', 'context.args.path like "a/*"') + call('b', 'files/write', 'context.args.path like "a/*"'),
  'a server that has not said yet what it offers': call('wakes', 'asleep/anything', 'context.args.path like "a*"'),
};
