/**
 * Audit: the product's memory and its proof. Before any effect an intent is durable; after it comes the outcome; every
 * change of the system itself has a receipt. The receipts stand in a transparency log (C2SP tlog-tiles) that strangers
 * check with their own tools: a Merkle tree under signed checkpoints, published as static files.
 *
 * Its attacker owns the database, the disk or the signing key, and wants one entry changed, dropped, reordered or rolled
 * back without a trace; or floods the log so that the record of the attack is lost in noise; or reads it for names and
 * arguments. So: gapless counting by replica and epoch, each receipt naming the one before it, a high-water checkpoint
 * outside the database, witnesses; strangers' refusals counted, not listed; payloads sealed with a key each, that can be
 * destroyed while the log still verifies.
 *
 * It refuses to say `verified` where only its own key vouches. Rejected: a hash chain alone (no short proofs, no one
 * else's tools), positions from a sequence (commits land out of order), trusting tiles over the database or the other way
 * round without comparing, encrypting receipts (then nobody can check them).
 */
export { type Archive, type Archived, openArchive } from './archive.ts';
export type {
  ControlDraft,
  ExchangeDraft,
  FeedPage,
  IntentDraft,
  IntentResult,
  Ledger,
  LedgerOptions,
  LedgerStatus,
  LoggedReceipt,
  OutcomeDraft,
  Payload,
  Reader,
  RefusalDraft,
  Story,
} from './contract.ts';
export { directoryFiles, type LogFiles } from './files.ts';
export { type LedgerKeys, ledgerVerifierKey, makeLedgerKeys, openLedgerKeys } from './keys.ts';
export { openLedger } from './ledger.ts';
export { migrations } from './store.ts';
export { openThreadedLedger, type ThreadedLedgerOptions } from './threaded-ledger.ts';
export {
  type Problem,
  type ProblemCode,
  type VerifyOptions,
  type VerifyReport,
  verify,
  verifyLog,
  verifyProof,
} from './verify.ts';
export type { Witness, WitnessPost } from './witness.ts';
