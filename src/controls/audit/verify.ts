/**
 * Checks a log, or a proof of one receipt, offline: nothing is trusted but the arguments. What an attacker may have done is
 * anything, including rewriting the whole log and signing it with the log's own key; therefore a log that only its own key
 * vouches for is `self-asserted`, and what was kept elsewhere (`seen`, witnesses) decides. Memory is bounded, since each
 * bundle is reduced to a summary; the time is a small multiple of hashing the same bytes.
 */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isSignedBy, logVerifier, parseCheckpoint, type ReadCheckpoint } from './checkpoint.ts';
import { leafHash } from './merkle.ts';
import { checkNote, parseVerifierKey, type VerifierKey } from './note.ts';
import { isProofFile, type ProofFile, parseProof } from './proof-file.ts';
import { includes } from './proofs.ts';
import { CHECKPOINT, VERIFIER_KEY } from './published-names.ts';
import { keptCheckpoints } from './seen.ts';
import { Problems, type VerifyReport } from './verify-report.ts';
import { checkTree } from './verify-tree.ts';

export type { Problem, ProblemCode, VerifyReport } from './verify-report.ts';

export type VerifyOptions = {
  /** The log's verifier key, `NAME+HASH+KEY`. Without it, the one published beside the log is taken. */
  key?: string | undefined;
  /** Text of a file with one or more checkpoints that were kept elsewhere. More of them narrow a range down. */
  seen?: string | undefined;
  /** Verifier keys of witnesses that are trusted. */
  witnesses?: readonly string[];
  onProgress?: (entries: number, size: number) => void;
};

/** A log's folder or a `.tlog-proof` file, whichever stands at `path`. @throws where there is neither. */
export async function verify(path: string, options: VerifyOptions = {}): Promise<VerifyReport> {
  if ((await stat(path)).isDirectory()) return verifyLog(path, options);
  const text = await readFile(path, 'utf8');
  if (!isProofFile(text)) throw new Error(`${path} is neither a log's folder nor a .tlog-proof file`);
  return verifyProof(text, options);
}

export async function verifyLog(folder: string, options: VerifyOptions = {}): Promise<VerifyReport> {
  const began = performance.now();
  const problems = new Problems();
  const text = await readText(join(folder, CHECKPOINT));
  const checkpoint = text === undefined ? undefined : parseCheckpoint(text);
  if (text === undefined) problems.add('checkpoint_missing', 0, 'the folder has no checkpoint');
  else if (checkpoint === undefined) problems.add('checkpoint_unreadable', 0, 'the checkpoint cannot be read');
  if (checkpoint === undefined) return report({ problems, checkpoint, began });
  const key = checkKey(options.key ?? (await readText(join(folder, VERIFIER_KEY))), checkpoint, problems);
  const seen = keptCheckpoints(options.seen, checkpoint, key, problems);
  const tree = await checkTree({ folder, checkpoint, seen, problems, onProgress: options.onProgress });
  const witnesses = trustedWitnesses(checkpoint, options.witnesses);
  return report({ problems, checkpoint, began, witnesses, ...tree });
}

/** The entry rides in the proof; a receipt that is shown beside it must be those very bytes. */
export function verifyProof(text: string, options: VerifyOptions = {}): VerifyReport {
  const began = performance.now();
  const problems = new Problems();
  const proof = parseProof(text);
  if (proof === undefined) {
    problems.add('proof_unreadable', null, 'the file is not a proof');
    return report({ problems, checkpoint: undefined, began });
  }
  const { checkpoint } = proof;
  checkInclusion(proof, problems);
  const key = checkKey(options.key, checkpoint, problems);
  const seen = keptCheckpoints(options.seen, checkpoint, key, problems, { isProof: true });
  // Without the log nothing shows that one checkpoint extends another: only the very one proves anything.
  const same = seen.filter(({ size }) => size === checkpoint.size);
  for (const { size, root } of same) {
    if (root !== checkpoint.root) problems.addRange('history_changed', 0, size, 'the kept checkpoint has another root');
  }
  const witnesses = trustedWitnesses(checkpoint, options.witnesses);
  const bytes = Buffer.byteLength(proof.entry ?? '');
  return report({ problems, checkpoint, began, witnesses, seen: same, open_intents: 0, bytes });
}

function checkInclusion({ entry, index, proof, checkpoint }: ProofFile, problems: Problems): void {
  if (entry === undefined) problems.add('proof_unreadable', index, 'the proof does not carry its entry');
  else if (!includes(index, checkpoint.size, leafHash(entry), proof, checkpoint.root)) {
    problems.add('proof_differs', index, 'the entry is not in the tree of the checkpoint');
  }
}

function checkKey(text: string | undefined, checkpoint: ReadCheckpoint, problems: Problems): VerifierKey | undefined {
  const key = text === undefined ? undefined : logVerifier(text);
  if (key === undefined || key.name !== checkpoint.origin) {
    const what = text === undefined ? 'no verifier key is given' : 'the verifier key is not one of this log';
    problems.add('key_missing', null, what);
  } else if (!isSignedBy(checkpoint, key)) {
    problems.add('checkpoint_signature', 0, 'the checkpoint is not signed by the verifier key');
  }
  return key;
}

function trustedWitnesses(checkpoint: ReadCheckpoint, keys: readonly string[] = []): string[] {
  const trusted = keys.map(parseVerifierKey).filter((key) => key !== undefined);
  const checked = checkNote(checkpoint.note, trusted);
  return checked.valid ? checked.by.map(({ key }) => key.name) : [];
}

async function readText(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

function report(from: {
  problems: Problems;
  checkpoint: ReadCheckpoint | undefined;
  began: number;
  witnesses?: readonly string[];
  seen?: readonly { size: number; root: string }[];
  open_intents?: number;
  bytes?: number;
}): VerifyReport {
  const { problems, checkpoint, witnesses = [], seen = [] } = from;
  const size = checkpoint?.size ?? 0;
  const kept = seen.map(({ size, root }) => ({ size, root }));
  const vouched = problems.none ? (witnesses.length > 0 ? size : Math.max(0, ...kept.map((one) => one.size))) : 0;
  const isVouched = witnesses.length > 0 || kept.length > 0;
  return {
    verdict: problems.none ? (isVouched ? 'verified' : 'self-asserted') : 'failed',
    origin: checkpoint?.origin ?? null,
    size,
    root: checkpoint?.root ?? null,
    vouched,
    seen: kept,
    witnesses,
    open_intents: from.open_intents ?? 0,
    bytes: from.bytes ?? 0,
    duration_ms: Math.round(performance.now() - from.began),
    ...problems.report(),
  };
}
