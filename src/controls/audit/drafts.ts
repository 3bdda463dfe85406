import { hash } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import type { JsonValue } from '../../core/json.ts';
import type { EntityRef } from '../../core/principal.ts';
import { RECEIPT_VERSION } from '../../core/receipt.ts';
import type { ControlDraft, ExchangeDraft, IntentDraft, OutcomeDraft, RefusalDraft } from './contract.ts';
import type { Draft } from './epoch.ts';
import type { Flood } from './flood.ts';
import type { ReceiptId } from './receipt-ids.ts';
import { nameDigest, type Seal } from './seal.ts';
import type { ReceiptRow } from './store.ts';

export type DrafterParts = {
  clock: Clock;
  nextId: () => ReceiptId;
  seal: Seal;
  build: string;
  config_digest: () => string;
};

/** Seats of the receipts that one refers to. */
export type References = { about: number | null; follows: number | null };

export const NO_REFERENCES: References = { about: null, follows: null };

/** Turns what the gateway says into receipts: ids, digests and enumerations here, everything readable sealed beside. */
export class Drafter {
  readonly #parts: DrafterParts;

  constructor(parts: DrafterParts) {
    this.#parts = parts;
  }

  intent({ facts, payload }: IntentDraft, references: References): Draft {
    const { head, slot } = this.#head();
    const names = facts.accesses.map(({ resource }) => plain(resource));
    const sealed = this.#sealed({ names, value: payload });
    const receipt = {
      ...head,
      ...facts,
      kind: 'intent',
      accesses: this.#accesses(facts.accesses, sealed.salt),
      payload: sealed.digest,
    } as const;
    return { receipt, slot, ...references, payload: sealed };
  }

  refusal({ kind, code, facts, checks, payload }: RefusalDraft, references: References): Draft {
    const { head, slot } = this.#head();
    const { accesses, ...rest } = facts;
    const names = accesses?.map(({ resource }) => plain(resource)) ?? null;
    const isSealed = names !== null || payload !== undefined;
    const sealed = isSealed ? this.#sealed({ names, value: payload ?? null }) : undefined;
    const receipt = {
      ...head,
      ...rest,
      kind,
      code,
      checks: [...checks],
      ...(accesses && sealed ? { accesses: this.#accesses(accesses, sealed.salt) } : {}),
      payload: sealed?.digest ?? null,
    };
    return { receipt, slot, ...references, payload: sealed };
  }

  outcome({ payload, ...facts }: OutcomeDraft, about: number): Draft {
    const { head, slot } = this.#head();
    const sealed = payload === undefined ? undefined : this.#sealed({ names: null, value: payload });
    const receipt = { ...head, ...facts, kind: 'outcome', payload: sealed?.digest ?? null } as const;
    return { receipt, slot, about, follows: null, payload: sealed };
  }

  /** What is said of an intent whose replica does not know, or no longer lives to say, what became of it. */
  unknown(intent: ReceiptRow, cause: string): Draft {
    const { labels } = JSON.parse(intent.body) as { labels: { before: OutcomeDraft['labels']['after'] } };
    const outcome: OutcomeDraft = {
      intent: intent.id,
      outcome: 'unknown',
      received_bytes: 0,
      released_bytes: 0,
      frames: 0,
      released: null,
      duration_us: 0,
      stop_cause: cause,
      listed: null,
      labels: { after: labels.before },
      checks: [],
    };
    return this.outcome(outcome, intent.seat);
  }

  control({ payload, ...facts }: ControlDraft): Draft {
    const { head, slot } = this.#head();
    const sealed = payload === undefined ? undefined : this.#sealed({ names: null, value: payload });
    const receipt = { ...head, ...facts, kind: 'control', payload: sealed?.digest ?? null } as const;
    return { receipt, slot, ...NO_REFERENCES, payload: sealed };
  }

  flood({ code, source, second, count }: Flood): Draft {
    const { head, slot } = this.#head();
    const sealed = this.#sealed({ names: [source], value: null });
    const source_digest = nameDigest(sealed.salt, { type: 'Source', id: source });
    const receipt = { ...head, kind: 'flood', code, source_digest, second, count, payload: sealed.digest } as const;
    return { receipt, slot, ...NO_REFERENCES, payload: sealed };
  }

  gap(count: number, since: number): Draft {
    const { head, slot } = this.#head();
    return { receipt: { ...head, kind: 'gap', count, since }, slot, ...NO_REFERENCES, payload: undefined };
  }

  #head() {
    const { clock, nextId, build, config_digest } = this.#parts;
    const { id, slot } = nextId();
    const head = { version: RECEIPT_VERSION, id, time: clock.now(), build, config_digest: config_digest() } as const;
    return { head, slot };
  }

  #sealed(content: { names: JsonValue; value: JsonValue }) {
    const salt = this.#parts.seal.salt();
    return { salt, ...this.#parts.seal.seal(salt, content) };
  }

  #accesses(accesses: ExchangeDraft['accesses'], salt: string) {
    return accesses.map(({ action, resource }) => ({
      action,
      resource_type: resource.type,
      resource_digest: nameDigest(salt, resource),
    }));
  }
}

function plain({ type, id }: EntityRef): { type: string; id: string } {
  return { type, id };
}

/** Digest of a list, for a receipt that names many things at once. */
export function listDigest(list: readonly string[]): string {
  return hash('sha256', JSON.stringify(list), 'hex');
}
