import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import { checkpointBody, parseCheckpoint, signCheckpoint } from '../../src/controls/audit/checkpoint.ts';
import {
  COSIGNATURE_V1,
  checkNote,
  cosignedText,
  ED25519,
  formatVerifierKey,
  noteKeyId,
  parseNote,
  parseVerifierKey,
  publicBytes,
  signNote,
} from '../../src/controls/audit/note.ts';
import { splitNotes } from '../../src/controls/audit/seen.ts';

/** C2SP signed-note's own example. */
const VKEY = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';
const NOTE = `This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
`;

const pair = () => generateKeyPairSync('ed25519');
const root = 'ab'.repeat(32);

function verifier(name: string, type: typeof ED25519 | typeof COSIGNATURE_V1, key: ReturnType<typeof pair>) {
  return parseVerifierKey(formatVerifierKey(name, type, key.publicKey))!;
}

test("the specification's example verifies, and not after a change", () => {
  const key = parseVerifierKey(VKEY)!;
  const note = parseNote(NOTE)!;
  assert.equal(note.text, 'This is an example message.\n');
  assert.deepEqual(checkNote(note, [key]), { valid: true, by: [{ key, time: undefined }] });
  assert.equal(checkNote({ ...note, text: 'This is another message.\n' }, [key]).valid, false);
  assert.equal(formatVerifierKey('example.com/foo', ED25519, key.key), VKEY);
});

test('unknown keys are ignored, a known key that fails rejects the note', () => {
  const [own, other] = [pair(), pair()];
  const key = verifier('log', ED25519, own);
  const note = parseNote(
    signNote('text\n', 'log', own.privateKey) + signNote('text\n', 'x', other.privateKey).slice(6),
  )!;
  assert.equal(note.signatures.length, 2);
  assert.deepEqual(checkNote(note, [key]), { valid: true, by: [{ key, time: undefined }] });
  assert.deepEqual(checkNote(note, [verifier('nobody', ED25519, other)]), { valid: true, by: [] });
  const bad = note.signatures.map((one) => ({ ...one, signature: Buffer.alloc(64) }));
  assert.equal(checkNote({ ...note, signatures: bad }, [key]).valid, false);
});

test('a cosignature covers its time', () => {
  const witness = pair();
  const key = verifier('witness', COSIGNATURE_V1, witness);
  const time = 1_790_000_000;
  const stamp = Buffer.alloc(8);
  stamp.writeBigUInt64BE(BigInt(time));
  const keyId = noteKeyId('witness', COSIGNATURE_V1, publicBytes(witness.publicKey));
  const signature = sign(null, Buffer.from(cosignedText('text\n', time)), witness.privateKey);
  const note = {
    text: 'text\n',
    signatures: [{ name: 'witness', keyId, signature: Buffer.concat([stamp, signature]), line: '' }],
  };
  assert.deepEqual(checkNote(note, [key]), { valid: true, by: [{ key, time }] });
  const later = Buffer.from(stamp);
  later.writeBigUInt64BE(BigInt(time + 1));
  const moved = [{ ...note.signatures[0]!, signature: Buffer.concat([later, signature]) }];
  assert.equal(checkNote({ ...note, signatures: moved }, [key]).valid, false);
});

test('what is no signed note is not read as one', () => {
  const cases = [
    '',
    'text\n',
    'text\n\n',
    NOTE.slice(0, -1),
    NOTE.replace('— ', '- '),
    NOTE.replace('example.com/foo Uw', 'example.com/foo  Uw'),
    NOTE.replace('message', 'mess\u0007age'),
    NOTE.replace('message', 'mess\rage'),
    NOTE.replace(/Uw2.*/, 'Uw=='),
    `text\n\n${'— a AAAAAAAA\n'.repeat(101)}`,
  ];
  for (const text of cases) assert.equal(parseNote(text), undefined, JSON.stringify(text.slice(0, 60)));
});

test('verifier keys whose name, digest and key disagree are refused', () => {
  for (const text of [
    VKEY.replace('foo', 'bar'),
    VKEY.replace('530d903a', '530d903b'),
    VKEY.replace('AekyeRrm', 'AekyeRrn'),
    VKEY.replace('+Aek', '+Bek'),
    `${VKEY}AAAA`,
    'nothing',
  ]) {
    assert.equal(parseVerifierKey(text), undefined, text);
  }
});

test('checkpoints are read strictly', () => {
  const { privateKey } = pair();
  const text = signCheckpoint({ origin: 'log', size: 12, root }, privateKey);
  const { origin, size, root: read } = parseCheckpoint(text)!;
  assert.deepEqual({ origin, size, root: read }, { origin: 'log', size: 12, root });
  const body = checkpointBody({ origin: 'log', size: 12, root });
  const signed = (changed: string) => signNote(changed, 'log', privateKey);
  assert.ok(parseCheckpoint(signed(`${body}an extension line\n`)));
  for (const changed of [
    body.replace('\n12\n', '\n012\n'),
    body.replace('\n12\n', '\n-1\n'),
    body.replace('\n12\n', '\n99999999999999999\n'),
    body.replace('\n12\n', '\n'),
    body.replace('=', ''),
    `\n${body}`,
  ]) {
    assert.equal(parseCheckpoint(signed(changed)), undefined, JSON.stringify(changed));
  }
});

test('a file of kept checkpoints is taken apart', () => {
  const { privateKey } = pair();
  const notes = [1, 2, 3].map((size) => signCheckpoint({ origin: 'log', size, root }, privateKey));
  assert.deepEqual(splitNotes(notes.join('')), notes);
  assert.deepEqual(splitNotes(notes.join('\n')), notes);
  assert.deepEqual(splitNotes(''), []);
  assert.equal(parseCheckpoint(splitNotes('nonsense')[0]!), undefined);
});
