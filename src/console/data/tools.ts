import { codePointName, lookalikesOf, partWord, type ToolDetail, type ToolPart } from '../../api/contract/index.ts';

export type ToolState = ToolPart['state'];

/** What the list can be narrowed to. `unseen`: trusted at first use, nobody looked. */
export const TOOL_FILTERS = ['waits', 'unseen', 'approved', 'rejected', 'removed'] as const;
export type ToolFilter = (typeof TOOL_FILTERS)[number];

export type ToolSearch = { q?: string; state?: ToolFilter; part?: string };

const QUERY_LENGTH_MAX = 200;

export function keepToolSearch({ q, state, part }: Record<string, unknown>): ToolSearch {
  return {
    ...(typeof q === 'string' && q !== '' && q.length <= QUERY_LENGTH_MAX ? { q } : {}),
    ...(TOOL_FILTERS.includes(state as ToolFilter) ? { state: state as ToolFilter } : {}),
    ...(typeof part === 'string' && part !== '' ? { part } : {}),
  };
}

export function waits({ state }: Pick<ToolPart, 'state'>): boolean {
  return state === 'waiting' || state === 'changed';
}

const HOLDS: Record<ToolFilter, (part: ToolPart) => boolean> = {
  waits,
  unseen: ({ state, pinned }) => state === 'pinned' && pinned?.basis === 'first_use',
  approved: ({ state, pinned }) => state === 'pinned' && pinned?.basis === 'approved',
  rejected: ({ state }) => state === 'rejected',
  removed: ({ state }) => state === 'removed',
};

const KINDS: readonly ToolPart['kind'][] = ['origin', 'server', 'tool', 'prompt', 'template'];

/** In an order that a change of state does not touch: nothing moves while one reads. */
export function narrowed(parts: readonly ToolPart[], { q = '', state }: ToolSearch): ToolPart[] {
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  return parts
    .filter((part) => state === undefined || HOLDS[state](part))
    .filter((part) => {
      const text = `${partWord(part)} ${part.kind} ${part.state}`.toLowerCase();
      return words.every((word) => text.includes(word));
    })
    .sort(byPlace);
}

function byPlace(a: ToolPart, b: ToolPart): number {
  return (
    a.server.localeCompare(b.server) ||
    KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) ||
    (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
  );
}

/** Changes whenever something else would be shown of it. */
export function versionOf({ state, pinned, offered }: ToolPart): string {
  return [state, pinned?.pin, offered?.digest, offered?.at].join(' ');
}

/** Whether it is offered as it is pinned, though it was something else in between. */
export function isTakenBack({ state, differences, before, after }: ToolDetail): boolean {
  return state !== 'pinned' && differences.length === 0 && before !== null && after !== null;
}

const KIND_WORDS: Record<ToolPart['kind'], string> = {
  origin: 'where the server is, or which program',
  server: 'what the server says of itself',
  tool: 'a tool',
  prompt: 'a prompt',
  template: 'a resource template',
};

export function kindWords(kind: ToolPart['kind']): string {
  return KIND_WORDS[kind];
}

const FLAGS_MAX = 50;

export type LookalikeFlag = { path: string; characters: string };

/** Places in a definition with letters that pass for others, names of members included. */
export function lookalikeFlags(value: unknown, path = '', found: LookalikeFlag[] = []): LookalikeFlag[] {
  const look = (text: string, place: string): void => {
    const letters = new Set(lookalikesOf(text).map((one) => `${codePointName(one.character)} for ${one.drawn_like}`));
    if (letters.size > 0 && found.length < FLAGS_MAX) found.push({ path: place, characters: [...letters].join(', ') });
  };
  if (typeof value === 'string') look(value, path);
  else if (typeof value === 'object' && value !== null) {
    for (const [key, member] of Object.entries(value)) {
      look(key, `${path}/${key}`);
      lookalikeFlags(member, `${path}/${key}`, found);
    }
  }
  return found;
}
