import { publicSentence } from '../../core/refusal.ts';
import type { Exchange, Story } from '../contract/index.ts';

const VERBS: Readonly<Record<string, string>> = {
  'tool.call': 'asked to call',
  'resource.read': 'asked to read',
  'resource.subscribe': 'asked to follow',
  'prompt.get': 'asked for the prompt',
  'completion.complete': 'asked for completions from',
  'log.set_level': 'asked to set the log level of',
  'sampling.create': 'asked for a completion by the model of',
  'elicitation.create': 'asked a question to the person behind',
  'roots.list': 'asked for the folders of',
  'server.discover': 'asked what there is at',
  'access.evaluate': 'asked for a decision of',
  'access.search': 'searched the permissions of',
};

const ENDINGS: Readonly<Record<Exchange['state'], string>> = {
  open: 'It is still going on.',
  completed: 'It completed',
  failed: 'It failed',
  withheld: 'The answer was withheld',
  cut: 'It was cut',
  cancelled: 'The caller went away',
  unknown: 'What became of it is not known',
  refused: 'Nothing was forwarded.',
  held: 'It waits for a person.',
};

/** An exchange opens as a sentence: who, in what, asked for what, what was decided and why, what became of it. */
export function sentence(exchange: Exchange, outcome: Story['outcome']): string {
  return [asked(exchange), decided(exchange), ended(exchange, outcome)].join(' ');
}

/** The first half of the sentence: who, in what, asked for what. */
export function asked(exchange: Asking): string {
  return `${who(exchange)} ${what(exchange)}.`;
}

type Asking = Pick<Exchange, 'agent' | 'job' | 'action' | 'operation' | 'resource' | 'more'>;

function who({ agent, job }: Asking): string {
  if (agent === '') return 'Someone';
  return job === '' ? agent : `${agent}, in a run of job ${job},`;
}

function what({ action, operation, resource, more }: Asking): string {
  const verb = VERBS[action] ?? `asked for ${action === '' ? operation || 'something' : action} on`;
  const name = resource === null ? 'something whose name is not here' : shortName(resource);
  const rest = more === 0 ? '' : ` and ${more} more`;
  return action === '' && resource === null ? `asked for ${operation || 'something'}` : `${verb} ${name}${rest}`;
}

/** `Tool::"files/read"` is `files/read` to people. */
export function shortName(resource: string): string {
  const match = /^[A-Za-z]+::"(.*)"$/s.exec(resource);
  return match === null ? resource : match[1]!.replaceAll('\\"', '"');
}

/** The reason in full stands below the sentence: it may be long, and it is for people only. */
function decided(exchange: Exchange): string {
  const words = decidedBy(exchange);
  const { mode, decision, state } = exchange;
  if (mode === 'enforcing') return words;
  const isThrough = decision === 'deny' && state !== 'refused';
  return isThrough
    ? `${words} The gateway was observing, so it was let through.`
    : `${words} The gateway was observing.`;
}

function decidedBy({ decision, code, policies }: Exchange): string {
  switch (decision) {
    case 'permit':
      return policies.length === 0 ? 'It was permitted.' : `It was permitted by ${policies.join(', ')}.`;
    case 'hold':
      return policies.length === 0 ? 'It was held.' : `It was held by ${policies.join(', ')}.`;
    case 'deny':
      if (code === 'policy_denied' && policies[0] === 'default-deny')
        return 'No policy permits that, so it was refused.';
      if (code === 'policy_denied') return `It was refused by ${policies.join(', ')}.`;
      return `It was refused: ${code === null ? 'why is not known.' : publicSentence(code)}`;
  }
}

function ended({ state }: Exchange, outcome: Story['outcome']): string {
  const words = ENDINGS[state];
  if (outcome === null || words.endsWith('.')) return words.endsWith('.') ? words : `${words}.`;
  const ms = outcome.duration_us / 1000;
  const after = ms < 10 ? ms.toFixed(1) : Math.round(ms).toString();
  const cause = outcome.cause === null ? '' : `: ${outcome.cause.replace(/\.$/, '')}`;
  return `${words} after ${after} ms${cause}.`;
}
