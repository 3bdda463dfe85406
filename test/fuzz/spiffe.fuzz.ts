import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readBundle } from '../../src/controls/identity/spiffe/bundle.ts';
import { readCertificate } from '../../src/controls/identity/spiffe/certificate.ts';
import { issueAuthority, issueX509Svid } from '../../src/controls/identity/spiffe/issue.ts';
import { readRequest } from '../../src/controls/identity/spiffe/joining.ts';
import { parseSpiffeId } from '../../src/controls/identity/spiffe/spiffe-id.ts';
import { verifyX509Svid } from '../../src/controls/identity/spiffe/verify-svid.ts';
import {
  readFields,
  readJwtSvidRequest,
  readValidateRequest,
  readX509Svid,
  writeValidated,
  writeX509Svid,
} from '../../src/controls/identity/spiffe/workload-messages.ts';
import { isRefusal, REFUSAL_CODES } from '../../src/core/refusal.ts';
import { type Dice, fuzz } from './harness.ts';

/**
 * Certificates, requests, bundles, SPIFFE IDs and protobuf as nobody would write them. Whatever comes, the answer is soon;
 * no certificate whose bytes were touched is an SVID, none is an SVID of another id than it was issued for, and what is
 * written is read back.
 */
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const known: ReadonlySet<string> = new Set(REFUSAL_CODES);
const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const now = Date.now();
const times = { not_before: now - 60_000, not_after: now + 86_400_000 };
const key = { ...(pair().privateKey.export({ format: 'jwk' }) as never as { x: string; y: string; d: string }) };
const authorityKey = { kty: 'EC', crv: 'P-256', kid: 'key_fuzz', x: key.x, y: key.y, d: key.d } as const;
const ID = 'spiffe://corp.example/agent/one';
const authority = readCertificate(issueAuthority(authorityKey, 'corp.example', times, random))!;
const leaf = issueX509Svid({ id: ID, key: pair().publicKey, times, hosts: ['localhost'] }, authorityKey, random);
const bundle = JSON.stringify({ keys: [{ kty: 'EC', use: 'x509-svid', x5c: [authority.der.toString('base64')] }] });
const tokens = [
  '.',
  '..',
  '/',
  '//',
  '%2e',
  'spiffe://',
  'SPIFFE://',
  'corp.example',
  ':443',
  '@',
  '?',
  '#',
  '\0',
  'ä',
  ' ',
];

/** Flips, cuts, doubles or inserts, a few times. */
function torn(dice: Dice, bytes: Buffer): Buffer {
  let out = Buffer.from(bytes);
  for (let count = dice.integer(3) + 1; count > 0; count -= 1) {
    const at = dice.integer(out.length + 1);
    const to = Math.min(out.length, at + dice.integer(24));
    const middle = dice.pick([
      Buffer.alloc(0),
      dice.bytes(8),
      Buffer.concat([out.subarray(at, to), out.subarray(at, to)]),
      Buffer.from([dice.integer(256)]),
    ]);
    out = Buffer.concat([out.subarray(0, at), middle, out.subarray(to)]);
  }
  return out;
}

function certificates(dice: Dice): void {
  const bytes = torn(dice, leaf);
  const svid = verifyX509Svid(
    [bytes, ...(dice.integer(3) === 0 ? [torn(dice, authority.der)] : [])],
    () => [authority],
    now,
  );
  if (isRefusal(svid)) {
    if (!known.has(svid.code) || svid.reason === '')
      throw new Error(`a refusal without a code or reason: ${svid.code}`);
  } else if (!bytes.equals(leaf)) throw new Error(`an SVID of other bytes: ${bytes.toString('hex')}`);
  readRequest(torn(dice, leaf));
  readBundle(torn(dice, Buffer.from(bundle)).toString('latin1'), 'corp.example');
}

function ids(dice: Dice): void {
  let text = dice.pick([ID, 'spiffe://corp.example', '']);
  for (let count = dice.integer(4); count > 0; count -= 1) {
    const at = dice.integer(text.length + 1);
    text = text.slice(0, at) + dice.pick(tokens) + text.slice(at + dice.integer(3));
  }
  const id = parseSpiffeId(text);
  if (id === undefined) return;
  if (`spiffe://${id.trust_domain}${id.path}` !== text) throw new Error(`read otherwise than written: ${text}`);
  if (/\/\/|\/\.{1,2}(?:\/|$)|[^a-zA-Z0-9._/-]/.test(id.path) || id.path.endsWith('/'))
    throw new Error(`a path: ${text}`);
}

function messages(dice: Dice): void {
  const one = { id: ID, certificate: leaf, private_key: dice.bytes(40), bundle: authority.der };
  const whole = writeX509Svid(one, { 'spiffe://other.example': authority.der });
  const back = readX509Svid(whole);
  if (back?.id !== ID || !leaf.equals(back.certificate) || back.federated.size !== 1) throw new Error('not read back');
  const bytes = dice.pick([
    torn(dice, whole),
    dice.bytes(60),
    writeValidated({ id: ID, claims: { a: [1, null, true, { b: 'c' }] } }),
  ]);
  for (const read of [readFields, readX509Svid, readJwtSvidRequest, readValidateRequest]) read(bytes);
}

await fuzz('spiffe', 200, (dice) => {
  certificates(dice);
  ids(dice);
  messages(dice);
});
