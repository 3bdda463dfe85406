import type { Operation } from './asking.ts';
import { callTool, complete, getPrompt, readResource } from './calls.ts';
import type { Changes } from './changes.ts';
import { setLevel, subscribe, unsubscribe } from './in-session.ts';
import { discover, initialize, ping } from './introductions.ts';
import { listen } from './listen.ts';
import { LISTS } from './lists.ts';

export type Operations = { modern: Readonly<Record<string, Operation>>; session: Readonly<Record<string, Operation>> };

/** All that an agent may ask, by revision. What is not here does not exist. */
export function operations(changes: Changes): Operations {
  const common: Record<string, Operation> = {
    ...LISTS,
    'tools/call': callTool,
    'resources/read': readResource,
    'prompts/get': getPrompt,
    'completion/complete': complete,
  };
  return {
    modern: { ...common, 'server/discover': discover, 'subscriptions/listen': (asking) => listen(asking, changes) },
    session: {
      ...common,
      initialize,
      ping,
      'logging/setLevel': setLevel,
      'resources/subscribe': subscribe,
      'resources/unsubscribe': unsubscribe,
    },
  };
}
