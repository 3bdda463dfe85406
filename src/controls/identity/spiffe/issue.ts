import { createPrivateKey, createPublicKey, hash, type KeyObject, sign } from 'node:crypto';
import { isIP } from 'node:net';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  id_kp_clientAuth,
  id_kp_serverAuth,
  KeyIdentifier,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from '@peculiar/asn1-x509';
import type { Random } from '../../../core/clock.ts';
import type { SigningJwk } from '../identity-keys.ts';

const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';
const COMMON_NAME = '2.5.4.3';
const ORGANIZATION = '2.5.4.10';
const SERIAL_BYTES = 16;
const KEY_ID_BYTES = 20;
/** Clocks of peers may be behind by this much. */
export const BACKDATED_MS = 60_000;

export type Times = { not_before: number; not_after: number };

/** The certificate of an authority: of the trust domain itself, for leaves only (path length 0). */
export function issueAuthority(key: SigningJwk, trust_domain: string, times: Times, random: Random): Buffer {
  const own = createPrivateKey({ key: { ...key }, format: 'jwk' });
  const subject = createPublicKey(own);
  return certify(
    { subject: nameOf(key.kid), issuer: nameOf(key.kid), key: subject, times },
    [
      extension(id_ce_subjectKeyIdentifier, false, new SubjectKeyIdentifier(keyIdentifier(subject))),
      extension(id_ce_basicConstraints, true, new BasicConstraints({ cA: true, pathLenConstraint: 0 })),
      extension(id_ce_keyUsage, true, new KeyUsage(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign)),
      extension(id_ce_subjectAltName, false, alternativeName([`spiffe://${trust_domain}`])),
    ],
    own,
    random,
  );
}

export type Leaf = {
  id: string;
  key: KeyObject;
  times: Times;
  /** Host names and addresses, where the leaf is a server's that ordinary clients reach too. */
  hosts?: readonly string[];
};

/** X509-SVID, section 4: one URI SAN, CA:FALSE, digitalSignature, both sides of TLS. */
export function issueX509Svid(leaf: Leaf, authority: SigningJwk, random: Random): Buffer {
  const signer = createPrivateKey({ key: { ...authority }, format: 'jwk' });
  const keyId = new KeyIdentifier(keyIdentifier(createPublicKey(signer)));
  return certify(
    { subject: nameOf(), issuer: nameOf(authority.kid), key: leaf.key, times: leaf.times },
    [
      extension(id_ce_authorityKeyIdentifier, false, new AuthorityKeyIdentifier({ keyIdentifier: keyId })),
      extension(id_ce_basicConstraints, true, new BasicConstraints({ cA: false })),
      extension(id_ce_keyUsage, true, new KeyUsage(KeyUsageFlags.digitalSignature)),
      extension(id_ce_extKeyUsage, false, new ExtendedKeyUsage([id_kp_serverAuth, id_kp_clientAuth])),
      extension(id_ce_subjectAltName, false, alternativeName([leaf.id], leaf.hosts)),
    ],
    signer,
    random,
  );
}

type Named = { subject: Name; issuer: Name; key: KeyObject; times: Times };

function certify(
  { subject, issuer, key, times }: Named,
  extensions: Extension[],
  signer: KeyObject,
  random: Random,
): Buffer {
  const algorithm = new AlgorithmIdentifier({ algorithm: ECDSA_WITH_SHA256 });
  const tbsCertificate = new TBSCertificate({
    version: Version.v3,
    serialNumber: serialNumber(random),
    signature: algorithm,
    issuer,
    validity: new Validity({ notBefore: new Date(times.not_before), notAfter: new Date(times.not_after) }),
    subject,
    subjectPublicKeyInfo: AsnConvert.parse(key.export({ type: 'spki', format: 'der' }), SubjectPublicKeyInfo),
    extensions: new Extensions(extensions),
  });
  const signature = sign('sha256', Buffer.from(AsnConvert.serialize(tbsCertificate)), signer);
  const certificate = new Certificate({
    tbsCertificate,
    signatureAlgorithm: algorithm,
    signatureValue: bufferOf(signature),
  });
  return Buffer.from(AsnConvert.serialize(certificate));
}

/** RFC 5280, section 4.1.2.2: positive, and unpredictable, so that nobody can prepare a collision. */
function serialNumber(random: Random): ArrayBuffer {
  const bytes = Buffer.from(random(SERIAL_BYTES));
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return bufferOf(bytes);
}

function nameOf(common?: string): Name {
  const attribute = (type: string, utf8String: string): RelativeDistinguishedName =>
    new RelativeDistinguishedName([new AttributeTypeAndValue({ type, value: new AttributeValue({ utf8String }) })]);
  const organization = attribute(ORGANIZATION, 'Sallyport');
  return new Name(common === undefined ? [organization] : [organization, attribute(COMMON_NAME, common)]);
}

function alternativeName(uris: readonly string[], hosts: readonly string[] = []): SubjectAlternativeName {
  return new SubjectAlternativeName([
    ...uris.map((uniformResourceIdentifier) => new GeneralName({ uniformResourceIdentifier })),
    ...hosts.map((host) => new GeneralName(isIP(host) > 0 ? { iPAddress: host } : { dNSName: host })),
  ]);
}

function extension(extnID: string, critical: boolean, value: unknown): Extension {
  return new Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) });
}

/** RFC 7093, section 2, method 1: how one authority is told from the next where both have a name alike. */
function keyIdentifier(key: KeyObject): ArrayBuffer {
  const { subjectPublicKey } = AsnConvert.parse(key.export({ type: 'spki', format: 'der' }), SubjectPublicKeyInfo);
  return bufferOf(hash('sha256', Buffer.from(subjectPublicKey), 'buffer').subarray(0, KEY_ID_BYTES));
}

function bufferOf(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}
