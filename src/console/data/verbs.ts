const VERBS: Readonly<Record<string, string>> = { 'tool.call': 'call', 'resource.read': 'read', 'prompt.get': 'get' };

/** What an action is in a sentence, before the thing that it is done to. */
export function verbOf(action: string): string {
  return VERBS[action] ?? `${action} on`;
}

/** The same at the beginning of one. */
export function leadingVerb(action: string): string {
  const verb = verbOf(action);
  return verb.slice(0, 1).toUpperCase() + verb.slice(1);
}
