import { andThen } from '../../core/and-then.ts';
import type { Destination, Presented } from '../../core/exchange.ts';
import type { Caller } from '../../core/principal.ts';
import { isRefusal, type Refusal, refuse } from '../../core/refusal.ts';
import type { Live } from '../live.ts';
import type { Pass } from '../pass.ts';
import type { StageRun, Verdict } from '../pipeline.ts';

export type Identify = {
  authenticate(presented: Presented): Caller | Refusal | Promise<Caller | Refusal>;
  /** The stop list's answer for a caller that proved who it is, or for an upstream. */
  stopped(who: Caller | Destination): Refusal | undefined;
  /** Told of whoever got through, so that admission knows them when their address is in trouble. */
  proved(presented: Presented): void;
};

/**
 * Who is there, and may it be there at all. From here on the exchange can be cut by its caller's name; the stop list is
 * asked after that, so that a stop set in between is seen here or cuts there.
 */
export function checkIdentity(identity: Identify, live: Live, agentExchangesMax: () => number): StageRun {
  function admit(pass: Pass, caller: Caller | Refusal): Verdict {
    if (isRefusal(caller)) return caller;
    live.identify(pass.live, caller);
    const stopped = identity.stopped(caller);
    if (stopped) return stopped;
    if (!pass.parent && live.of(caller.agent.id) > agentExchangesMax()) {
      return refuse('rate_limited', `${caller.agent.id} has ${agentExchangesMax()} exchanges in flight`);
    }
    pass.caller = caller;
    identity.proved(pass.attempt.presented);
    return undefined;
  }
  return (pass) => andThen(whoIs(identity, pass), (caller) => admit(pass, caller));
}

/** A proof counts once, so an exchange that takes another pass is not asked for it again; the stop list is. */
function whoIs(identity: Identify, pass: Pass): Caller | Refusal | Promise<Caller | Refusal> {
  if (pass.earlier) return pass.earlier.caller;
  if (pass.parent) return upstreamOf(pass.parent, pass);
  return identity.authenticate(pass.attempt.presented);
}

/** A request from upstream is made by the server that the parent's bytes went to; it cannot name itself. */
function upstreamOf(parent: Pass, child: Pass): Caller | Refusal {
  const upstream = parent.intent.upstream;
  if (upstream === undefined || child.attempt.presented !== parent.attempt.presented) {
    return refuse('upstream_request_denied', 'a request from upstream belongs to no forwarded exchange');
  }
  return {
    principal: { type: 'Tool', id: upstream },
    agent: parent.caller.agent,
    generation: parent.caller.generation,
    credential: { kind: 'child', thumbprint: parent.receipt },
    token: parent.caller.token,
    run: parent.run.id,
    subject: parent.caller.subject,
    chain: parent.caller.chain,
    proof: undefined,
  };
}
