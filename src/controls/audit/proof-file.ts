import { parseCheckpoint, type ReadCheckpoint } from './checkpoint.ts';
import type { Hash } from './merkle.ts';

/** C2SP tlog-proof: an inclusion proof with its checkpoint, as one text. The entry itself rides in `extra`. */
export type ProofFile = {
  entry: string | undefined;
  index: number;
  proof: readonly Hash[];
  checkpointText: string;
  checkpoint: ReadCheckpoint;
};

const HEADER = 'c2sp.org/tlog-proof@v1';
const HASH_LINE = /^[A-Za-z0-9+/]{43}=$/;
const PROOF_HASHES_MAX = 63;

export function formatProof(from: {
  entry: string;
  index: number;
  proof: readonly Hash[];
  checkpoint: string;
}): string {
  const hashes = from.proof.map((hash) => `${Buffer.from(hash, 'hex').toString('base64')}\n`).join('');
  const extra = Buffer.from(from.entry).toString('base64');
  return `${HEADER}\nextra ${extra}\nindex ${from.index}\n${hashes}\n${from.checkpoint}`;
}

export function isProofFile(text: string): boolean {
  return text.startsWith(`${HEADER}\n`);
}

/** Undefined where it is no proof. */
export function parseProof(text: string): ProofFile | undefined {
  const end = text.indexOf('\n\n');
  if (!isProofFile(text) || end < 0) return undefined;
  const lines = text.slice(HEADER.length + 1, end).split('\n');
  const extra = lines[0]?.startsWith('extra ') ? lines.shift()?.slice('extra '.length) : undefined;
  const index = /^index (0|[1-9]\d{0,15})$/.exec(lines.shift() ?? '')?.[1];
  const checkpointText = text.slice(end + 2);
  const checkpoint = parseCheckpoint(checkpointText);
  if (index === undefined || checkpoint === undefined || lines.length > PROOF_HASHES_MAX) return undefined;
  if (!lines.every((line) => HASH_LINE.test(line))) return undefined;
  return {
    entry: extra === undefined ? undefined : Buffer.from(extra, 'base64').toString('utf8'),
    index: Number(index),
    proof: lines.map((line) => Buffer.from(line, 'base64').toString('hex')),
    checkpointText,
    checkpoint,
  };
}
