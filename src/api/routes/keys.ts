import type { Handlers } from '../handler.ts';
import type { ApiPorts } from '../ports.ts';

export function keyHandlers({ identity: { signingKeys } }: ApiPorts): Pick<Handlers, 'keys.list' | 'keys.rotate'> {
  return {
    'keys.list': () => ({ keys: signingKeys.list().map(({ jwk: _, ...entry }) => entry) }),
    'keys.rotate': async ({ body }, { caller }) => (await signingKeys.rotate(body, caller.by)) ?? { done: true },
  };
}
