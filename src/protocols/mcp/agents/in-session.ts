import { isRefusal } from '../../../core/refusal.ts';
import { type Asking, answered, type Operation, result } from './asking.ts';
import { forwarded, locate } from './calls.ts';
import { isLevel } from './levels.ts';
import { badParams, RPC, refuseAs } from './wire.ts';

/** What 2025-11-25 has and 2026-07-28 has not. */

/** `logging/setLevel`: decided, then kept for the session; a server that keeps it too is told. */
export const setLevel: Operation = (asking) => {
  const { level } = asking.params;
  if (!isLevel(level)) return badParams('level is not one of the eight');
  const server = asking.server ?? '*';
  const access = { action: 'log.set_level', resource: { type: 'Server', id: server }, args: {} };
  const keep = () => {
    if (asking.session) asking.session.level = level;
  };
  if (asking.server !== undefined && keepsLevels(asking, asking.server)) {
    const outgoing = { server, method: asking.method, params: { level } };
    return forwarded(asking, {
      effect: 'read',
      accesses: [access],
      outgoing,
      finish: (carried) => {
        if (carried.kind === 'result') keep();
        return carried;
      },
    });
  }
  const own = answered(asking, () => {
    keep();
    return result({});
  });
  return { ...own, effect: 'read', accesses: [access], payload: { method: asking.method, level } };
};

/** A stateless server is told with each request instead. */
function keepsLevels(asking: Asking, server: string): boolean {
  return asking.parts.catalogs.era(server, '2025-11-25') === '2025-11-25';
}

export const subscribe: Operation = (asking) => subscription(asking, 'read');

/** Needs no permission: whoever may no longer subscribe must still be able to stop. */
export const unsubscribe: Operation = (asking) => subscription(asking, 'discover');

function subscription(asking: Asking, effect: 'read' | 'discover') {
  const { session } = asking;
  const found = locate(asking, asking.params['uri']);
  if (isRefusal(found)) return found;
  const { server, uri } = found;
  if (session === undefined || !keepsLevels(asking, server)) {
    return refuseAs({ code: RPC.method_not_found }, 'method_unknown', `${server} knows no subscriptions of 2025-11-25`);
  }
  const known = asking.naming.uri(server, uri);
  return forwarded(asking, {
    effect,
    accesses: [{ action: 'resource.subscribe', resource: { type: 'Resource', id: `${server}/${uri}` }, args: {} }],
    outgoing: { server, method: asking.method, params: { uri } },
    finish: (carried) => {
      if (carried.kind === 'error') return carried;
      if (effect === 'discover') session.subscriptions.delete(known);
      else session.subscribe(known);
      return carried;
    },
  });
}
