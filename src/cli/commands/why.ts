import type { Story } from '../../api/contract/index.ts';
import { isId } from '../../core/ids.ts';
import { visibleJson, visibleLines, visibleText } from '../../core/visible-text.ts';
import { type Command, DONE, UsageError } from '../command.ts';
import { explanationText } from '../explanation.ts';
import { gatewayOf, report } from '../gateway.ts';
import { dateTime, decisionMark, duration, facts, fold, foreign, paint } from '../paint.ts';
import type { Terminal } from '../terminal.ts';

export const why: Command = {
  usage: '<receipt>',
  arity: [1, 1],
  about:
    'Tells the whole story of one exchange by any of its receipts: who, in which run of which job, what was asked, which policy decided and why, what came back, and the time in each stage. Reading it is itself recorded.',
  examples: [
    ['sallyport why rcp_0123456789abcdefghijklmnop', 'the story, for people'],
    ['sallyport why rcp_0123456789abcdefghijklmnop --json', 'all of it, receipts included'],
  ],
  async run(call) {
    const [receipt = ''] = call.args;
    if (!isId('rcp', receipt))
      throw new UsageError('A receipt looks like rcp_ and 26 letters and digits; `sallyport tail` prints them');
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const answer = await client.call('exchanges.story', { params: { receipt } });
    if (answer.kind === 'failure') return report(call, answer);
    call.terminal.write(call.json ? `${visibleJson(answer.value, 2)}\n` : storyText(answer.value, call.terminal));
    return DONE;
  },
};

/** A story before a table: the sentence, then why, then the facts. */
export function storyText(story: Story, terminal: Terminal): string {
  return [
    `${fold(visibleText(story.sentence), terminal.columns)}\n`,
    decisionText(story, terminal),
    story.explanation === null ? '' : explanationText(story.explanation, terminal),
    factsText(story, terminal),
    stagesText(story, terminal),
    askedText(story, terminal),
    endText(story),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

function decisionText({ decision, exchange }: Story, terminal: Terminal): string {
  const { mark, colour, word } = decisionMark(exchange);
  const lines = [`${paint(terminal, colour, `${mark} ${word}`)}${decision.code === null ? '' : ` ${decision.code}`}`];
  const say = (label: string, text: string | null): void => {
    if (text !== null && text !== '') lines.push(fold(`${label}: ${visibleText(text)}`, terminal.columns, '  '));
  };
  say('why', decision.reason);
  for (const { id, reason, file, line } of decision.policies) {
    say(`policy ${id}${file === null ? '' : ` (${file}:${line ?? 1})`}`, reason ?? 'no reason given');
  }
  for (const error of decision.errors) say('error', error);
  say('the agent was told', decision.public);
  for (const obligation of decision.obligations) say('obligation', obligation);
  for (const shadow of decision.shadow) say('shadow', shadow);
  return `${lines.join('\n')}\n`;
}

function factsText({ exchange, outcome, decision }: Story, terminal: Terminal): string {
  const rows: [string, string][] = [
    ['when', `${dateTime(exchange.time)} UTC`],
    ['agent', `${exchange.agent}, job ${exchange.job}, run ${exchange.run}, ${exchange.credential} credential`],
    [
      'asked',
      `${exchange.action} ${exchange.resource ?? '(not readable)'} (${exchange.protocol} ${exchange.operation})`,
    ],
    [
      'state',
      outcome === null
        ? exchange.state
        : `${outcome.kind} after ${duration(outcome.duration_us)}, ${outcome.received_bytes} bytes in, ${outcome.released_bytes} released, ${outcome.frames} frames`,
    ],
  ];
  if (outcome?.cause) rows.push(['cause', outcome.cause]);
  if (decision.set !== null) rows.push(['policy set', decision.set]);
  return facts(
    rows.map(([name, value]) => [name, visibleText(value)] as const),
    terminal,
  );
}

function stagesText({ stages }: Story, terminal: Terminal): string {
  if (stages.length === 0) return '';
  const longest = Math.max(...stages.map(({ us }) => us), 1);
  const width = Math.max(...stages.map(({ stage }) => stage.length));
  const lines = stages.map(({ stage, verdict, us }) => {
    const bar = '▇'.repeat(Math.max(1, Math.round((us / longest) * 20)));
    const colour = verdict === 'pass' ? 'green' : 'red';
    return `  ${foreign(stage).padEnd(width)}  ${paint(terminal, colour, verdict.padEnd(6))} ${duration(us).padStart(8)}  ${bar}`;
  });
  return `${lines.join('\n')}\n`;
}

const SHOWN_CHARACTERS_MAX = 4_000;

function askedText({ asked, answered }: Story, terminal: Terminal): string {
  const block = (name: string, value: unknown): string => {
    if (value === null || value === undefined) return '';
    const text = visibleJson(value, 2);
    const cut =
      text.length > SHOWN_CHARACTERS_MAX
        ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}… (${text.length} characters; --json shows all)`
        : text;
    return `${paint(terminal, 'dim', name)}\n${cut.replace(/^/gm, '  ')}\n`;
  };
  return block('asked', asked) + block('answered', answered);
}

function endText({ receipts, children, missing, continues }: Story): string {
  const lines = receipts.map(({ index, receipt }) => {
    const place = index === null ? 'not yet in the tree' : `entry ${index}`;
    return `${foreign(String(receipt['kind'] ?? 'receipt'))} ${foreign(String(receipt['id'] ?? ''))}, ${place}`;
  });
  if (continues !== null) lines.push(`continues ${visibleText(continues)}`);
  for (const child of children) lines.push(`caused ${child}`);
  for (const item of missing) lines.push(`missing: ${visibleLines(item)}`);
  const first = receipts[0]?.receipt['id'];
  if (typeof first === 'string')
    lines.push(`Prove it to a stranger: sallyport audit export ${visibleText(first)} > receipt.tlog-proof`);
  return `${lines.join('\n')}\n`;
}
