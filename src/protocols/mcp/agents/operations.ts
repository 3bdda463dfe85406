import type { Operation } from './asking.ts';
import { callTool, complete, getPrompt, readResource } from './calls.ts';
import { setLevel, subscribe, unsubscribe } from './in-session.ts';
import { discover, initialize, ping } from './introductions.ts';
import { listen } from './listen.ts';
import { LISTS } from './lists.ts';

const COMMON: Readonly<Record<string, Operation>> = {
  ...LISTS,
  'tools/call': callTool,
  'resources/read': readResource,
  'prompts/get': getPrompt,
  'completion/complete': complete,
};

/** All that an agent may ask, by revision. What is not here does not exist. */
export const MODERN_OPERATIONS: Readonly<Record<string, Operation>> = {
  ...COMMON,
  'server/discover': discover,
  'subscriptions/listen': listen,
};

export const SESSION_OPERATIONS: Readonly<Record<string, Operation>> = {
  ...COMMON,
  initialize,
  ping,
  'logging/setLevel': setLevel,
  'resources/subscribe': subscribe,
  'resources/unsubscribe': unsubscribe,
};
