import { hash, X509Certificate } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  BasicConstraints,
  Certificate,
  ExtendedKeyUsage,
  type Extension,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  KeyUsage,
  type KeyUsageType,
  SubjectAlternativeName,
} from '@peculiar/asn1-x509';

export const CERTIFICATE_BYTES_MAX = 16 * 1024;

/** What of a certificate SPIFFE and path validation ask for. Times in milliseconds since the Unix epoch. */
export type ParsedCertificate = {
  der: Buffer;
  /** OpenSSL's reading of the same bytes: names, public key, signature. */
  x509: X509Certificate;
  /** `x5t#S256`. */
  thumbprint: string;
  not_before: number;
  not_after: number;
  uris: readonly string[];
  authority: boolean;
  /** Authorities that may follow beneath this one, besides the leaf; undefined for any number. */
  path_length: number | undefined;
  key_usage: { critical: boolean; usages: readonly KeyUsageType[] } | undefined;
  extended_key_usage: readonly string[] | undefined;
  /** Critical extensions that nobody here understands: RFC 5280, section 4.2, refuses the certificate. */
  not_understood: readonly string[];
};

const UNDERSTOOD: ReadonlySet<string> = new Set([
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
]);

/**
 * Two readers of one certificate must not see two: what asn1-schema understood is written again and has to be the same
 * bytes, which leaves neither BER nor trailing bytes nor an extension that stands there twice for OpenSSL to read otherwise.
 */
export function readCertificate(bytes: Uint8Array): ParsedCertificate | undefined {
  if (bytes.byteLength > CERTIFICATE_BYTES_MAX) return undefined;
  const der = Buffer.from(bytes);
  try {
    const parsed = AsnConvert.parse(der, Certificate);
    if (!Buffer.from(AsnConvert.serialize(parsed)).equals(der)) return undefined;
    const x509 = new X509Certificate(der);
    const { extensions = [], validity } = parsed.tbsCertificate;
    if (new Set(extensions.map(({ extnID }) => extnID)).size !== extensions.length) return undefined;
    return {
      der,
      x509,
      thumbprint: hash('sha256', der, 'base64url'),
      not_before: validity.notBefore.getTime().getTime(),
      not_after: validity.notAfter.getTime().getTime(),
      ...readExtensions(extensions),
    };
  } catch {
    return undefined;
  }
}

type Read = Omit<ParsedCertificate, 'der' | 'x509' | 'thumbprint' | 'not_before' | 'not_after'>;

function readExtensions(extensions: readonly Extension[]): Read {
  const find = (id: string): Extension | undefined => extensions.find(({ extnID }) => extnID === id);
  const constraints = find(id_ce_basicConstraints);
  const usage = find(id_ce_keyUsage);
  const extended = find(id_ce_extKeyUsage);
  const names = find(id_ce_subjectAltName);
  const basic = constraints === undefined ? undefined : AsnConvert.parse(constraints.extnValue, BasicConstraints);
  return {
    uris:
      names === undefined
        ? []
        : AsnConvert.parse(names.extnValue, SubjectAlternativeName).flatMap(
            ({ uniformResourceIdentifier: uri }) => uri ?? [],
          ),
    authority: basic?.cA ?? false,
    path_length: basic?.pathLenConstraint,
    key_usage:
      usage === undefined
        ? undefined
        : { critical: usage.critical, usages: AsnConvert.parse(usage.extnValue, KeyUsage).toJSON() },
    extended_key_usage:
      extended === undefined ? undefined : [...AsnConvert.parse(extended.extnValue, ExtendedKeyUsage)],
    not_understood: extensions
      .filter(({ critical, extnID }) => critical && !UNDERSTOOD.has(extnID))
      .map(({ extnID }) => extnID),
  };
}

export function pemOf(der: Uint8Array): string {
  const lines = Buffer.from(der)
    .toString('base64')
    .replace(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}
