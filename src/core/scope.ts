/**
 * How much of its authority somebody lends. A missing list lends all that the lender has; what is lent never exceeds it,
 * because a hop is refused where it says more, and because every hop of a chain must cover an access.
 */
export type Scope = {
  /** Cedar action ids, or `tool.*` for a family. Null: every action. */
  actions: readonly string[] | null;
  /** `Tool::github/create_issue`, or a prefix: `Tool::github/*`. Null: every resource. */
  resources: readonly string[] | null;
  /** Upper bounds by their budget's name, each a whole number. A budget that is not named is not bounded here. */
  budgets: Readonly<Record<string, number>>;
};

export const WHOLE_SCOPE: Scope = { actions: null, resources: null, budgets: {} };

/** Whether a list entry, plain or ending in `*`, takes in a name or another entry. */
export function takesIn(entry: string, name: string): boolean {
  return entry.endsWith('*') ? name.startsWith(entry.slice(0, -1)) : entry === name;
}

function listCovers(list: readonly string[] | null, name: string): boolean {
  return list === null || list.some((entry) => takesIn(entry, name));
}

export function scopeCovers(
  scope: Scope,
  { action, resource }: { action: string; resource: { type: string; id: string } },
): boolean {
  return listCovers(scope.actions, action) && listCovers(scope.resources, `${resource.type}::${resource.id}`);
}

/** The first thing in which `inner` says more than `outer`; undefined where it says no more. */
export function widening(inner: Scope, outer: Scope): string | undefined {
  return (
    listWidening('actions', inner.actions, outer.actions) ??
    listWidening('resources', inner.resources, outer.resources) ??
    budgetWidening(inner.budgets, outer.budgets)
  );
}

function listWidening(
  what: string,
  inner: readonly string[] | null,
  outer: readonly string[] | null,
): string | undefined {
  if (outer === null) return undefined;
  if (inner === null) return `all ${what}`;
  const wide = inner.find((entry) => !listCovers(outer, entry));
  return wide === undefined ? undefined : `${what}: ${wide}`;
}

function budgetWidening(inner: Scope['budgets'], outer: Scope['budgets']): string | undefined {
  for (const [name, most] of Object.entries(outer)) {
    const asked = Object.hasOwn(inner, name) ? inner[name] : undefined;
    if (asked === undefined) return `no bound on ${name}`;
    if (asked > most) return `${name}: ${asked} of ${most}`;
  }
  return undefined;
}
