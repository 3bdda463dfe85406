import { hash } from 'node:crypto';
import type { ExchangeFacts, Receipt } from '../../core/receipt.ts';
import { ENTRY_BYTES_MAX } from './tiles.ts';

/**
 * Receipts as canonical JSON (RFC 8785). For our closed shapes that is what `JSON.stringify` writes once the members stand
 * in order, at a fifth of the cost of sorting them each time; a test holds it against the `canonicalize` package.
 */

/** A receipt without its place, which is known only inside the commit. */
export type Unplaced = Without<Receipt>;
type Without<R> = R extends Receipt ? Omit<R, keyof Place> : never;

export type Place = { replica: string; epoch: number; n: number; prev: string | null };

/** @throws where the receipt is larger than an entry may be, or holds text that JSON cannot carry. */
export function receiptText(receipt: Unplaced, place: Place): string {
  const text = JSON.stringify(ordered(receipt, place));
  // The text is ASCII but for what agents and operators named; three bytes is the most a UTF-16 unit takes.
  if (text.length * 3 > ENTRY_BYTES_MAX && Buffer.byteLength(text) > ENTRY_BYTES_MAX) {
    throw new Error(`receipt ${receipt.id} is larger than ${ENTRY_BYTES_MAX} bytes`);
  }
  // JSON.stringify writes a lone surrogate as an escape; RFC 8785 section 3.2.2.2 has no form for it.
  if (text.includes('\\ud') && /(?<!\\)(?:\\\\)*\\ud[89a-f]/.test(text)) {
    throw new Error(`receipt ${receipt.id} holds a lone surrogate`);
  }
  return text;
}

function ordered(receipt: Unplaced, place: Place): object {
  switch (receipt.kind) {
    case 'intent':
      return intentOf(receipt, place);
    case 'outcome':
      return outcomeOf(receipt, place);
    case 'refusal':
    case 'hold':
      return refusalOf(receipt, place);
    case 'control':
      return controlOf(receipt, place);
    case 'flood':
      return floodOf(receipt, place);
    case 'gap':
      return gapOf(receipt, place);
  }
}

type Of<K extends Receipt['kind']> = Extract<Unplaced, { kind: K }>;

function intentOf(receipt: Of<'intent'>, place: Place): object {
  return {
    accesses: accesses(receipt.accesses),
    agent: agent(receipt.agent),
    build: receipt.build,
    chain: chain(receipt.chain),
    checks: checks(receipt.checks),
    config_digest: receipt.config_digest,
    continues: receipt.continues,
    credential: credential(receipt.credential),
    epoch: place.epoch,
    id: receipt.id,
    job: receipt.job,
    kind: receipt.kind,
    labels: { before: label(receipt.labels.before) },
    n: place.n,
    observing: receipt.observing && observing(receipt.observing),
    operation: receipt.operation,
    parent: receipt.parent,
    payload: receipt.payload,
    policy: policy(receipt.policy),
    prev: place.prev,
    protocol: receipt.protocol,
    purpose: receipt.purpose,
    replica: place.replica,
    request: request(receipt.request),
    run: receipt.run,
    state_version: whole(receipt.state_version),
    subject: receipt.subject,
    time: whole(receipt.time),
    tool: receipt.tool && tool(receipt.tool),
    trace: receipt.trace,
    upstream: receipt.upstream,
    version: receipt.version,
  };
}

/** As an intent, as far as the pass came; members without a value are left out by `JSON.stringify`. */
function refusalOf(receipt: Of<'refusal' | 'hold'>, place: Place): object {
  return {
    accesses: receipt.accesses && accesses(receipt.accesses),
    agent: receipt.agent && agent(receipt.agent),
    build: receipt.build,
    chain: receipt.chain && chain(receipt.chain),
    checks: checks(receipt.checks),
    code: receipt.code,
    config_digest: receipt.config_digest,
    continues: receipt.continues,
    credential: receipt.credential && credential(receipt.credential),
    epoch: place.epoch,
    id: receipt.id,
    job: receipt.job,
    kind: receipt.kind,
    labels: receipt.labels && { before: label(receipt.labels.before) },
    n: place.n,
    observing: receipt.observing && observing(receipt.observing),
    operation: receipt.operation,
    parent: receipt.parent,
    payload: receipt.payload,
    policy: receipt.policy && policy(receipt.policy),
    prev: place.prev,
    protocol: receipt.protocol,
    purpose: receipt.purpose,
    replica: place.replica,
    request: receipt.request && request(receipt.request),
    run: receipt.run,
    state_version: receipt.state_version === undefined ? undefined : whole(receipt.state_version),
    subject: receipt.subject,
    time: whole(receipt.time),
    tool: receipt.tool && tool(receipt.tool),
    trace: receipt.trace,
    upstream: receipt.upstream,
    version: receipt.version,
  };
}

