import { isJsonObject, type JsonValue } from '../../../core/json.ts';
import type { ArgumentsOf } from './learn.ts';
import { formOf } from './tokens.ts';
import { patternsOf } from './trie.ts';
import type { Use } from './use.ts';

/**
 * A list is one set to a policy, which cannot look at each member of it. Where members are not the same few again and
 * again, but have a form, or are records, the operator is told to declare the argument `each`: then every element is decided by itself.
 */
export type ListAdvice = { tool: string; argument: string; why: 'records' | 'form' };

/** Share of calls that may have a member which no other run has, before a list of what is known will not do. */
const OPEN_SHARE = 0.04;
const CALLS_MIN = 5;

export function listsToSplit(uses: readonly Use[], argumentsOf: ArgumentsOf): ListAdvice[] {
  const tools = Map.groupBy(
    uses.filter(({ action }) => action === 'tool.call'),
    ({ resource }) => resource.id,
  );
  return [...tools].flatMap(([tool, calls]) => {
    const [{ action, resource }] = calls as [Use, ...Use[]];
    const fields = argumentsOf(action, resource)?.fields ?? new Map();
    return [...fields.keys()].flatMap((argument): ListAdvice[] => {
      const why = whyToSplit(calls, argument);
      return why === undefined ? [] : [{ tool, argument, why }];
    });
  });
}

function whyToSplit(calls: readonly Use[], argument: string): ListAdvice['why'] | undefined {
  const lists = calls.flatMap(({ args, run }) => {
    const list = Object.hasOwn(args, argument) ? args[argument] : undefined;
    return Array.isArray(list) ? [{ list, run: run.id }] : [];
  });
  if (lists.length < CALLS_MIN) return undefined;
  const members = lists.flatMap(({ list }) => list);
  if (members.length > 0 && members.every(isJsonObject)) return 'records';
  if (!members.every((member) => typeof member === 'string')) return undefined;
  return isOpen(lists) && hasForm(lists) ? 'form' : undefined;
}

type Lists = readonly { list: readonly JsonValue[]; run: string }[];

function isOpen(lists: Lists): boolean {
  const runs = new Map<JsonValue, Set<string>>();
  for (const { list, run } of lists) {
    for (const member of list) runs.set(member, (runs.get(member) ?? new Set()).add(run));
  }
  const alone = lists.filter(({ list }) => list.some((member) => runs.get(member)?.size === 1));
  return alone.length > lists.length * OPEN_SHARE;
}

function hasForm(lists: Lists): boolean {
  const numbers = new Map<string, number>();
  const samples = lists.flatMap(({ list, run }) => {
    const number = numbers.get(run) ?? numbers.size;
    numbers.set(run, number);
    return list.map((text) => ({ text: text as string, run: number }));
  });
  const form = formOf(samples.map(({ text }) => text));
  if (form === 'date' || form === 'words') return false;
  return patternsOf(samples, form, { openness: 0.03, depth_max: 1 }) !== undefined;
}
