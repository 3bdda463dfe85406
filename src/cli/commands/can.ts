import type { CanAnswer } from '../../api/contract/index.ts';
import { visibleJson, visibleText } from '../../core/visible-text.ts';
import { type Command, DONE, FAILED, UsageError } from '../command.ts';
import { explanationText } from '../explanation.ts';
import { gatewayOf, report } from '../gateway.ts';
import { fold, paint, STATE_MARKS } from '../paint.ts';
import type { Terminal } from '../terminal.ts';

export const can: Command = {
  usage: '<agent> <action> <resource>',
  arity: [3, 3],
  about:
    'Answers whether an agent may, before it tries: by the policies in force, for its registered jobs. Where it may not, says which clause stands in the way and the smallest change that would permit it. Nothing is done. Exits with 1 where the answer is no.',
  examples: [
    ['sallyport can triage tool.call files/read_text_file', 'may it be called at all'],
    [
      'sallyport can triage tool.call files/read_text_file --args \'{"path":"reports/may.md"}\'',
      'with these arguments',
    ],
    ["sallyport can support tool.call crm/refund --job refunds --purpose refund --for ann --args '{}'", 'for whom'],
  ],
  options: {
    args: { type: 'string', value: '<json>', about: 'The arguments, as a JSON object.' },
    job: { type: 'string', value: '<job>', about: 'Which of its jobs; needed where it has several.' },
    purpose: { type: 'string', value: '<purpose>', about: 'One of its purposes.' },
    for: { type: 'string', value: '<user>', about: 'In whose name.' },
  },
  async run(call) {
    const [agent = '', action = '', resource = ''] = call.args;
    const args = argumentsOf(call.options.text('args'));
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const given = {
      job: call.options.text('job'),
      purpose: call.options.text('purpose'),
      for: call.options.text('for'),
    };
    const answer = await client.call('can', {
      body: { agent, action, resource, ...given, ...(args === undefined ? {} : { args }) },
    });
    if (answer.kind === 'failure') return report(call, answer);
    call.terminal.write(call.json ? `${visibleJson(answer.value, 2)}\n` : canText(answer.value, call.terminal));
    return answer.value.effect === 'permit' ? DONE : FAILED;
  },
};

type Arguments = NonNullable<Parameters<typeof JSON.stringify>[0]>;

function argumentsOf(text: string | undefined): Record<string, Arguments> | undefined {
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`--args is not JSON: ${(error as Error).message}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new UsageError('--args is a JSON object, such as {"path":"reports/may.md"}');
  return value as Record<string, Arguments>;
}

function canText({ effect, code, sentence, public: told, explanation }: CanAnswer, terminal: Terminal): string {
  const { mark, colour } = STATE_MARKS[effect];
  const lines = [
    `${paint(terminal, colour, `${mark} ${effect}`)}${code === null ? '' : ` ${code}`}`,
    fold(visibleText(sentence), terminal.columns),
  ];
  if (told !== null) lines.push(fold(`the agent would be told: ${visibleText(told)}`, terminal.columns, '  '));
  return `${lines.join('\n')}\n\n${explanationText(explanation, terminal)}`;
}
