import type { KeyObject } from 'node:crypto';
import type { JsonValue } from '../../core/json.ts';
import type { Receipt } from '../../core/receipt.ts';
import type { Sql } from '../../storage/index.ts';
import { Seal } from './seal.ts';
import { type BareRow, entriesFrom, exchangesFrom, readHead } from './store.ts';

export type Archived = {
  receipt: Receipt;
  /** The accesses' resources by name, and what lay sealed; `erased` where its key was destroyed. */
  open(): { names: JsonValue; value: JsonValue } | 'erased';
};

/**
 * The log for who reads much of it at once, on a connection of its own and perhaps in a thread of its own. It opens
 * payloads and leaves no receipt: whoever hands it out has left a `payload.read` before.
 */
export interface Archive {
  /** Entries in the log. */
  size(): Promise<number>;
  /** Place of the first entry from which on none is older than `time`, give or take the replicas' clocks. */
  indexSince(time: number): Promise<number>;
  /** First receipts of exchanges among the `count` entries from `index` on. */
  exchanges(index: number, count: number): Promise<Archived[]>;
}

/** Replicas stamp receipts by their own clocks, and the log orders them by their commits. */
const CLOCKS_APART_MS = 60_000;

export function openArchive({ db, key }: { db: Sql; key: KeyObject }): Archive {
  const seal = new Seal(key, () => {
    throw new Error('an archive seals nothing');
  });
  const size = async () => (await readHead(db))?.size ?? 0;
  return {
    size,
    async indexSince(time) {
      let [from, to] = [0, await size()];
      while (from < to) {
        const middle = Math.floor((from + to) / 2);
        const [row] = await entriesFrom(db, middle, 1);
        if (row === undefined || timeOf(row) >= time - CLOCKS_APART_MS) to = middle;
        else from = middle + 1;
      }
      return from;
    },
    async exchanges(index, count) {
      const rows = await exchangesFrom(db, index, count);
      return rows.map((row) => archived(row, seal));
    },
  };
}

function timeOf({ body }: BareRow): number {
  return (JSON.parse(body) as Receipt).time;
}

function archived({ body, seed, sealed }: BareRow, seal: Seal): Archived {
  const receipt = JSON.parse(body) as Receipt;
  return {
    receipt,
    open() {
      const digest = receipt.kind === 'gap' ? null : receipt.payload;
      if (digest === null) return { names: null, value: null };
      return seed === null || sealed === null ? 'erased' : seal.open(digest, { seed, sealed });
    },
  };
}
