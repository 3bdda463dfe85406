import { isJsonObject, type JsonValue } from '../../../core/json.ts';
import type { Scope } from '../../../core/scope.ts';

/** The `type` in `authorization_details` (RFC 9396, section 2). */
export const DETAILS_TYPE = 'sallyport_delegation';

const ENTRIES_MAX = 64;
const ACTION = /^[a-z][a-z_]{0,31}\.(?:\*|[a-z][a-z_]{0,31})$/;
/** A star stands at the end only, and never before the type is said. */
const RESOURCE = /^[A-Z][A-Za-z]{0,31}::[^\p{C}*]{0,512}\*?$/u;
const BUDGET = /^[a-z][a-z0-9_]{0,63}$/;

/** What of a scope was said. The rest is what the lender has. */
export type AskedScope = Partial<Scope>;

/** @returns what is wrong, in a sentence, where something is. */
export function readScope(value: JsonValue | undefined): AskedScope | string {
  if (!isJsonObject(value)) return 'A scope is an object of actions, resources and budgets.';
  const actions = readList(value.actions, ACTION);
  if (actions === false) return 'actions: a list of at most 64, such as tool.call or tool.*';
  const resources = readList(value.resources, RESOURCE);
  if (resources === false)
    return 'resources: a list of at most 64, such as Tool::github/create_issue or Tool::github/*';
  const budgets = readBudgets(value.budgets);
  if (budgets === false) return 'budgets: whole numbers by name, at most 64.';
  return {
    ...(actions === undefined ? {} : { actions }),
    ...(resources === undefined ? {} : { resources }),
    ...(budgets === undefined ? {} : { budgets }),
  };
}

function readList(value: JsonValue | undefined, form: RegExp): readonly string[] | null | undefined | false {
  if (value === undefined || value === null) return value;
  if (!Array.isArray(value) || value.length === 0 || value.length > ENTRIES_MAX) return false;
  return value.every((entry): entry is string => typeof entry === 'string' && form.test(entry)) ? value : false;
}

function readBudgets(value: JsonValue | undefined): Scope['budgets'] | undefined | false {
  if (value === undefined) return undefined;
  if (!isJsonObject(value)) return false;
  const entries = Object.entries(value);
  const good = entries.every(
    ([name, most]) => BUDGET.test(name) && typeof most === 'number' && Number.isSafeInteger(most) && most >= 0,
  );
  return good && entries.length <= ENTRIES_MAX ? (Object.fromEntries(entries) as Scope['budgets']) : false;
}

const MEMBERS = new Set(['type', 'actions', 'resources', 'budgets']);

/** `authorization_details`: one object of our type. What it says besides is refused, since it could mean to narrow. */
export function readDetails(text: string | undefined): AskedScope | string {
  if (text === undefined) return {};
  let parsed: JsonValue;
  try {
    parsed = JSON.parse(text) as JsonValue;
  } catch {
    return 'authorization_details is not JSON.';
  }
  const [details, ...more] = Array.isArray(parsed) ? parsed : [];
  if (!isJsonObject(details) || more.length > 0 || details.type !== DETAILS_TYPE) {
    return `authorization_details is a list of one object of type ${DETAILS_TYPE}.`;
  }
  const stray = Object.keys(details).find((member) => !MEMBERS.has(member));
  return stray === undefined ? readScope(details) : `authorization_details has no member ${stray}.`;
}

/** What is not said is what the lender has. */
export function filledScope(asked: AskedScope, lent: Scope): Scope {
  return {
    actions: asked.actions === undefined ? lent.actions : asked.actions,
    resources: asked.resources === undefined ? lent.resources : asked.resources,
    budgets: { ...lent.budgets, ...asked.budgets },
  };
}
