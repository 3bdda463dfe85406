import { constants, hash, type X509Certificate } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { CHAIN_LENGTH_MAX, type ServerCredentials } from '../controls/identity/index.ts';
import { type PeerCertificate, rememberPeer } from '../core/peer-certificate.ts';
import { type AgentsDoorParts, HTTP_OPTIONS, route } from './agents-door.ts';

export type AgentsTlsDoorParts = AgentsDoorParts & {
  credentials(): ServerCredentials;
  onCredentials(changed: () => void): () => void;
};

/**
 * The agents' port once more, over mutual TLS. A certificate that is no good ends no handshake: its request is refused like
 * any other, with a code that both sides see, where an alert would leave the client with a reset connection and the operator
 * with nothing. The handshake has proved possession of the key; `check identity` asks the rest.
 */
export function openAgentsTlsDoor(parts: AgentsTlsDoorParts): { server: Server; close(): void } {
  const server = createServer(
    {
      ...HTTP_OPTIONS,
      ...contextOf(parts.credentials()),
      maxHeaderSize: parts.header_bytes_max,
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: HANDSHAKE_MS_MAX,
    },
    (request, response) => route(parts, request, response),
  );
  server.maxConnections = parts.connections_max;
  server.prependListener('secureConnection', (socket) => {
    const peer = peerOf(socket);
    if (peer !== undefined) rememberPeer(socket, peer);
  });
  // For handshakes from now on. Connections that stand keep what they began with, so no call is dropped.
  const close = parts.onCredentials(() => server.setSecureContext(contextOf(parts.credentials())));
  return { server, close };
}

const HANDSHAKE_MS_MAX = 10_000;

function contextOf({ certificate, private_key, authorities }: ServerCredentials) {
  return {
    cert: certificate,
    key: private_key.reveal(),
    ca: [...authorities],
    // A trust domain's authority need not be self-signed.
    allowPartialTrustChain: true,
    minVersion: 'TLSv1.2' as const,
    // A session that is taken up again brings a certificate without its chain, checked at another time.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

function peerOf(socket: TLSSocket): PeerCertificate | undefined {
  const leaf = socket.getPeerX509Certificate();
  if (leaf === undefined) return undefined;
  const chain: Uint8Array[] = [];
  for (let at: X509Certificate | undefined = leaf; at !== undefined && chain.length <= CHAIN_LENGTH_MAX; ) {
    chain.push(at.raw);
    at = at.issuerCertificate;
  }
  const distrusted = socket.authorized ? undefined : String(socket.authorizationError);
  return { chain, thumbprint: hash('sha256', leaf.raw, 'base64url'), distrusted };
}
