/**
 * What a peer showed in the TLS handshake, as the socket has it and nothing else: no header can say it. The handshake
 * proved possession of the leaf's key; whose it is remains to be checked.
 */
export type PeerCertificate = {
  /** DER, the leaf first, in the order in which they were sent. */
  chain: readonly Uint8Array[];
  /** SHA-256 of the leaf in base64url: `x5t#S256` (RFC 8705, section 3.1). */
  thumbprint: string;
  /** Why the TLS stack itself would not trust the chain to any authority that we know; undefined where it does. */
  distrusted: string | undefined;
};

const peers = new WeakMap<object, PeerCertificate>();

/** Called by the listener once for each connection, before any request on it is read. */
export function rememberPeer(socket: object, peer: PeerCertificate): void {
  peers.set(socket, peer);
}

export function peerOf(socket: object): PeerCertificate | undefined {
  return peers.get(socket);
}
