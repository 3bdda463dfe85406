import type { OutcomeKind } from './exchange.ts';
import type { Label } from './label.ts';
import type { CredentialKind } from './principal.ts';
import type { RefusalCode } from './refusal.ts';

/**
 * The log's records. Written as canonical JSON (RFC 8785) of opaque ids, digests and enumerations; names, arguments and
 * content are payload, sealed beside the log and referred to by `payload`, a salted digest.
 */
export const RECEIPT_VERSION = 2;

/** Versions that are read. Since 2 an exchange says so where it was decided while the gateway observed. */
export type ReceiptVersion = 1 | typeof RECEIPT_VERSION;

export type ReceiptKind = 'intent' | 'outcome' | 'refusal' | 'hold' | 'control' | 'flood' | 'gap';

/** On every receipt. `replica, epoch, n` is gapless, so that omission shows. */
export type ReceiptHead = {
  version: ReceiptVersion;
  id: string;
  kind: ReceiptKind;
  replica: string;
  epoch: number;
  n: number;
  /**
   * RFC 6962 leaf hash of the receipt before it of the same replica and epoch, hex; null for the first. So a change shows
   * at its place even where the tree was built and signed anew.
   */
  prev: string | null;
  /** Milliseconds since the Unix epoch. */
  time: number;
  build: string;
  config_digest: string;
};

export type StageCheck = { stage: string; verdict: 'pass' | 'refuse' | 'error'; us: number };

/** Who, in what run, asking for what; shared by intents and by refusals after identity. */
export type ExchangeFacts = {
  protocol: string;
  operation: string;
  agent: { id: string; owner: string; version: string };
  credential: { kind: CredentialKind; thumbprint: string };
  run: string;
  job: string;
  purpose: string | null;
  /** Opaque id of the user in whose name. */
  subject: string | null;
  /** The delegation, from the first agent to the one that acts. */
  chain: { actor: string; grant: string | null; scope_digest: string; expires_at: number }[];
  /** Actions, with the salted digest of each resource's name. */
  accesses: { action: string; resource_type: string; resource_digest: string }[];
  upstream: string | null;
  /** Digest of what was called as its server offers it, and the pin that it was found equal to; null where nothing goes upstream. */
  tool: { manifest: string; pin_approval: string } | null;
  request: { received: string; sent: string | null; bytes: number };
  policy: { set: string; ids: string[]; errors: string[]; obligations: string[]; shadow: string[] };
  /**
   * Only while the gateway observed: what policy said, whatever became of the exchange. An intent with `would: deny` was let
   * through against it.
   */
  observing?: { would: 'permit' | 'hold' | 'deny'; code: RefusalCode | null };
  state_version: number;
  labels: { before: Label };
  checks: StageCheck[];
  /** Receipt id of the exchange that this is a child of (a request from upstream). */
  parent: string | null;
  /** Receipt id of the pass that this one takes up (after a hold). */
  continues: string | null;
  /** W3C trace id, hex, where the caller sent one. */
  trace: string | null;
  /** Salted SHA-256 of the sealed payload, hex; null where there is none. */
  payload: string | null;
};

export type IntentReceipt = ReceiptHead & { kind: 'intent' } & ExchangeFacts;

export type OutcomeReceipt = ReceiptHead & {
  kind: 'outcome';
  intent: string;
  outcome: OutcomeKind;
  received_bytes: number;
  released_bytes: number;
  frames: number;
  /** SHA-256 of the released final answer, hex. */
  released: string | null;
  duration_us: number;
  stop_cause: string | null;
  /** Number and digest of what a list showed. */
  listed: { count: number; digest: string } | null;
  labels: { after: Label };
  checks: StageCheck[];
  payload: string | null;
};

/** A refusal after identity, or a hold that ended the pass. */
export type RefusalReceipt = ReceiptHead & { kind: 'refusal' | 'hold'; code: RefusalCode } & Partial<ExchangeFacts> & {
    checks: StageCheck[];
    payload: string | null;
  };

/** Refusals before identity share one receipt per code, source prefix and second. */
export type FloodReceipt = ReceiptHead & {
  kind: 'flood';
  code: RefusalCode;
  source_digest: string;
  second: number;
  count: number;
  payload: string | null;
};

/** Intents that could not be written: stated by the first receipt that could. */
export type GapReceipt = ReceiptHead & { kind: 'gap'; count: number; since: number };

export const CONTROL_EVENTS = [
  'gateway.start',
  'gateway.stop',
  'config.change',
  'policy.propose',
  'policy.activate',
  'mode.observe',
  'mode.enforce',
  'policy.rollback',
  'policy.canary',
  'policy.shadow',
  'privilege.give',
  'privilege.end',
  'agent.add',
  'agent.remove',
  'agent.rotate',
  'token.issue',
  'token.revoke',
  'run.open',
  'run.end',
  'workload.accept',
  'delegation.grant',
  'grant.give',
  'grant.refuse',
  'grant.end',
  'client.register',
  'consent.give',
  'consent.withdraw',
  'connection.make',
  'connection.end',
  'stop.set',
  'stop.lift',
  'signal.receive',
  'person.setup',
  'person.add',
  'person.sign_in',
  'person.sign_in_failed',
  'person.sign_out',
  'person.change',
  'person.remove',
  'person.enrol',
  'person.present',
  'payload.read',
  'payload.erase',
  'audit.export',
  'audit.fork',
  'key.create',
  'key.rotate',
  'vault.set',
  'vault.rotate',
  'vault.remove',
  'vault.renew',
  'vault.rewrap',
  'svid.authority',
  'svid.issue',
  'svid.rotate',
  'join.create',
  'join.use',
  'upstream.change',
  'tool.pin',
  'tool.approve',
  'tool.reject',
  'tool.unpin',
  'engine.disagreement',
] as const;
export type ControlEvent = (typeof CONTROL_EVENTS)[number];

/** Every change of the system itself, and every look at a payload. */
export type ControlReceipt = ReceiptHead & {
  kind: 'control';
  event: ControlEvent;
  /** `person:<id>`, `local` (the control socket), `gateway`. */
  by: string;
  /** Opaque id of what was changed, and digests before and after where there are any. */
  subject: string | null;
  before: string | null;
  after: string | null;
  payload: string | null;
};

export type Receipt = IntentReceipt | OutcomeReceipt | RefusalReceipt | FloodReceipt | GapReceipt | ControlReceipt;
