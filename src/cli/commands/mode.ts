import { visibleJson, visibleText } from '../../core/visible-text.ts';
import { type Call, type Command, DONE, type ExitCode, UsageError } from '../command.ts';
import { gatewayOf, PRESENCE_OPTIONS, report, showPresence } from '../gateway.ts';
import { dateTime, fold, paint } from '../paint.ts';

const REASON = { type: 'string', short: 'r', value: '<text>', about: 'Why; recorded.' } as const;
const HOURS_DEFAULT = '24h';

export const observe: Command = {
  usage: '',
  arity: [0, 0],
  about:
    'Lets through what policy refuses and records it as refused, to learn what an agent needs. Ends by itself after a day at most. Softens policy’s own decision alone: never identity, stops, pins, the vault, egress, delegations, approvals or recording. Needs presence: a code of an authenticator.',
  examples: [
    ['sallyport mode observe --for 24h --reason "first day of triage" --as ada', 'asks for password and code'],
    ['sallyport mode observe --for 30m --reason "one run" --as ada', 'for half an hour'],
  ],
  options: {
    for: { type: 'string', value: '<time>', about: 'How long: 30m, 8h; 24h at most and where nothing is said.' },
    reason: REASON,
    ...PRESENCE_OPTIONS,
  },
  async run(call) {
    const minutes = minutesOf(call.options.text('for') ?? HOURS_DEFAULT);
    const reason = call.options.text('reason');
    if (reason === undefined) throw new UsageError('Say why: --reason "first day of triage"');
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const absent = await showPresence(call, client);
    if (absent !== undefined) return absent;
    const answer = await client.call('mode.observe', { body: { minutes, reason } });
    if (answer.kind === 'failure') return report(call, answer);
    return told(call, answer.value, `observing until ${dateTime(answer.value.until ?? 0)} UTC`, OBSERVING);
  },
};

const OBSERVING =
  'What policy refuses is let through and recorded as refused. End it before: sallyport mode enforce. What was let through: sallyport tail --decision deny --past 100';

export const enforce: Command = {
  usage: '',
  arity: [0, 0],
  about: 'Enforces policy again, at once and on every replica. Needs nobody’s presence.',
  examples: [['sallyport mode enforce --reason "seen enough"', 'from the next call on']],
  options: { reason: REASON },
  async run(call) {
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const reason = call.options.text('reason');
    const answer = await client.call('mode.enforce', { body: reason === undefined ? {} : { reason } });
    if (answer.kind === 'failure') return report(call, answer);
    return told(call, answer.value, 'enforcing', 'What policy refuses is refused.');
  },
};

function told({ terminal, json }: Call, value: { mode: string }, words: string, more: string): ExitCode {
  const isGreen = value.mode === 'enforcing';
  const line = paint(terminal, isGreen ? 'green' : 'yellow', `${isGreen ? '✓' : '…'} ${words}`);
  terminal.write(json ? `${visibleJson(value)}\n` : `${line}\n${fold(visibleText(more), terminal.columns)}\n`);
  return DONE;
}

const UNITS: Readonly<Record<string, number>> = { m: 1, h: 60, d: 1_440 };
const DAY_MINUTES = 1_440;

/** `90m`, `8h`, `1d`. @throws UsageError for anything else, and for more than a day. */
export function minutesOf(text: string): number {
  const [, count = '', unit = ''] = /^([1-9]\d{0,4})([mhd])$/.exec(text) ?? [];
  const minutes = Number(count) * (UNITS[unit] ?? 0);
  if (minutes < 1 || minutes > DAY_MINUTES) throw new UsageError('--for is a time such as 30m or 8h, 24h at most');
  return minutes;
}
