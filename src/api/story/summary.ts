import type { LoggedReceipt } from '../../controls/audit/index.ts';
import type { JsonValue } from '../../core/json.ts';
import { isJsonObject } from '../../core/json.ts';
import type { IntentReceipt, OutcomeReceipt, RefusalReceipt } from '../../core/receipt.ts';
import type { Exchange, Filters } from '../contract/index.ts';

/** A receipt that begins an exchange. */
export type First = IntentReceipt | RefusalReceipt;

export function isFirst(receipt: LoggedReceipt['receipt']): receipt is First {
  return receipt.kind === 'intent' || receipt.kind === 'refusal' || receipt.kind === 'hold';
}

/** One line for one exchange. What a refusal came too early to know stays empty. */
export function summarise(logged: LoggedReceipt, first: First, outcome: OutcomeReceipt | undefined): Exchange {
  const accesses = first.accesses ?? [];
  return {
    receipt: first.id,
    index: logged.index,
    time: first.time,
    decision: decisionOf(first),
    mode: first.observing === undefined ? 'enforcing' : 'observing',
    state: stateOf(first, outcome),
    code: first.kind === 'intent' ? (first.observing?.code ?? null) : first.code,
    protocol: first.protocol ?? '',
    operation: first.operation ?? '',
    agent: first.agent?.id ?? '',
    job: first.job ?? '',
    run: first.run ?? '',
    credential: first.credential?.kind ?? '',
    action: accesses[0]?.action ?? '',
    resource: resourceNames(logged)[0] ?? null,
    more: Math.max(0, accesses.length - 1),
    upstream: first.upstream ?? null,
    duration_us: outcome?.duration_us ?? null,
    policies: first.policy?.ids ?? [],
    parent: first.parent ?? null,
  };
}

/** Only policy makes decisions: what another stage refused was not permitted either, and its code says which. */
function decisionOf(first: First): Exchange['decision'] {
  switch (first.kind) {
    case 'intent':
      return first.observing?.would ?? 'permit';
    case 'hold':
      return 'hold';
    case 'refusal':
      return 'deny';
  }
}

function stateOf(first: First, outcome: OutcomeReceipt | undefined): Exchange['state'] {
  if (first.kind === 'hold') return 'held';
  if (first.kind === 'refusal') return 'refused';
  return outcome?.outcome ?? 'open';
}

/** `Tool::"files/read_text_file"`, as policies write it; empty where the payload is shut or erased. */
export function resourceNames({ receipt, payload }: LoggedReceipt): string[] {
  if (payload.kind !== 'open' || !Array.isArray(payload.names) || !isFirst(receipt)) return [];
  return payload.names.map((name, at) => resourceName(name, receipt.accesses?.[at]?.resource_type));
}

function resourceName(name: JsonValue, type: string | undefined): string {
  if (isJsonObject(name)) return `${String(name['type'] ?? type)}::${JSON.stringify(name['id'] ?? '')}`;
  return type === undefined ? String(name) : `${type}::${JSON.stringify(name)}`;
}

/** Whether a line is one of those asked for. */
export function matches(exchange: Exchange, filters: Filters): boolean {
  const { resource, ...exact } = filters;
  for (const [field, wanted] of Object.entries(exact)) {
    if (wanted !== undefined && exchange[field as keyof typeof exact] !== wanted) return false;
  }
  return resource === undefined || (exchange.resource ?? '').toLowerCase().includes(resource.toLowerCase());
}
