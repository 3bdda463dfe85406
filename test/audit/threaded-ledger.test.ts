import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, test } from 'node:test';
import { type Ledger, verifyLog } from '../../src/controls/audit/index.ts';
import { sleep } from '../../src/core/clock.ts';
import type { Receipt } from '../../src/core/receipt.ts';
import { isRefusal } from '../../src/core/refusal.ts';
import { systemClock } from '../../src/main/clock.ts';
import { type Database, migrate, openDatabase, openStateWatch, SharedTurns } from '../../src/storage/index.ts';
import {
  committed,
  exchange,
  exchanges,
  intent,
  ledgerMigrations,
  outcome,
  scratchFolder,
  threadedLedgerAt,
} from '../support/ledger.ts';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

type Opened = { db: Database; ledger: Ledger; home: string; folder: string; reports: string[] };

async function opened({ home = scratchFolder(undo) }: { home?: string } = {}): Promise<Opened> {
  const path = join(home, 'sallyport.db');
  const turns = new SharedTurns();
  const db = await openDatabase({ url: `sqlite:${path}`, clock: systemClock, turns });
  undo.push(() => db.close());
  await migrate(db, ledgerMigrations);
  const folder = join(home, 'log');
  const reports: string[] = [];
  const report = (problem: string) => reports.push(problem);
  const ledger = await threadedLedgerAt({ db, turns, path, folder, report });
  undo.push(() => ledger.close());
  return { db, ledger, home, folder, reports };
}

async function all(ledger: Ledger): Promise<Receipt[]> {
  await ledger.drain();
  return (await ledger.feed(-1, 10_000)).receipts.map(({ receipt }) => receipt);
}

const proof = (jti: string) => ({ claims: { proof: { jkt: 'key', jti, expires_at: 0 } } });
const control = { event: 'stop.set', by: 'person:p', subject: 'run_1', before: null, after: null } as const;

/** Until `check` holds; a test that waits for ever fails by its time limit. */
async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await check())) await sleep(systemClock, 10);
}

test('hundreds at once get receipts of their own, and the log verifies', async () => {
  const { ledger, folder } = await opened();
  const receipts = await exchanges(ledger, 300, 300);
  assert.equal(new Set(receipts).size, 300);
  const logged = await all(ledger);
  const places = Array.from({ length: 600 }, (_, at) => at);
  assert.deepEqual(
    logged.map(({ n }) => n),
    places,
  );
  assert.equal(ledger.status().size, 600);
  assert.equal(ledger.status().waiting, 0);
  const report = await verifyLog(folder, { seen: ledger.checkpoint() });
  assert.equal(report.verdict, 'verified', JSON.stringify(report.problems));
  assert.match((await ledger.proof(receipts[0]!)) ?? '', /^c2sp\.org\/tlog-proof@v1\n/);
});

test('a stale item and a replayed proof are refused there as here', async () => {
  const { ledger } = await opened();
  assert.equal((await ledger.intent(intent({ decided_under: 7 }))).kind, 'stale');
  const results = await Promise.all([1, 2].map(() => ledger.intent(intent(proof('once')))));
  assert.deepEqual(results.map(({ kind }) => kind).sort(), ['committed', 'refusal']);
});

test('an exchange has one outcome', async () => {
  const { ledger } = await opened();
  const receipt = await exchange(ledger);
  assert.ok(isRefusal(await ledger.outcome(outcome(receipt))));
});

test('an outcome that nobody waits for is committed with what comes next, and without it by itself', async () => {
  const { ledger } = await opened();
  const [first, second] = [await committed(ledger), await committed(ledger)];
  const alone = await ledger.outcome(outcome(first), { unhurried: true });
  assert.ok(!isRefusal(alone));
  const follows = ledger.outcome(outcome(second), { unhurried: true });
  const third = await committed(ledger);
  assert.ok(!isRefusal(await follows));
  const kinds = (await all(ledger)).map(({ kind, id }) => `${kind} ${id === third ? 'third' : ''}`.trim());
  assert.deepEqual(kinds, ['intent', 'intent', 'outcome', 'outcome', 'intent third']);
});

test('closing writes what nobody waited for', async () => {
  const { ledger, folder } = await opened();
  const receipt = await committed(ledger);
  const unwaited = ledger.outcome(outcome(receipt), { unhurried: true });
  await ledger.close();
  assert.ok(!isRefusal(await unwaited), 'it is no unknown');
  assert.equal((await verifyLog(folder)).size, 2);
});

test('transactions of this thread and commits of the other stay gapless and chained', async () => {
  const { db, ledger, folder } = await opened();
  const changes = Array.from({ length: 40 }, async (_, at) => {
    await sleep(systemClock, at * 3);
    await db
      .transaction(async (tx) => {
        await sleep(systemClock, at % 3);
        await ledger.control(tx, control);
        // What rolls back gives its place up, to either thread.
        if (at % 4 === 0) throw new Error('not after all');
      })
      .catch(() => undefined);
  });
  await Promise.all([exchanges(ledger, 400, 16), ...changes]);
  const logged = await all(ledger);
  assert.equal(logged.filter(({ kind }) => kind === 'control').length, 30);
  assert.deepEqual(
    logged.map(({ n }) => n),
    Array.from({ length: 830 }, (_, at) => at),
  );
  const report = await verifyLog(folder, { seen: ledger.checkpoint() });
  assert.equal(report.verdict, 'verified', JSON.stringify(report.problems));
});

