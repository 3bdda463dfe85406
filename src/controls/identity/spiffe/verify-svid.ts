import { id_kp_clientAuth, id_kp_serverAuth } from '@peculiar/asn1-x509';
import { type Refusal, refuse } from '../../../core/refusal.ts';
import { type ParsedCertificate, readCertificate } from './certificate.ts';
import { parseSpiffeId, type SpiffeId } from './spiffe-id.ts';

/** Certificates that a peer may send. More is somebody who wants us to verify signatures. */
export const CHAIN_LENGTH_MAX = 5;

export type VerifiedSvid = { id: SpiffeId; thumbprint: string; not_before: number; not_after: number };

/** The X.509 authorities of a trust domain; undefined where the domain is not known here. */
export type AuthoritiesOf = (trust_domain: string) => readonly ParsedCertificate[] | undefined;

/**
 * X509-SVID, section 5: the leaf is a workload's, and leads to an authority of its own trust domain. Authorities of other
 * domains are not looked at: one of them could otherwise sign for every domain that we know.
 */
export function verifyX509Svid(
  chain: readonly Uint8Array[],
  authoritiesOf: AuthoritiesOf,
  now: number,
): VerifiedSvid | Refusal {
  if (chain.length === 0 || chain.length > CHAIN_LENGTH_MAX) {
    return refuse('svid_malformed', `a chain of ${chain.length} certificates; 1 to ${CHAIN_LENGTH_MAX} are read`);
  }
  const parsed = chain.map(readCertificate);
  const [leaf, ...intermediates] = parsed as ParsedCertificate[];
  if (leaf === undefined || parsed.includes(undefined)) {
    return refuse('svid_malformed', 'a certificate of the chain is not DER that two readers read alike');
  }
  const id = idOf(leaf);
  if ('kind' in id) return id;
  const refusal = checkLeaf(leaf, id) ?? checkTimes(leaf, id, now);
  if (refusal !== undefined) return refusal;
  const authorities = authoritiesOf(id.trust_domain);
  if (authorities === undefined) return refuse('svid_domain_unknown', `no bundle of ${id.trust_domain} is configured`);
  const untrusted = checkPath(leaf, intermediates, authorities, now);
  if (untrusted !== undefined) return refuse('svid_untrusted', `${id.text}: ${untrusted}`);
  return { id, thumbprint: leaf.thumbprint, not_before: leaf.not_before, not_after: leaf.not_after };
}

function idOf({ uris }: ParsedCertificate): SpiffeId | Refusal {
  const [uri] = uris;
  if (uri === undefined) return refuse('svid_id_missing', 'the certificate has no URI SAN (X509-SVID, section 2)');
  if (uris.length > 1)
    return refuse('svid_id_ambiguous', `the certificate has ${uris.length} URI SANs, and may have one`);
  const id = parseSpiffeId(uri);
  if (id === undefined) return refuse('svid_id_invalid', 'the URI SAN is not a SPIFFE ID');
  // X509-SVID, section 3.1: without a path it names the trust domain itself, so an authority.
  return id.path === '' ? refuse('svid_id_invalid', `${id.text} names a trust domain, not a workload`) : id;
}

/** X509-SVID, sections 3.2 and 4.3 to 4.4. */
function checkLeaf(leaf: ParsedCertificate, { text }: SpiffeId): Refusal | undefined {
  if (leaf.authority) return refuse('svid_is_authority', `${text}: the leaf has CA:TRUE`);
  const { key_usage, extended_key_usage } = leaf;
  if (key_usage === undefined || !key_usage.critical || !key_usage.usages.includes('digitalSignature')) {
    return refuse('svid_wrong_usage', `${text}: keyUsage is not critical with digitalSignature`);
  }
  if (key_usage.usages.includes('keyCertSign') || key_usage.usages.includes('crlSign')) {
    return refuse('svid_wrong_usage', `${text}: keyUsage lets the leaf sign certificates or revocation lists`);
  }
  const purposes = [id_kp_serverAuth, id_kp_clientAuth];
  if (extended_key_usage !== undefined && !purposes.every((purpose) => extended_key_usage.includes(purpose))) {
    return refuse('svid_wrong_usage', `${text}: extendedKeyUsage lacks serverAuth or clientAuth`);
  }
  return leaf.not_understood.length === 0
    ? undefined
    : refuse('svid_malformed', `${text}: critical extensions not understood: ${leaf.not_understood.join(', ')}`);
}

function checkTimes(
  { not_before, not_after }: ParsedCertificate,
  { text }: SpiffeId,
  now: number,
): Refusal | undefined {
  if (not_after <= now) return refuse('svid_expired', `${text} expired ${now - not_after} ms ago`);
  if (not_before > now) return refuse('svid_not_yet_valid', `${text} begins in ${not_before - now} ms`);
  return undefined;
}

/** RFC 5280, section 6, as far as these certificates may go: what it leaves out (name constraints) is critical and refused. */
function checkPath(
  leaf: ParsedCertificate,
  intermediates: readonly ParsedCertificate[],
  authorities: readonly ParsedCertificate[],
  now: number,
): string | undefined {
  let below = leaf;
  const left = [...intermediates];
  for (let depth = 0; depth < CHAIN_LENGTH_MAX; depth += 1) {
    const may = (above: ParsedCertificate): boolean => maySign(above, depth, now) && signed(above, below);
    if (authorities.some(may)) return undefined;
    const next = left.findIndex(may);
    if (next < 0) return 'no authority of its own trust domain signed it, directly or through the certificates sent';
    below = left.splice(next, 1)[0]!;
  }
  return 'the path to an authority is too long';
}

function maySign(above: ParsedCertificate, authorities_below: number, now: number): boolean {
  const { authority, path_length, key_usage, not_before, not_after, not_understood } = above;
  return (
    authority &&
    (path_length === undefined || path_length >= authorities_below) &&
    key_usage?.usages.includes('keyCertSign') === true &&
    not_before <= now &&
    now < not_after &&
    not_understood.length === 0
  );
}

function signed(above: ParsedCertificate, below: ParsedCertificate): boolean {
  try {
    return below.x509.checkIssued(above.x509) && below.x509.verify(above.x509.publicKey);
  } catch {
    return false;
  }
}
