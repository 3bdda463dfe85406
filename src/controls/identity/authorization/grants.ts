import type { GrantContext, Provider } from 'oidc-provider/lib/provider.js';
import type { JsonValue } from '../../../core/json.ts';

/** A grant that oidc-provider does not know (RFC 6749, section 4.5), such as RFC 8693's token exchange. */
export type CustomGrant = {
  /** The `grant_type`. Every agent may use it; `answer` refuses what is not for it. */
  type: string;
  /** Parameters of the form that it reads, beyond those of every token request. */
  parameters: readonly string[];
  /** Those of them that may come more than once. */
  repeatable: readonly string[];
  /**
   * The client is authenticated and the form has no parameter twice. Sets `context.body` to the token response. What it
   * refuses is thrown, as one of oidc-provider's errors.
   */
  answer(context: GrantContext, provider: Provider): Promise<void>;
  /** What a token of this grant says of run, job and delegation; asked for just before it is signed. */
  claims(context: GrantContext): Promise<Record<string, JsonValue>>;
};

export function registerGrants(provider: Provider, grants: readonly CustomGrant[]): void {
  for (const grant of grants) {
    const answer = (context: GrantContext): Promise<void> => grant.answer(context, provider);
    provider.registerGrantType(grant.type, answer, grant.parameters, grant.repeatable);
  }
}

/** Every token request names its grant, and has been held against those that there are. */
export function grantOf(context: GrantContext, grants: readonly CustomGrant[]): CustomGrant | undefined {
  return grants.find(({ type }) => type === context.oidc.params?.grant_type);
}
