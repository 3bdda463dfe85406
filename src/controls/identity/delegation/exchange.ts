import { hash } from 'node:crypto';
import { handler as clientCredentials } from 'oidc-provider/lib/actions/grants/client_credentials.js';
import * as errors from 'oidc-provider/lib/helpers/errors.js';
import * as grantHelpers from 'oidc-provider/lib/helpers/grants.js';
import type { GrantContext, Provider } from 'oidc-provider/lib/provider.js';
import type { JsonValue } from '../../../core/json.ts';
import type { Caller } from '../../../core/principal.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import type { Database } from '../../../storage/index.ts';
import type { AccessToken, TokenReader } from '../access-token.ts';
import type { CustomGrant } from '../authorization/grants.ts';
import { grantedOf } from '../granted.ts';
import type { AgentStanding, Standing } from '../standing.ts';
import type { DelegationKeeper, Redeemed } from './delegations.ts';
import { readDetails } from './scope.ts';

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
/** A grant that one agent or person gives another, to be redeemed by that other alone. */
export const DELEGATION = 'urn:sallyport:oauth:token-type:delegation';
const SECONDS = /^[1-9][0-9]{0,5}$/;

export type ExchangeParts = {
  db: Database;
  standing: Standing;
  tokens: TokenReader;
  delegations: DelegationKeeper;
  /** As `check identity` reads a token, without the proof: whose it is, and whether that may go on. */
  holderOf(token: AccessToken): Caller | Refusal | Promise<Caller | Refusal>;
};

/**
 * RFC 8693 in two steps, because a token is bound to its holder's key and nobody may act by somebody else's. The lender
 * trades its own token for a grant to the actor, as narrow as it says; the actor trades that grant, as the subject token,
 * beside its own token, as the actor token, for one whose `act` tells the whole chain.
 */
export function tokenExchange(parts: ExchangeParts): CustomGrant {
  const redeemed = new WeakMap<GrantContext, Redeemed & { agent: AgentStanding }>();
  return {
    type: TOKEN_EXCHANGE,
    parameters: [
      'subject_token',
      'subject_token_type',
      'actor_token',
      'actor_token_type',
      'requested_token_type',
      'audience',
      'resource',
      'scope',
    ],
    repeatable: [],
    async answer(context, provider) {
      const agent = parts.standing.agents.get(context.oidc.client?.clientId ?? '');
      if (agent === undefined) throw oauthError(refuse('agent_unknown', 'the client is no agent'));
      if (formValue(context, 'requested_token_type') === DELEGATION) {
        context.body = await offer(context, agent, parts);
        return;
      }
      redeemed.set(context, { agent, ...(await redeem(context, agent, parts)) });
      await clientCredentials(provider, helpersOf(provider), context);
      context.body = { ...(context.body as object), issued_token_type: ACCESS_TOKEN };
    },
    async claims(context) {
      const done = redeemed.get(context);
      if (done === undefined) throw new Error('a token of an exchange that was not verified');
      const { agent, run, chain } = done;
      const act = JSON.parse(chain.act) as JsonValue;
      const { id: run_id, job } = run;
      const told = { agent: agent.id, owner: agent.entry.owner, generation: agent.generation };
      return { ...told, run: run_id, job, subject: chain.sub, act, grant: chain.grant };
    },
  };
}

const HELPERS = new WeakMap<Provider, object>();

/** oidc-provider's own steps of a token request, bound as it binds them for its own grants. */
function helpersOf(provider: Provider): object {
  const bound = Object.entries(grantHelpers).map(([name, helper]) => [name, helper.bind(undefined, provider)] as const);
  const helpers = HELPERS.get(provider) ?? Object.fromEntries(bound);
  HELPERS.set(provider, helpers);
  return helpers;
}

/** The lender proves its key by the assertion that authenticates it; its token says which run lends. */
async function offer(context: GrantContext, agent: AgentStanding, parts: ExchangeParts): Promise<object> {
  const caller = await ownToken(context, 'subject', agent, parts);
  const to = formValue(context, 'audience');
  if (to === undefined) throw new errors.InvalidRequest('audience: the agent that may redeem the delegation');
  const scope = readDetails(formValue(context, 'authorization_details'));
  if (typeof scope === 'string') throw new errors.InvalidRequest(scope);
  const asked = formValue(context, 'expires_in');
  if (asked !== undefined && !SECONDS.test(asked)) throw new errors.InvalidRequest('expires_in: seconds');
  const lent = { to, scope, ...(asked === undefined ? {} : { seconds: Number(asked) }) };
  const offered = await parts.delegations.offer(caller, lent);
  if (isRefusal(offered)) throw oauthError(offered);
  const { issued_at, expires_at } = offered.delegation;
  return {
    access_token: offered.grant.reveal(),
    issued_token_type: DELEGATION,
    // RFC 8693, section 2.2.1: it opens nothing by itself.
    token_type: 'N_A',
    expires_in: Math.floor((expires_at - issued_at) / 1000),
  };
}

async function redeem(context: GrantContext, agent: AgentStanding, parts: ExchangeParts): Promise<Redeemed> {
  const grant = tokenOf(context, 'subject', DELEGATION);
  const actor = await ownToken(context, 'actor', agent, parts);
  const job = formValue(context, 'job') ?? (agent.jobs.length === 1 ? agent.jobs[0]! : undefined);
  if (job === undefined) throw new errors.InvalidRequest('say which job');
  if (!agent.jobs.includes(job))
    throw oauthError(refuse('job_not_granted', `${agent.id} is not registered for ${job}`));
  const granted = await grantedOf(parts.db, agent, { purpose: formValue(context, 'purpose') });
  if (isRefusal(granted)) throw oauthError(granted);
  const done = await parts.delegations.redeem(grant, actor, { job, purpose: granted.purpose });
  if (isRefusal(done)) throw oauthError(done);
  return done;
}

/** The client's own token: another's is worth nothing here, however it was come by. */
async function ownToken(
  context: GrantContext,
  role: 'subject' | 'actor',
  agent: AgentStanding,
  parts: ExchangeParts,
): Promise<Caller> {
  const token = tokenOf(context, role, ACCESS_TOKEN);
  const read = parts.tokens.read(token, hash('sha256', token, 'base64url'));
  if (isRefusal(read)) throw oauthError(read);
  const caller = await parts.holderOf(read);
  if (isRefusal(caller)) throw oauthError(caller);
  if (caller.agent.id !== agent.id) {
    throw oauthError(refuse('delegation_actor_wrong', `${agent.id} brought a token of ${caller.agent.id}`));
  }
  return caller;
}

function tokenOf(context: GrantContext, role: 'subject' | 'actor', type: string): string {
  const token = formValue(context, `${role}_token`);
  if (token === undefined || formValue(context, `${role}_token_type`) !== type) {
    throw new errors.InvalidRequest(`${role}_token: one of type ${type}`);
  }
  return token;
}

function formValue(context: GrantContext, name: string): string | undefined {
  const value = context.oidc.body?.[name];
  if (Array.isArray(value)) throw new errors.InvalidRequest(`the parameter ${name} was given twice`);
  return value === '' ? undefined : value;
}

/** RFC 8693, section 2.2.2 knows two codes; ours stands before the sentence. */
function oauthError({ code, public: sentence }: Refusal): Error {
  return new errors.CustomOIDCProviderError('invalid_grant', `${code}: ${sentence}`);
}
