/**
 * What an argument is for, by its name: how much it matters where it points. A name is a hint and no more: it decides
 * which arguments are worth a condition and which are prose, never whether a call is permitted.
 */
export type Role = 'destination' | 'amount' | 'name' | 'prose' | 'other';

const words = (text: string): RegExp => new RegExp(`(?:^|_)(?:${text})s?$`);

const PROSE = words(
  'body|text|message|content|description|summary|subject|title|note|comment|prompt|caption|answer|reply|html|markdown|explanation|details?|rationale|msg|data|patch|diff',
);
const AMOUNT = words(
  'amount|limit|price|total|count|size|max|min|quantity|qty|row|budget|cost|sum|percent|percentage|replica|timeout|day|hour|minute|second|page_size|top|top_k|top_n|depth|balance|discount|rate|duration|ttl|length|lines|bytes|mb|gb|cents|value|units|credit|refund|retention',
);
const DESTINATION = words(
  'to|cc|bcc|from|recipient|participant|attendee|member|dest|destination|target|source|email|mail|address|iban|account|acct|payee|beneficiary|url|uri|link|href|endpoint|host|hostname|domain|server|webhook|callback|path|file|filename|dir|directory|folder|root|prefix|key|bucket|repo|repository|branch|channel|room|table|schema|database|db|collection|dataset|index|queue|topic|project|tenant|org|organization|team|cluster|namespace|region|environment|env|command|cmd|script|sql|statement|query|user|username|user_id|account_id|account_number|customer|customer_id|owner|role|permission|scope|visibility|access|share_with|group|format|mode|action|operation|type|status|method|registry|image|service|currency|vendor|supplier|merchant|warehouse|site|store|calendar|list|mailbox|workspace|model',
);
const NAME = words(
  'id|uuid|guid|number|no|ref|reference|ticket|issue|order|pr|timestamp|ts|epoch|seed|cursor|offset|page|token|hash|sha|commit|nonce|trace|session|date|time|at|since|until|start|end|before|after',
);

/** `customerId`, `customer-id` and `customer_id` are one name. */
export function roleOf(path: readonly string[]): Role {
  const last = path.at(-1) ?? '';
  const name = last
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll(/[^A-Za-z0-9]+/g, '_')
    .toLowerCase();
  if (DESTINATION.test(name)) return 'destination';
  if (PROSE.test(name)) return 'prose';
  if (AMOUNT.test(name)) return 'amount';
  return NAME.test(name) ? 'name' : 'other';
}

export const WORTH: Readonly<Record<Role, number>> = {
  destination: 1,
  amount: 0.9,
  other: 0.6,
  name: 0.4,
  prose: 0.05,
};
