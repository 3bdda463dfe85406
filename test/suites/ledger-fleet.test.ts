import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { type Ledger, verifyLog } from '../../src/controls/audit/index.ts';
import { sleep } from '../../src/core/clock.ts';
import { isRefusal } from '../../src/core/refusal.ts';
import { systemClock } from '../../src/main/clock.ts';
import type { Database } from '../../src/storage/index.ts';
import { onEveryDatabase, type Place } from '../support/databases.ts';
import { readEntries } from '../support/forger.ts';
import {
  committed,
  exchange,
  exchanges,
  intent,
  ledgerAt,
  ledgerMigrations,
  outcome,
  scratchFolder,
} from '../support/ledger.ts';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

type Replica = { ledger: Ledger; db: Database; folder: string };

/** Replicas over one database, each with a connection, a name and a folder of its own. */
async function fleet(place: Place, count: number): Promise<Replica[]> {
  const { again } = await place.fresh(ledgerMigrations);
  const replicas: Replica[] = [];
  for (let at = 0; at < count; at += 1) {
    const db = await again();
    const folder = scratchFolder(undo);
    const ledger = await ledgerAt({ db, folder, replica: `rep_${at}`, report: () => {} });
    undo.push(() => ledger.close());
    replicas.push({ ledger, db, folder });
  }
  return replicas;
}

/** As if nothing had been heard of that epoch for an hour. */
async function fallSilent({ db, ledger }: Replica): Promise<void> {
  await db.query('update audit_epochs set beat_at = 0 where epoch = $1', [ledger.status().epoch]);
}

onEveryDatabase('a fleet of ledgers', (place) => {
  if (!place.shared) return;

  test('replicas write side by side; each comes to the same tree and the same files', async () => {
    const replicas = await fleet(place, 3);
    const each = await Promise.all(replicas.map(({ ledger }) => exchanges(ledger, 60, 20)));
    // Draining one may leave rows that another wrote meanwhile; the second time nobody writes.
    for (const _ of [1, 2]) for (const { ledger } of replicas) await ledger.drain();
    const checkpoints = replicas.map(({ folder }) => readFileSync(join(folder, 'checkpoint'), 'utf8'));
    assert.equal(new Set(checkpoints).size, 1, 'one size, one root, one signature');
    const entries = readEntries(replicas[0]!.folder);
    assert.deepEqual(readEntries(replicas[1]!.folder), entries);
    const logged = new Set(entries.map((entry) => JSON.parse(entry).id));
    assert.ok(each.flat().every((id) => logged.has(id)));
    for (const { folder } of replicas) {
      const report = await verifyLog(folder, { seen: checkpoints[0] });
      assert.deepEqual([report.verdict, report.size], ['verified', 360], JSON.stringify(report.problems));
    }
  });

  test('a proof claimed at one replica is spent at all', async () => {
    const replicas = await fleet(place, 3);
    const claims = { proof: { jkt: 'key', jti: 'one', expires_at: 0 } };
    const results = await Promise.all(replicas.map(({ ledger }) => ledger.intent(intent({ claims }))));
    const kinds = results.map((result) => (isRefusal(result) ? result.code : result.kind)).toSorted();
    assert.deepEqual(kinds, ['committed', 'proof_replayed', 'proof_replayed']);
  });

  test('a replica that falls silent: another says what became of its intents, and it can write none of them', async () => {
    const [first, second] = (await fleet(place, 2)) as [Replica, Replica];
    const open = await committed(first.ledger);
    await exchange(first.ledger);
    await fallSilent(first);
    const third = await ledgerAt({ db: second.db, folder: scratchFolder(undo), replica: 'rep_9', report: () => {} });
    undo.push(() => third.close());
    await third.drain();
    const told = await third.story(open);
    const last = told?.receipts.at(-1)?.receipt as { outcome?: string; stop_cause?: string } | undefined;
    assert.deepEqual([last?.outcome, last?.stop_cause], ['unknown', 'replica_lost']);
    // It lives after all: its answer to the old exchange is refused, and it goes on in an epoch of its own.
    const before = first.ledger.status().epoch;
    assert.ok(isRefusal(await first.ledger.outcome(outcome(open))));
    await sleep(systemClock, 50);
    await exchange(first.ledger);
    assert.ok(first.ledger.status().epoch > before);
    for (const { ledger } of [first, second]) await ledger.drain();
    await third.drain();
    const { receipts } = await third.feed(-1, 100);
    const outcomes = receipts.filter(({ receipt }) => 'intent' in receipt && receipt.intent === open);
    assert.equal(outcomes.length, 1, 'one exchange, one outcome');
    const report = await verifyLog(first.folder, { seen: first.ledger.checkpoint() });
    assert.equal(report.verdict, 'verified', JSON.stringify(report.problems));
  });

  test('an intent that was permitted in a closed epoch is never forwarded: the commit refuses', async () => {
    const [first, second] = (await fleet(place, 2)) as [Replica, Replica];
    await fallSilent(first);
    const third = await ledgerAt({ db: second.db, folder: scratchFolder(undo), replica: 'rep_9', report: () => {} });
    undo.push(() => third.close());
    const result = await first.ledger.intent(intent());
    assert.equal(result.kind, 'committed', 'in a new epoch');
    await first.ledger.drain();
    const { receipts } = await first.ledger.feed(-1, 10);
    assert.ok(receipts.every(({ receipt }) => receipt.epoch === first.ledger.status().epoch));
  });
});