function outcomeOf(receipt: Of<'outcome'>, place: Place): object {
  return {
    build: receipt.build,
    checks: checks(receipt.checks),
    config_digest: receipt.config_digest,
    duration_us: whole(receipt.duration_us),
    epoch: place.epoch,
    frames: whole(receipt.frames),
    id: receipt.id,
    intent: receipt.intent,
    kind: receipt.kind,
    labels: { after: label(receipt.labels.after) },
    listed: receipt.listed && { count: whole(receipt.listed.count), digest: receipt.listed.digest },
    n: place.n,
    outcome: receipt.outcome,
    payload: receipt.payload,
    prev: place.prev,
    received_bytes: whole(receipt.received_bytes),
    released: receipt.released,
    released_bytes: whole(receipt.released_bytes),
    replica: place.replica,
    stop_cause: receipt.stop_cause,
    time: whole(receipt.time),
    version: receipt.version,
  };
}

function controlOf(receipt: Of<'control'>, place: Place): object {
  return {
    after: receipt.after,
    before: receipt.before,
    build: receipt.build,
    by: receipt.by,
    config_digest: receipt.config_digest,
    epoch: place.epoch,
    event: receipt.event,
    id: receipt.id,
    kind: receipt.kind,
    n: place.n,
    payload: receipt.payload,
    prev: place.prev,
    replica: place.replica,
    subject: receipt.subject,
    time: whole(receipt.time),
    version: receipt.version,
  };
}

function floodOf(receipt: Of<'flood'>, place: Place): object {
  return {
    build: receipt.build,
    code: receipt.code,
    config_digest: receipt.config_digest,
    count: whole(receipt.count),
    epoch: place.epoch,
    id: receipt.id,
    kind: receipt.kind,
    n: place.n,
    payload: receipt.payload,
    prev: place.prev,
    replica: place.replica,
    second: whole(receipt.second),
    source_digest: receipt.source_digest,
    time: whole(receipt.time),
    version: receipt.version,
  };
}

function gapOf(receipt: Of<'gap'>, place: Place): object {
  return {
    build: receipt.build,
    config_digest: receipt.config_digest,
    count: whole(receipt.count),
    epoch: place.epoch,
    id: receipt.id,
    kind: receipt.kind,
    n: place.n,
    prev: place.prev,
    replica: place.replica,
    since: whole(receipt.since),
    time: whole(receipt.time),
    version: receipt.version,
  };
}

/** Receipts count in whole units: a clock or a caller that has fractions of them is rounded. */
function whole(value: number): number {
  return Number.isSafeInteger(value) && value >= 0 ? value : Math.max(0, Math.round(value));
}

/** More than an entry can hold of one list is stated as a count and a digest. */
const LIST_MAX = 128;
const LIST_CHARACTERS_MAX = 8_000;

function bounded(list: readonly string[]): readonly string[] {
  let characters = 0;
  const kept = list.findIndex((item, at) => {
    characters += item.length;
    return at >= LIST_MAX || characters > LIST_CHARACTERS_MAX;
  });
  if (kept < 0) return list;
  const rest = list.slice(kept);
  return [...list.slice(0, kept), `+${rest.length} sha256:${hash('sha256', JSON.stringify(rest), 'hex')}`];
}

function accesses(list: ExchangeFacts['accesses']): object[] {
  const all = list.map(({ action, resource_digest, resource_type }) => ({ action, resource_digest, resource_type }));
  if (all.length <= LIST_MAX) return all;
  const rest = all.slice(LIST_MAX);
  const resource_digest = hash('sha256', JSON.stringify(rest), 'hex');
  return [...all.slice(0, LIST_MAX), { action: `+${rest.length}`, resource_digest, resource_type: '*' }];
}

function agent({ id, owner, version }: ExchangeFacts['agent']): object {
  return { id, owner, version };
}

function chain(links: ExchangeFacts['chain']): object[] {
  return links.map(({ actor, expires_at, grant, scope_digest }) => ({
    actor,
    expires_at: whole(expires_at),
    grant,
    scope_digest,
  }));
}

function checks(list: ExchangeFacts['checks']): object[] {
  return list.map(({ stage, us, verdict }) => ({ stage, us: whole(us), verdict }));
}

function credential({ kind, thumbprint }: ExchangeFacts['credential']): object {
  return { kind, thumbprint };
}

function label({ confidentiality, integrity }: ExchangeFacts['labels']['before']): object {
  return { confidentiality, integrity };
}

function policy({ errors, ids, obligations, set, shadow }: ExchangeFacts['policy']): object {
  return {
    errors: bounded(errors),
    ids: bounded(ids),
    obligations: bounded(obligations),
    set,
    shadow: bounded(shadow),
  };
}

function tool({ manifest, pin_approval }: NonNullable<ExchangeFacts['tool']>): object {
  return { manifest, pin_approval };
}

function observing({ code, would }: NonNullable<ExchangeFacts['observing']>): object {
  return { code, would };
}

function request({ bytes, received, sent }: ExchangeFacts['request']): object {
  return { bytes: whole(bytes), received, sent };
}
