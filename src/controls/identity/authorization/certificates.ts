import { X509Certificate } from 'node:crypto';
import type { GrantContext } from 'oidc-provider/lib/provider.js';
import type { PeerCertificate } from '../../../core/peer-certificate.ts';
import { peerOf } from '../../../core/peer-certificate.ts';
import type { Caller } from '../../../core/principal.ts';
import { isRefusal, type Refusal } from '../../../core/refusal.ts';

/** Whose agent a connection's certificate is, as its trust domain says. */
export type CertificateReader = { peer(certificate: PeerCertificate): Caller | Refusal | Promise<Caller | Refusal> };

/**
 * RFC 8705: authentication by certificate, and tokens that are bound to it. The certificate is the connection's, as its
 * listener verified it; a header is nobody's certificate. Which agent it is, the SPIFFE ID in it says.
 */
export function certificateFeature(): Record<string, unknown> {
  return {
    enabled: true,
    tlsClientAuth: true,
    certificateBoundAccessTokens: true,
    getCertificate: ({ req }: GrantContext): X509Certificate | undefined => {
      const leaf = peerOf(req.socket)?.chain[0];
      return leaf === undefined ? undefined : new X509Certificate(leaf);
    },
    certificateAuthorized: ({ req }: GrantContext): boolean => peerOf(req.socket)?.distrusted === undefined,
    // The agent's entry was looked up by its certificate before; what stands in it is compared with nothing else.
    certificateSubjectMatches: (context: GrantContext, _property: string, expected: string): boolean =>
      expected === subjectOf(context.oidc.client?.clientId ?? ''),
  };
}

export function subjectOf(agent: string): string {
  return `agent:${agent}`;
}

/** Whether the connection of this request is the agent's own. */
export async function isCertified(
  agent: string,
  context: GrantContext | undefined,
  reader: CertificateReader | undefined,
): Promise<boolean> {
  const certificate = context === undefined ? undefined : peerOf(context.req.socket);
  if (certificate === undefined || reader === undefined || context?.oidc.body?.client_assertion !== undefined)
    return false;
  const caller = await reader.peer(certificate);
  return !isRefusal(caller) && caller.agent.id === agent;
}
