import type { Identity } from '../../controls/identity/index.ts';
import { isRefusal, type Refusal, refuse } from '../../core/refusal.ts';
import type { Handlers } from '../handler.ts';
import type { ApiPorts } from '../ports.ts';

type SpiffeOperation = 'spiffe.status' | 'spiffe.bundle' | 'spiffe.rotate' | 'spiffe.join_token';
type Spiffe = NonNullable<Identity['spiffe']>;

const NONE = refuse('not_found', 'identity.spiffe is not configured', {
  public: 'This gateway has no trust domain: set identity.spiffe.trust_domain.',
});

export function spiffeHandlers({ identity }: ApiPorts): Pick<Handlers, SpiffeOperation> {
  const within = async <T>(work: (spiffe: Spiffe) => Promise<T | Refusal> | T): Promise<T | Refusal> =>
    identity.spiffe === undefined ? NONE : work(identity.spiffe);
  return {
    'spiffe.status': () =>
      within((spiffe) => {
        const { trust_domain, authorities, svid, federated, refusals } = spiffe.status();
        return {
          trust_domain,
          authorities: [...authorities],
          svid,
          federated: [...federated],
          refusals: [...refusals],
        };
      }),
    'spiffe.bundle': () => within((spiffe) => spiffe.bundle()),
    'spiffe.rotate': ({ body }, { caller }) =>
      within(async (spiffe) => (await spiffe.rotate(body.what, caller.by)) ?? { done: true as const }),
    'spiffe.join_token': ({ body }, { caller }) =>
      within(async (spiffe) => {
        const made = await spiffe.joinToken({ agent: body.agent, job: body.job }, caller.by);
        return isRefusal(made) ? made : { secret: made.secret.reveal(), expires_at: made.expires_at };
      }),
  };
}
