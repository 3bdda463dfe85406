import { hash } from 'node:crypto';
import canonicalize from 'canonicalize';

/** SHA-256, hex, of the canonical form (RFC 8785): what a control receipt says of a state before and after. */
export function digestOf(value: object): string {
  return hash('sha256', canonicalize(value) ?? '', 'hex');
}

/** How secrets with 128 random bits or more are kept: no salt or slow hash is needed where there is nothing to guess. */
export function hashSecret(secret: string): string {
  return hash('sha256', secret, 'hex');
}
