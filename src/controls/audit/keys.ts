import type { KeyObject } from 'node:crypto';

/** What the log is signed with and what payload keys are wrapped with. In a fleet every replica has the same. */
export type LedgerKeys = {
  /** Ed25519; signs checkpoints. Whoever holds it can sign another history: hence witnesses and kept checkpoints. */
  signing: KeyObject;
  /** AES-256; wraps each record's own key. */
  payload: KeyObject;
  /** Whether this start made them. */
  created: boolean;
};
