import assert from 'node:assert/strict';
import { copyFileSync, cpSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import {
  directoryFiles,
  type LedgerOptions,
  ledgerVerifierKey,
  openLedgerKeys,
  verifyLog,
  verifyProof,
} from '../../src/controls/audit/index.ts';
import { isRefusal } from '../../src/core/refusal.ts';
import { systemClock, systemRandom } from '../../src/main/clock.ts';
import { openDatabase } from '../../src/storage/index.ts';
import {
  committed,
  exchange,
  exchanges,
  facts,
  freshLedger,
  intent,
  ledgerAt,
  outcome,
  scratchFolder,
  testKeys,
} from '../support/ledger.ts';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** A log of 600 entries that was stopped cleanly, with a copy of its database from when it had 400. */
async function stopped() {
  const { ledger, db, folder, home } = await freshLedger(undo);
  await exchanges(ledger, 200);
  await ledger.drain();
  await db.query('pragma wal_checkpoint(truncate)');
  copyFileSync(join(home, 'sallyport.db'), join(home, 'backup.db'));
  await exchanges(ledger, 100);
  await ledger.close();
  await db.close();
  const kept = readFileSync(join(folder, 'checkpoint'), 'utf8');
  const restore = () => {
    for (const end of ['-wal', '-shm']) rmSync(join(home, `sallyport.db${end}`), { force: true });
    copyFileSync(join(home, 'backup.db'), join(home, 'sallyport.db'));
  };
  const reopen = async (options: Partial<LedgerOptions> = {}) => {
    const again = await openDatabase({ url: `sqlite:${join(home, 'sallyport.db')}`, clock: systemClock });
    const reopened = await ledgerAt({ db: again, folder, report: () => {}, ...options });
    const stop = async () => {
      await reopened.close();
      await again.close();
    };
    undo.push(stop);
    return { ledger: reopened, db: again, stop };
  };
  return { home, folder, kept, restore, reopen };
}

test('a clean start reads the edge from the tiles and goes on', async () => {
  const { reopen, folder, kept } = await stopped();
  const { ledger } = await reopen();
  assert.equal(ledger.checkpoint(), kept);
  await exchange(ledger);
  await ledger.drain();
  const report = await verifyLog(folder, { seen: kept });
  assert.deepEqual([report.verdict, report.size], ['verified', 602], JSON.stringify(report.problems));
});

test('lost or torn tiles are made anew from the database', async () => {
  const { reopen, folder, kept } = await stopped();
  rmSync(join(folder, 'tile'), { recursive: true });
  rmSync(join(folder, 'settled'));
  const { ledger } = await reopen();
  await ledger.drain();
  assert.equal((await verifyLog(folder, { seen: kept })).verdict, 'verified');
  await exchange(ledger);
  await ledger.close();
  const now = readFileSync(join(folder, 'checkpoint'), 'utf8');
  writeFileSync(join(folder, 'tile/entries/001'), '');
  writeFileSync(join(folder, 'tile/0/002.p/90'), '');
  const { ledger: third } = await reopen();
  await third.drain();
  assert.equal((await verifyLog(folder, { seen: now })).size, 602);
});

test('a process that was killed: what it left open is unknown, what it had not sequenced comes next', async () => {
  const { folder, home, ledger, db } = await freshLedger(undo);
  await exchanges(ledger, 5);
  const open = [await committed(ledger), await committed(ledger)];
  // Another process on the same files: the first neither drained nor closed anything.
  const again = await openDatabase({ url: `sqlite:${join(home, 'sallyport.db')}`, clock: systemClock });
  const second = await ledgerAt({ db: again, folder, report: () => {} });
  undo.push(async () => {
    await second.close();
    await again.close();
  });
  await second.drain();
  const { receipts } = await second.feed(-1, 100);
  const last = receipts
    .slice(-2)
    .map(({ receipt }) => receipt as { intent?: string; outcome?: string; stop_cause?: string });
  assert.deepEqual(
    last.map(({ intent, outcome, stop_cause }) => [intent, outcome, stop_cause]),
    open.map((id) => [id, 'unknown', 'replica_lost']),
  );
  assert.deepEqual((await verifyLog(folder)).open_intents, 0);
  // Should the first live after all, it finds its epoch closed, opens another and forwards nothing on the old one.
  const late = await ledger.outcome(outcome(open[0]!));
  assert.ok(isRefusal(late));
  assert.equal((await db.query(`select count(*) as n from audit_receipts where kind = 'outcome'`))[0]?.['n'], 7);
});

test('a database put back from a backup is not gone on with, until a person opens a new origin', async () => {
  const { reopen, restore, folder, kept } = await stopped();
  restore();
  const { ledger } = await reopen();
  assert.equal(ledger.status().state, 'forked');
  assert.match(ledger.status().reason ?? '', /400 entries, but a checkpoint of 600/);
  const denied = await ledger.intent(intent());
  assert.ok(isRefusal(denied) && denied.code === 'log_forked');
  // The kill and the record of refusals work all the same.
  assert.ok(
    await ledger.control(undefined, { event: 'stop.set', by: 'local', subject: 'a', before: null, after: null }),
  );
  assert.ok(await ledger.refusal({ kind: 'refusal', code: 'log_forked', facts: facts(), checks: [] }));
  assert.equal(readFileSync(join(folder, 'checkpoint'), 'utf8'), kept, 'nothing was published');

  const { origin, receipt } = await ledger.fork('local');
  assert.equal(origin, 'sallyport.test/log/1');
  await exchange(ledger);
  await ledger.drain();
  const story = await ledger.story(receipt, { reader: 'local' });
  const forked = story?.receipts[0];
  assert.equal((forked?.receipt as { subject?: string } | undefined)?.subject, 'sallyport.test/log 600');
  assert.deepEqual(forked?.payload.kind === 'open' && forked.payload.value, { checkpoint: kept, origin });
  const report = await verifyLog(folder, { seen: ledger.checkpoint() });
  assert.deepEqual([report.verdict, report.origin], ['verified', origin], JSON.stringify(report.problems));
  const other = await verifyLog(folder, { seen: kept });
  assert.deepEqual([other.verdict, other.problems[0]?.code], ['failed', 'seen_other_log']);
  assert.equal(readFileSync(join(folder, 'forks/0/checkpoint'), 'utf8'), kept, 'the old origin stays as evidence');
});

test('a forked log that is started again is still forked; after the fork a start goes on with the new origin', async () => {
  const { reopen, restore } = await stopped();
  restore();
  const first = await reopen();
  await first.ledger.close();
  const second = await reopen();
  assert.equal(second.ledger.status().state, 'forked');
  await second.ledger.fork('local');
  await second.ledger.close();
  const { ledger } = await reopen();
  assert.deepEqual([ledger.status().state, ledger.status().origin], ['writing', 'sallyport.test/log/1']);
  await exchange(ledger);
  assert.equal((await ledger.fork('local')).origin, 'sallyport.test/log/2');
});

test('a database put back and written on does not pass for the old one', async () => {
  const { reopen, restore, folder } = await stopped();
  const aside = join(scratchFolder(undo), 'aside');
  cpSync(folder, aside, { recursive: true });
  restore();
  rmSync(folder, { recursive: true });
  const lost = await reopen();
  await exchanges(lost.ledger, 200);
  await lost.ledger.close();
  rmSync(folder, { recursive: true });
  cpSync(aside, folder, { recursive: true });
  const { ledger } = await reopen();
  assert.equal(ledger.status().state, 'forked');
  assert.match(ledger.status().reason ?? '', /entries are not those published before/);
});

test('a high-water checkpoint on another disk outlives the log folder', async () => {
  const { reopen, restore, folder } = await stopped();
  const elsewhere = directoryFiles(scratchFolder(undo));
  const first = await reopen({ high_water: elsewhere });
  await exchange(first.ledger);
  await first.stop();
  restore();
  rmSync(folder, { recursive: true });
  const { ledger } = await reopen({ high_water: elsewhere });
  assert.match(ledger.status().reason ?? '', /400 entries, but a checkpoint of 602/);
});

test('receipts rewritten in the database before they were sequenced or after: the log stops', async () => {
  const { reopen } = await stopped();
  const { ledger, db } = await reopen();
  await db.query(`update audit_head set root = $1`, ['0'.repeat(64)]);
  await exchange(ledger);
  await ledger.drain();
  assert.equal(ledger.status().state, 'forked');
  assert.ok(isRefusal(await ledger.intent(intent())));
});

test('a receipt taken out of the database before it was sequenced is missed', async () => {
  const { folder, home, ledger, db } = await freshLedger(undo, { report: () => {} });
  await exchanges(ledger, 4);
  await db.query('delete from audit_receipts where seat = 4294967296 + 3');
  const again = await openDatabase({ url: `sqlite:${join(home, 'sallyport.db')}`, clock: systemClock });
  const second = await ledgerAt({ db: again, folder, report: () => {} });
  undo.push(async () => {
    await second.close();
    await again.close();
  });
  await second.drain();
  assert.match(second.status().reason ?? '', /receipt 3 of epoch 1 was taken out/);
});

test('checkpoint files that are garbled or of another key stop the log', async () => {
  const { reopen, folder } = await stopped();
  const whole = readFileSync(join(folder, 'high-water'), 'utf8');
  for (const bad of ['nonsense', whole.replace('\n600\n', '\n599\n')]) {
    writeFileSync(join(folder, 'high-water'), bad);
    const { ledger } = await reopen();
    assert.equal(ledger.status().state, 'forked', bad.slice(0, 20));
    await ledger.close();
  }
});

test('keys are made once, for the owner only, and half a pair is refused', async () => {
  const folder = join(scratchFolder(undo), 'keys');
  const made = await openLedgerKeys(folder, systemRandom);
  const read = await openLedgerKeys(folder, systemRandom);
  assert.deepEqual([made.created, read.created], [true, false]);
  assert.ok(made.payload.equals(read.payload) && made.signing.equals(read.signing));
  for (const name of ['log-signing.key', 'log-payload.key']) {
    assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600);
  }
  rmSync(join(folder, 'log-payload.key'));
  await assert.rejects(openLedgerKeys(folder, systemRandom), /log-payload.key is missing/);
  writeFileSync(join(folder, 'log-payload.key'), 'short\n');
  await assert.rejects(openLedgerKeys(folder, systemRandom), /not a key of the log/);
});

