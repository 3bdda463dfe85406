import { GATEWAY, type Connection as HeldConnection } from '../../controls/identity/index.ts';
import { POWERS, type Role } from '../../core/person.ts';
import { isRefusal, type Refusal, refuse } from '../../core/refusal.ts';
import type { Connection } from '../contract/index.ts';
import type { Handlers } from '../handler.ts';
import type { ApiPorts } from '../ports.ts';
import type { ApiCaller } from '../server/caller.ts';

type Operation = 'connections.list' | 'connections.begin' | 'connections.finish' | 'connections.end';
type Holder = Connection['holder'];

export function connectionHandlers(ports: ApiPorts): Pick<Handlers, Operation> {
  const { connections } = ports.identity;
  return {
    'connections.list': async (_input, { caller }) => {
      const person = personOf(caller);
      if (isRefusal(person)) return person;
      const own = await described(ports, 'me', await connections.list(person.id));
      return { connections: [...own, ...(await described(ports, 'gateway', await connections.list(GATEWAY)))] };
    },
    'connections.begin': async ({ body: { upstream, holder } }, { caller }) => {
      const who = holderOf(caller, holder);
      if (isRefusal(who)) return who;
      const source = ports.connectSource(upstream);
      if (source === undefined) return notConnectable(upstream);
      if (!(await connections.hasHeard(upstream))) await ports.meet(upstream);
      const begun = await connections.begin(upstream, source, who.person, who.holder);
      return isRefusal(begun) ? begun : { ...begun, scope: begun.scope ?? null };
    },
    'connections.finish': async ({ body }, { caller }) => {
      const person = personOf(caller);
      if (isRefusal(person)) return person;
      const made = await connections.finish(person, body, ports.connectSource);
      if (isRefusal(made)) return made;
      return await describe(ports, made.holder === GATEWAY ? 'gateway' : 'me', made.upstream, made);
    },
    'connections.end': async ({ params: { holder, upstream } }, { caller }) => {
      const who = holderOf(caller, holder);
      return isRefusal(who) ? who : ((await connections.end(upstream, who.holder, who.person)) ?? { done: true });
    },
  };
}

/** Those that there are, and those that could be. */
async function described(ports: ApiPorts, holder: Holder, made: readonly HeldConnection[]): Promise<Connection[]> {
  const all = new Set([...ports.connectable(), ...made.map(({ upstream }) => upstream)]);
  const rows = [...all].sort().map((upstream) => ({ upstream, held: made.find((one) => one.upstream === upstream) }));
  return Promise.all(rows.map(({ upstream, held }) => describe(ports, holder, upstream, held)));
}

async function describe(
  { identity }: ApiPorts,
  holder: Holder,
  upstream: string,
  held: HeldConnection | undefined,
): Promise<Connection> {
  if (held === undefined) return { upstream, holder, made: null };
  const { issuer, client_id, scope, dpop, renewable, made_at } = held;
  const access_expires_at = await identity.connections.endsAt(held);
  return { upstream, holder, made: { issuer, client_id, scope, dpop, renewable, made_at, access_expires_at } };
}

/** A connection is a person's own; the control socket is nobody. */
function personOf(caller: ApiCaller): { id: string; name: string; roles: readonly Role[] } | Refusal {
  return caller.kind === 'person'
    ? caller.session.person
    : refuse('sign_in_required', 'a connection is a person’s own');
}

/** What the gateway itself may do is an admin's to say. */
function holderOf(caller: ApiCaller, holder: Holder) {
  const person = personOf(caller);
  if (isRefusal(person)) return person;
  const administers = person.roles.some((role) => POWERS.administer.some((one) => one === role));
  if (holder === 'gateway' && !administers) return refuse('role_missing', 'an admin connects the gateway itself');
  return { person, holder: holder === 'gateway' ? GATEWAY : person.id };
}

function notConnectable(upstream: string): Refusal {
  const sentence = `${upstream} is no server at which people sign in: its configuration has no credential.connect.`;
  return refuse('not_found', sentence, { public: sentence });
}
