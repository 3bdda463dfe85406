import { refuse } from '../../core/refusal.ts';
import type { Handlers, StreamHandlers } from '../handler.ts';
import type { ApiPorts } from '../ports.ts';
import { explainStory } from '../story/explain-story.ts';
import { follow } from '../story/follow.ts';
import { exchangePage } from '../story/page.ts';
import { tell } from '../story/story.ts';

const PAGE_DEFAULT = 100;
/** Live readers at one time: each one reads the log for itself. */
const LIVE_MAX = 64;
const LIVE_OF_ONE_MAX = 16;

export function exchangeHandlers({
  ledger,
  policy,
  recorded,
  explainer,
}: ApiPorts): Pick<Handlers, 'exchanges.list' | 'exchanges.story'> {
  return {
    'exchanges.list': ({ query: { cursor, limit, ...filters } }, { caller }) =>
      exchangePage(ledger, { filters, cursor, limit: limit ?? PAGE_DEFAULT, reader: caller.by }),
    'exchanges.story': async ({ params: { receipt } }, { caller }) => {
      const found = await ledger.story(receipt, { reader: caller.by });
      if (found === undefined) return refuse('not_found', `${receipt} is no receipt`);
      const set = policy.status().active.digest;
      const explanation = await explainStory(found, { recorded, explainer, set });
      return (
        tell(found, { policies: policy.list(), set, explanation }) ??
        refuse('not_found', `${receipt} is no receipt of an exchange`)
      );
    },
  };
}

export function liveHandlers({ clock, ledger }: ApiPorts): StreamHandlers {
  const readers = new Readers();
  return {
    'exchanges.live': async ({ query: { after, ...filters } }, { caller, last_event_id, signal }) => {
      if (!readers.admit(caller.by, signal)) return refuse('rate_limited', 'too many live streams are open');
      const draft = { event: 'payload.read', by: caller.by, subject: 'live', before: null, after: null } as const;
      const under = await ledger.control(undefined, draft);
      const from = resumeAt(last_event_id) ?? after ?? ledger.status().size - 1;
      return follow({ clock, ledger, after: from, filters, under, signal });
    },
  };
}

/** Who follows, so that one person's forgotten tabs do not shut the others out. */
class Readers {
  readonly #open = new Map<string, number>();
  #all = 0;

  admit(by: string, signal: AbortSignal): boolean {
    const own = this.#open.get(by) ?? 0;
    if (signal.aborted || this.#all >= LIVE_MAX || own >= LIVE_OF_ONE_MAX) return false;
    this.#open.set(by, own + 1);
    this.#all += 1;
    signal.addEventListener('abort', () => this.#leave(by), { once: true });
    return true;
  }

  #leave(by: string): void {
    const own = this.#open.get(by) ?? 0;
    this.#all -= 1;
    if (own > 1) this.#open.set(by, own - 1);
    else this.#open.delete(by);
  }
}

function resumeAt(last_event_id: string | undefined): number | undefined {
  return last_event_id !== undefined && /^\d{1,15}$/.test(last_event_id) ? Number(last_event_id) : undefined;
}