test('no intent commits between a change of the rules and its taking effect', async () => {
  const { db, ledger } = await opened();
  const state = openStateWatch({ db, clock: systemClock });
  const early = ledger.intent(intent());
  assert.equal((await early).kind, 'committed');
  let late: Promise<{ kind: string }> | undefined;
  await db.transaction(async (tx) => {
    await state.bump(tx, 'policy');
    late = ledger.intent(intent());
    await sleep(systemClock, 50);
  });
  assert.equal((await late)?.kind, 'stale');
});

test('growth is announced, strangers are counted, payloads are read here', async () => {
  const { ledger } = await opened();
  const grown: number[] = [];
  ledger.onGrowth((size) => grown.push(size));
  for (let at = 0; at < 5; at += 1) ledger.flood({ code: 'credential_missing', source: '192.0.2.0/24' });
  const receipt = await exchange(ledger);
  await until(() => grown.length > 0);
  const floods = (await all(ledger)).filter((logged) => logged.kind === 'flood');
  assert.deepEqual(
    floods.map(({ count }) => count),
    [5],
  );
  const story = await ledger.story(receipt, { reader: 'person:auditor' });
  assert.equal(story?.receipts[0]?.payload.kind, 'open');
  assert.match(story?.read_under ?? '', /^rcp_/);
});

test('erasing destroys the payload while others read', async () => {
  const { db, ledger, home } = await opened();
  const [receipt = ''] = await exchanges(ledger, 50);
  const [row] = await db.query<{ seed: Uint8Array }>('select seed from audit_receipts where id = $1', [receipt]);
  assert.ok(row?.seed);
  assert.equal(await ledger.erase([receipt], 'person:dpo'), 1);
  const story = await ledger.story(receipt, { reader: 'person:auditor' });
  assert.equal(story?.receipts[0]?.payload.kind, 'erased');
  const { readFileSync } = await import('node:fs');
  for (const file of ['sallyport.db', 'sallyport.db-wal']) {
    assert.ok(!readFileSync(join(home, file)).includes(row.seed), file);
  }
});

test('when the thread crashes nothing is forwarded; it comes back, says unknown, and states the gap', async () => {
  const { ledger, folder, reports } = await opened();
  const open = await committed(ledger);
  const epoch = ledger.status().epoch;
  const crashed = ledger.intent(intent(proof('crash')));
  const beside = ledger.intent(intent());
  for (const result of await Promise.all([crashed, beside])) {
    assert.ok(isRefusal(result) && result.code === 'log_unavailable', JSON.stringify(result));
  }
  assert.equal(ledger.status().state, 'unavailable');
  const refused = await ledger.intent(intent());
  assert.ok(isRefusal(refused) && refused.code === 'log_unavailable');
  assert.ok(isRefusal(await ledger.outcome(outcome(open))), 'its outcome is the next epoch’s to say');
  assert.equal(await ledger.refusal({ kind: 'refusal', code: 'policy_denied', facts: {}, checks: [] }), undefined);
  await assert.rejects(ledger.control(undefined, control), { name: 'StorageError', kind: 'uncertain' });
  // Exchanges go on ending while it is opened anew.
  await until(async () => {
    assert.ok(isRefusal(await ledger.outcome(outcome(open))));
    return ledger.status().state === 'writing';
  });
  assert.ok(ledger.status().epoch > epoch);
  assert.deepEqual(reports, ['the thread of the log ended; it is opened anew']);
  await exchange(ledger);
  const logged = await all(ledger);
  const ends = logged.filter((receipt) => receipt.kind === 'outcome' && receipt.intent === open);
  assert.deepEqual(
    ends.map((receipt) => receipt.kind === 'outcome' && [receipt.outcome, receipt.stop_cause]),
    [['unknown', 'replica_lost']],
  );
  assert.deepEqual(
    logged.filter(({ kind }) => kind === 'gap').map((receipt) => receipt.kind === 'gap' && receipt.count),
    [1],
  );
  const report = await verifyLog(folder, { seen: ledger.checkpoint() });
  assert.equal(report.verdict, 'verified', JSON.stringify(report.problems));
});

test('a change in a transaction of this thread is possible while the other is away, and is in the log', async () => {
  const { db, ledger } = await opened();
  await Promise.all([ledger.intent(intent(proof('crash')))]);
  const id = await db.transaction((tx) => ledger.control(tx, control));
  await until(() => ledger.status().state === 'writing');
  assert.ok((await all(ledger)).some((receipt) => receipt.id === id));
});

test('a closed one refuses, and what it left open is unknown', async () => {
  const { ledger, db } = await opened();
  const open = await committed(ledger);
  await ledger.close();
  await ledger.close();
  const refused = await ledger.intent(intent());
  assert.ok(isRefusal(refused) && refused.code === 'gateway_stopping');
  const rows = await db.query<{ body: string }>(`select body from audit_receipts where kind = 'outcome'`);
  assert.deepEqual(
    rows
      .map(({ body }) => JSON.parse(body) as { intent: string; outcome: string })
      .map((said) => [said.intent, said.outcome]),
    [[open, 'unknown']],
  );
});

test('a database that cannot be opened there is an error here', async () => {
  const home = scratchFolder(undo);
  const path = join(home, 'sallyport.db');
  const file = new DatabaseSync(path);
  file.close();
  const turns = new SharedTurns();
  const db = await openDatabase({ url: `sqlite:${path}`, clock: systemClock, turns });
  undo.push(() => db.close());
  const opening = threadedLedgerAt({ db, turns, path, folder: join(home, 'log') });
  await assert.rejects(opening, /no such table/);
});
