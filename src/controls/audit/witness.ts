import { type Checkpoint, parseCheckpoint, type ReadCheckpoint } from './checkpoint.ts';
import type { Hash } from './merkle.ts';
import { COSIGNATURE_V1, checkNote, parseNote, parseVerifierKey, type VerifierKey } from './note.ts';
import { consistencyProof, type NodeReader } from './proofs.ts';

/** A witness (C2SP tlog-witness): cosigns a checkpoint if it extends the last one it saw, so that a fork needs its help. */
export type Witness = {
  /** Prefix of `/add-checkpoint`. */
  url: string;
  /** Its verifier key, `NAME+HASH+KEY`. */
  key: string;
};

/** POST of plain text, made by the egress module; bounded there in time and bytes. */
export type WitnessPost = (url: string, body: string) => Promise<{ status: number; type: string; body: string }>;

export type Cosigned = { name: string; line: string };

export type CosignerParts = {
  witnesses: readonly Witness[];
  required: number;
  post: WitnessPost;
  /** Reads the tree of that size as published. */
  nodes: (size: number) => NodeReader;
  report: (problem: string, error: unknown) => void;
};

type Known = { url: string; key: VerifierKey; seen: number | undefined };

/** Longest proof that the specification lets a witness accept. */
const PROOF_HASHES_MAX = 63;

/** Asks each witness for its cosignature. One that fails costs its cosignature, nothing else. */
export class Cosigner {
  readonly required: number;
  readonly #parts: CosignerParts;
  readonly #witnesses: readonly Known[];

  /** @throws where a key is not that of a witness. */
  constructor(parts: CosignerParts) {
    this.#parts = parts;
    this.required = parts.required;
    this.#witnesses = parts.witnesses.map(({ url, key }) => {
      const parsed = parseVerifierKey(key);
      if (parsed?.type !== COSIGNATURE_V1) throw new Error(`${key} is not the verifier key of a witness`);
      return { url: url.replace(/\/+$/, ''), key: parsed, seen: undefined };
    });
  }

  /** `guess`: a size that a witness unknown so far may have seen last. */
  async cosign(text: string, guess: number): Promise<Cosigned[]> {
    const checkpoint = parseCheckpoint(text);
    if (checkpoint === undefined) throw new Error('not a checkpoint');
    const asked = this.#witnesses.map((witness) =>
      this.#ask(witness, text, checkpoint, guess).catch((error: unknown) => {
        this.#parts.report(`witness ${witness.key.name} did not cosign`, error);
        return undefined;
      }),
    );
    return (await Promise.all(asked)).filter((cosigned) => cosigned !== undefined);
  }

  async #ask(witness: Known, text: string, checkpoint: ReadCheckpoint, guess: number): Promise<Cosigned> {
    const first = await this.#post(witness, text, checkpoint, witness.seen ?? Math.min(guess, checkpoint.size));
    // 409: it saw another size last, and says which.
    const seen = first.status === 409 ? sizeOf(first) : undefined;
    if (seen !== undefined && seen > checkpoint.size) {
      throw new Error(`it has seen ${seen} entries of this log, which has ${checkpoint.size}`);
    }
    const answer = seen === undefined ? first : await this.#post(witness, text, checkpoint, seen);
    if (answer.status !== 200) throw new Error(`it answered ${answer.status}: ${answer.body.slice(0, 200).trim()}`);
    const cosigned = cosignatureIn(answer.body, checkpoint, witness.key);
    witness.seen = checkpoint.size;
    return cosigned;
  }

  async #post(witness: Known, text: string, { size }: Checkpoint, old: number) {
    const proof = await consistencyProof(old, size, this.#parts.nodes(size));
    if (proof.length > PROOF_HASHES_MAX) throw new Error('the consistency proof is too long');
    return this.#parts.post(`${witness.url}/add-checkpoint`, requestBody(old, proof, text));
  }
}

export function requestBody(old: number, proof: readonly Hash[], checkpoint: string): string {
  const lines = proof.map((hash) => `${Buffer.from(hash, 'hex').toString('base64')}\n`);
  return `old ${old}\n${lines.join('')}\n${checkpoint}`;
}

function sizeOf({ type, body }: { type: string; body: string }): number | undefined {
  if (!type.startsWith('text/x.tlog.size') || !/^(0|[1-9]\d{0,15})\n$/.test(body)) return undefined;
  return Number(body);
}

/** The witness's line, once it verifies over our checkpoint. */
function cosignatureIn(body: string, checkpoint: ReadCheckpoint, key: VerifierKey): Cosigned {
  const note = parseNote(`${checkpoint.note.text}\n${body}`);
  const checked = note && checkNote(note, [key]);
  if (note === undefined || !checked?.valid || checked.by.length === 0) throw new Error('its answer does not verify');
  const own = note.signatures.find(({ name, keyId }) => name === key.name && keyId === key.keyId);
  return { name: key.name, line: own!.line };
}
