import { parseCheckpoint } from '../../src/controls/audit/checkpoint.ts';
import { leafHash } from '../../src/controls/audit/merkle.ts';
import { checkNote, parseNote, parseVerifierKey } from '../../src/controls/audit/note.ts';
import { formatProof, parseProof } from '../../src/controls/audit/proof-file.ts';
import { placementAt } from '../../src/controls/audit/receipt-shape.ts';
import { receiptText, type Unplaced } from '../../src/controls/audit/receipt-text.ts';
import { splitNotes } from '../../src/controls/audit/seen.ts';
import { decodeBundle, encodeBundle } from '../../src/controls/audit/tiles.ts';
import { verifyProof } from '../../src/controls/audit/verify.ts';
import { fuzz } from './harness.ts';

/**
 * What the verifier reads from strangers: notes, checkpoints, proofs, bundles and receipts, bent a little. It says what is
 * wrong, soon; and the short cut to a receipt's place never says what parsing would not.
 */
const VKEY = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';
const LINE =
  '— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n';
const CHECKPOINT = `example.com/foo\n12\n${Buffer.alloc(32, 7).toString('base64')}\n\n${LINE}`;
const HASH = 'ab'.repeat(32);
const RECEIPT = {
  version: 1,
  id: 'rcp_0123456789abcdefghijklmnop',
  kind: 'intent',
  time: 1_790_000_000_000,
  build: '0.1.0',
  config_digest: HASH,
  protocol: 'mcp',
  operation: 'tools/call',
  agent: { id: 'triage', owner: 'alice', version: '1' },
  credential: { kind: 'dpop', thumbprint: 'x' },
  run: 'run',
  job: 'job',
  purpose: null,
  subject: null,
  chain: [{ actor: 'a', grant: null, scope_digest: HASH, expires_at: 1 }],
  accesses: [{ action: 'tool.call', resource_type: 'Tool', resource_digest: HASH }],
  upstream: null,
  request: { received: HASH, sent: null, bytes: 1 },
  policy: { set: HASH, ids: ['a\\"b'], errors: [], obligations: [], shadow: [] },
  state_version: 1,
  labels: { before: { confidentiality: 'public', integrity: 'trusted' } },
  checks: [{ stage: 'decide', verdict: 'pass', us: 1 }],
  parent: null,
  continues: null,
  trace: null,
  payload: HASH,
} as unknown as Unplaced;
const ENTRY = receiptText(RECEIPT, { replica: 'rep', epoch: 1, n: 2, prev: HASH });
const PROOF = formatProof({ entry: ENTRY, index: 3, proof: [HASH, HASH], checkpoint: CHECKPOINT });
const SEEDS = [VKEY, LINE, CHECKPOINT, PROOF, ENTRY, `${CHECKPOINT}${CHECKPOINT}`, 'text\n\n'];
const PIECES = [
  '\n',
  '\n\n',
  '— ',
  '"',
  '\\',
  '\\u0000',
  '\u0000',
  '=',
  '+',
  ' ',
  '{',
  '}',
  ',"n":',
  ':',
  '0',
  '9'.repeat(20),
  'null',
];

const key = parseVerifierKey(VKEY)!;

await fuzz('log', 500, ({ pick, integer, bytes }) => {
  let text = pick(SEEDS);
  for (let count = integer(5); count > 0; count -= 1) {
    const at = integer(text.length);
    const piece = integer(4) === 0 ? bytes(8).toString('latin1') : pick(PIECES).repeat(integer(40) === 0 ? 3_000 : 1);
    text = text.slice(0, at) + piece + text.slice(at + integer(6));
  }
  const note = parseNote(text);
  if (note !== undefined) checkNote(note, [key]);
  parseVerifierKey(text);
  parseCheckpoint(text);
  splitNotes(text).map(parseCheckpoint);
  const proof = parseProof(text);
  if (proof !== undefined && verifyProof(text, { key: VKEY }).verdict === 'verified')
    throw new Error('verified a bent proof');
  const bent = Buffer.from(text);
  const entries = decodeBundle(bent);
  if (entries !== undefined && bent.length < 60_000)
    decodeBundle(encodeBundle(entries.filter((entry) => entry.length < 9_000)));
  leafHash(text);
  comparePlaces(text);
});

/** The pattern and the parser on the same entry. */
function comparePlaces(entry: string): void {
  const text = `xx${Buffer.from(entry).toString('latin1')}yy`;
  const found = placementAt(text, 2, text.length - 2);
  if (found === undefined) return;
  const { id, kind, epoch, replica, n, prev, intent } = JSON.parse(entry);
  const parsed = JSON.stringify({ id, kind, epoch, replica, n, prev, intent });
  if (JSON.stringify(found) !== parsed)
    throw new Error(`the short cut says ${JSON.stringify(found)}, parsing ${parsed}`);
}
