import type { Ledger } from '../../src/controls/audit/index.ts';
import type { RecordControl } from '../../src/controls/identity/index.ts';
import { newId } from '../../src/core/ids.ts';
import type { Table } from '../../src/enforcement/index.ts';
import type { Database, Row, SqlValue, StateWatch, Transaction } from '../../src/storage/index.ts';
import type { Chance } from './chance.ts';

/**
 * Bugs of the kinds that the judge must find, planted from outside: each wraps a part on its way into the part that uses
 * it. The product has no switch for them. A simulator that finds none of these finds nothing.
 */
export const BUGS = {
  'lost-outcome': 'one outcome in eight is dropped, and said to be durable',
  'double-proof': 'every proof is new',
  'stale-policy': 'an intent is held against the version that this replica believes in',
  'index-reuse': 'the sequencer trusts its own head instead of comparing and swapping',
  'early-commit': 'a commit is reported before it is durable',
  'no-lease': 'a replica that has heard nothing for long still forwards',
  'silent-change': 'changes of the system leave no receipt',
  'other-bytes': 'what is forwarded is not what the intent names',
} as const;
export type Bug = keyof typeof BUGS;

/** The seams through which a replica is put together. */
export type Seams = {
  db(db: Database): Database;
  state(state: StateWatch): StateWatch;
  ledger(ledger: Ledger): Ledger;
  stateVersion(confirm: (tx: Transaction) => Promise<number>, state: StateWatch): (tx: Transaction) => Promise<number>;
  claimed(claimed: boolean[]): boolean[];
  record(record: RecordControl): RecordControl;
  table(table: Table): Table;
};

const SOUND: Seams = {
  db: (db) => db,
  state: (state) => state,
  ledger: (ledger) => ledger,
  stateVersion: (confirm) => confirm,
  claimed: (claimed) => claimed,
  record: (record) => record,
  table: (table) => table,
};

export function seamsWith(bug: Bug | undefined, chance: Chance): Seams {
  const random = (length: number) => chance.bytes(length);
  switch (bug) {
    case undefined:
      return SOUND;
    case 'lost-outcome':
      return { ...SOUND, ledger: (ledger) => losingOutcomes(ledger, chance) };
    case 'double-proof':
      return { ...SOUND, claimed: (claimed) => claimed.map(() => true) };
    case 'stale-policy':
      return { ...SOUND, stateVersion: (_confirm, state) => async () => state.version() };
    case 'index-reuse':
      return { ...SOUND, db: (db) => trusting(db) };
    case 'early-commit':
      return { ...SOUND, db: (db) => hasty(db) };
    case 'no-lease':
      return { ...SOUND, state: (state) => with_(state, { leased: () => true, lease: () => ({ held: true }) }) };
    case 'silent-change':
      return { ...SOUND, record: () => async () => newId('rcp', random) };
    case 'other-bytes':
      return { ...SOUND, table: (table) => rewriting(table, chance) };
  }
}

function losingOutcomes(ledger: Ledger, chance: Chance): Ledger {
  return with_(ledger, {
    outcome: async (draft) => {
      if (chance.happens(1 / 8)) return newId('rcp', (length) => chance.bytes(length));
      return ledger.outcome(draft);
    },
  });
}

/** Takes the guards off the log's head: each replica sequences on top of what it believes, and nobody else's lease counts. */
function trusting(db: Database): Database {
  const statement = (text: string): string => {
    if (text.startsWith('update audit_head set size')) {
      return text.replace('and fork = $1 and size = $2 and root = $3', 'and fork = $1 and $2 >= 0 and $3 is not null');
    }
    return text.replace('insert into audit_spans', 'insert or replace into audit_spans');
  };
  const rows = <R extends Row>(text: string, found: R[]): R[] =>
    text.includes('from audit_head') ? found.map((row) => ({ ...row, holder_until: 0 })) : found;
  return with_(db, {
    query: async <R extends Row>(text: string, values?: readonly SqlValue[]) =>
      rows(text, await db.query<R>(text, values)),
    transaction: <T>(work: (tx: Transaction) => Promise<T>) =>
      db.transaction((tx) =>
        work(
          with_(tx, {
            query: <R extends Row>(text: string, values?: readonly SqlValue[]) => tx.query<R>(statement(text), values),
          }),
        ),
      ),
  });
}

/** Answers as soon as the work is done; the commit follows, or does not. */
function hasty(db: Database): Database {
  return with_(db, {
    transaction: <T>(work: (tx: Transaction) => Promise<T>) =>
      new Promise<T>((resolve, reject) => {
        db.transaction(async (tx) => {
          const result = await work(tx);
          resolve(result);
          return result;
        }).catch(reject);
      }),
  });
}

function rewriting(table: Table, chance: Chance): Table {
  return table.map((row) => {
    const forward = row.cells.mcp;
    if (row.stage !== 'forward' || typeof forward !== 'function') return row;
    return {
      ...row,
      cells: {
        ...row.cells,
        mcp: (pass) => {
          const { sent } = pass.intent;
          if (sent !== undefined && chance.happens(1 / 8)) pass.intent = { ...pass.intent, sent: sent.with(0, 0x5b) };
          return forward(pass);
        },
      },
    };
  });
}

/** `part` with some of its methods replaced; the others keep their own `this`. */
function with_<T extends object>(part: T, replaced: Partial<T>): T {
  return new Proxy(part, {
    get: (target, name) => {
      if (name in replaced) return replaced[name as keyof T];
      const value = target[name as keyof T];
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
