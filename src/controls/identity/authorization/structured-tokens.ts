import { hash } from 'node:crypto';
import type { GrantContext } from 'oidc-provider/lib/provider.js';
import { isRefusal } from '../../../core/refusal.ts';
import { type AccessToken, openTokenReader } from '../access-token.ts';
import { decodeSegment, splitJws } from '../jws.ts';
import type { AuthorizationServerParts } from './contract.ts';
import { endGrant } from './end-grant.ts';
import { findGrantOfRun } from './store.ts';

const TOKEN_CHARS_MAX = 4_096;

/**
 * Introspection (RFC 7662) and revocation (RFC 7009) of access tokens. oidc-provider authenticates the client, and then says
 * that it knows nothing of tokens that are not rows; here is who does. A client hears and ends its own tokens alone.
 */
export function structuredTokens(parts: AuthorizationServerParts) {
  const { issuer, time, standing } = parts;
  const tokens = openTokenReader({
    issuer,
    now: () => time.now(),
    signingKey: (kid) => standing.signingKeys.get(kid)?.key,
  });
  const own = (context: GrantContext): { text: string; token: AccessToken } | undefined => {
    const text = context.oidc.params?.token ?? '';
    const token = tokens.read(text, hash('sha256', text, 'base64url'));
    if (isRefusal(token) || token.client !== context.oidc.client?.clientId) return undefined;
    return { text, token };
  };
  return async (context: GrantContext, next: () => Promise<void>): Promise<void> => {
    await next();
    if (!isStructured(context)) return;
    const found = own(context);
    context.status = 200;
    if (context.oidc.route === 'revocation') {
      context.body = '';
      if (found !== undefined) await revoke(found.token, parts);
    } else if (context.oidc.client?.clientAuthMethod === 'none') {
      // Section 2.1: who asks is authenticated, so that nobody tries tokens out.
      context.status = 401;
      context.body = { error: 'invalid_client' };
    } else context.body = found === undefined || !lives(found.token, parts) ? { active: false } : describe(found.text);
  };
}

/** Said by oidc-provider only after the client is known and the form has been checked. */
function isStructured({ oidc, body }: GrantContext): boolean {
  const route = oidc?.route;
  if (route !== 'introspection' && route !== 'revocation') return false;
  return (body as { error?: unknown } | null)?.error === 'unsupported_token_type';
}

function lives(token: AccessToken, { standing }: AuthorizationServerParts): boolean {
  const agent = standing.agents.get(token.agent);
  if (agent === undefined || agent.generation !== token.generation || standing.hasEnded(token.run)) return false;
  return !(['all', 'agent', 'run', 'token'] as const).some(
    (kind) =>
      standing.findStop(kind, { all: '', agent: token.agent, run: token.run, token: token.jti }[kind]) !== undefined,
  );
}

/** Its signature was verified by whoever calls. */
function describe(text: string): Record<string, unknown> {
  const claims = decodeSegment(splitJws(text, TOKEN_CHARS_MAX)?.payload ?? '') ?? {};
  const bound = claims.cnf !== undefined && Object.hasOwn(claims.cnf as object, 'jkt');
  return { ...claims, active: true, token_type: bound ? 'DPoP' : 'Bearer' };
}

/** A token cannot be called back, but what it is for can be ended: its run, and the consent that it came from. */
async function revoke(token: AccessToken, parts: AuthorizationServerParts): Promise<void> {
  const grant = await findGrantOfRun(parts.db, token.run);
  const by = `agent:${token.agent}`;
  if (grant !== undefined) await endGrant(grant, by, parts);
  else await parts.runs.end(token.run, by);
}