test('a living log is verified while it grows: full tiles take the place of incomplete ones', async () => {
  const { ledger, folder } = await freshLedger(undo);
  await exchanges(ledger, 100);
  await ledger.drain();
  const kept = readFileSync(join(folder, 'checkpoint'), 'utf8');
  await exchanges(ledger, 100);
  await ledger.drain();
  // The verifier read the checkpoint before the log grew.
  writeFileSync(join(folder, 'checkpoint'), kept);
  const report = await verifyLog(folder, { seen: kept });
  assert.deepEqual([report.verdict, report.size], ['verified', 200], JSON.stringify(report.problems));
});

test('a proof of one receipt stands alone; one bit of it and it falls', async () => {
  const { ledger } = await freshLedger(undo);
  const receipts = await exchanges(ledger, 300);
  await ledger.drain();
  const key = ledgerVerifierKey(testKeys, 'sallyport.test/log');
  const seen = ledger.checkpoint();
  for (const receipt of [receipts[0]!, receipts[150]!, receipts[299]!]) {
    const text = (await ledger.proof(receipt))!;
    assert.ok(text.startsWith('c2sp.org/tlog-proof@v1\n'));
    assert.equal(verifyProof(text, { key }).verdict, 'self-asserted');
    assert.equal(verifyProof(text, { key, seen }).verdict, 'verified');
    assert.equal(verifyProof(text).verdict, 'failed', 'without a key nothing is proven');
    const lines = text.split('\n');
    const extra = JSON.parse(Buffer.from(lines[1]!.slice(6), 'base64').toString());
    const lie = Buffer.from(JSON.stringify({ ...extra, job: 'another' })).toString('base64');
    assert.equal(verifyProof(text.replace(lines[1]!, `extra ${lie}`), { key, seen }).verdict, 'failed');
    assert.equal(verifyProof(text.replace(/^index \d+/m, 'index 7'), { key, seen }).verdict, 'failed');
    assert.equal(verifyProof(lines.toSpliced(3, 1).join('\n'), { key, seen }).verdict, 'failed');
  }
  assert.equal(await ledger.proof('rcp_00000000000000000000000000'), undefined);
});
