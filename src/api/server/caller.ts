import type { People, Session } from '../../controls/identity/index.ts';
import { ROLES, type Role } from '../../core/person.ts';
import { isRefusal, type Refusal, refuse } from '../../core/refusal.ts';
import type { Route } from '../contract/index.ts';

/** Who asks. `by` is how receipts name them. */
export type ApiCaller =
  | { kind: 'nobody'; by: 'nobody' }
  | { kind: 'local'; by: 'local'; roles: readonly Role[] }
  | { kind: 'person'; by: string; roles: readonly Role[]; session: Session; cookie: string };

export const NOBODY: ApiCaller = { kind: 'nobody', by: 'nobody' };

/**
 * Cookie or control socket, nothing else: an `Authorization` header is not even looked at here, so that no agent's
 * credential can open a control-plane route. A person may sign in over the socket too, for what needs presence.
 */
export async function findCaller(
  door: { local: boolean; cookie: string | undefined },
  people: Pick<People, 'session'>,
): Promise<ApiCaller> {
  const session = door.cookie === undefined ? undefined : await people.session(door.cookie);
  if (session !== undefined && !isRefusal(session)) {
    const { person } = session;
    return { kind: 'person', by: `person:${person.id}`, roles: person.roles, session, cookie: door.cookie! };
  }
  return door.local ? { kind: 'local', by: 'local', roles: ROLES } : NOBODY;
}

/** May this caller use this route? Absence of a reason to say yes is a no. */
export function checkCaller(
  route: Pick<Route, 'roles' | 'presence'>,
  caller: ApiCaller,
  now: number,
): Refusal | undefined {
  if (route.roles === 'anyone') return undefined;
  if (caller.kind === 'nobody') return refuse('sign_in_required', 'no session');
  const { roles } = route;
  if (!caller.roles.some((role) => roles.includes(role))) {
    return refuse('role_missing', `needs one of ${roles.join(', ')}; ${caller.by} has ${caller.roles.join(', ')}`);
  }
  return route.presence ? checkPresence(caller, now) : undefined;
}

/** Whoever holds the operator's files, perhaps an agent, has the socket but not the person's authenticator. */
function checkPresence(caller: Exclude<ApiCaller, { kind: 'nobody' }>, now: number): Refusal | undefined {
  if (caller.kind === 'local')
    return refuse('presence_required', 'the control socket alone is nobody: sign in and show a code');
  const until = caller.session.present_until;
  return until !== null && until > now ? undefined : refuse('presence_required', 'no fresh code in this session');
}
