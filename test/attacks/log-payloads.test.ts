import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { verifyLog } from '../../src/controls/audit/index.ts';
import { committed, exchange, facts, freshLedger, intent, outcome } from '../support/ledger.ts';

/**
 * DESIGN section 10, lines 3 and 13: a payload in a log, a receipt or on the disk in the clear; a payload read without a
 * receipt. And what erasure promises: that nothing which was there is there any more.
 */
const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

const SECRETS = ['hunter2-the-argument', 'secret_tool_name', 'because-of-alice', 'answer-text-4711'];

async function written() {
  const fresh = await freshLedger(undo);
  const { ledger } = fresh;
  const secretive = facts({
    accesses: [{ action: 'tool.call', resource: { type: 'Tool', id: 'files/secret_tool_name' } }],
  });
  const receipt = await committed(ledger, intent({ facts: secretive, payload: { password: 'hunter2-the-argument' } }));
  await ledger.outcome(outcome(receipt, { payload: 'answer-text-4711' }));
  const refused = { kind: 'refusal', code: 'policy_denied', facts: secretive, checks: [] } as const;
  await ledger.refusal({ ...refused, payload: { reason: 'because-of-alice' } });
  ledger.flood({ code: 'token_unknown', source: '203.0.113.77' });
  await ledger.drain();
  return { ...fresh, receipt };
}

function bytesBelow(folder: string): Buffer {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Buffer.concat(files.map(({ parentPath, name }) => readFileSync(join(parentPath, name))));
}

test('names, arguments, reasons and addresses stand nowhere on the disk in the clear', async () => {
  const { home, ledger } = await written();
  const feed = JSON.stringify(await ledger.feed(-1, 100));
  const disk = bytesBelow(home);
  assert.ok(disk.includes('"operation":"tools/call"'), 'the receipts are there');
  for (const secret of [...SECRETS, '203.0.113.77']) {
    assert.ok(!disk.includes(secret), `${secret} is on the disk`);
    assert.ok(!feed.includes(secret), `${secret} is in the feed`);
  }
});

test('nobody who can guess a name can confirm it: the digest is salted anew for each record', async () => {
  const { ledger } = await freshLedger(undo);
  await exchange(ledger);
  await exchange(ledger);
  await ledger.drain();
  const { receipts } = await ledger.feed(-1, 10);
  const digests = receipts.flatMap(({ receipt }) => (receipt.kind === 'intent' ? receipt.accesses : []));
  assert.equal(new Set(digests.map(({ resource_digest }) => resource_digest)).size, 2);
});

test('no payload is opened but under a receipt that stands in the log', async () => {
  const { ledger, receipt } = await written();
  const story = await ledger.story(receipt, { reader: 'person:mallory' });
  assert.ok(story?.receipts.some(({ payload }) => payload.kind === 'open'));
  await ledger.drain();
  const [last] = (await ledger.latest(Number.POSITIVE_INFINITY, 1)).receipts;
  assert.equal(last?.receipt.id, story?.read_under);
  assert.deepEqual(last?.receipt.kind === 'control' && [last.receipt.event, last.receipt.by, last.receipt.subject], [
    'payload.read',
    'person:mallory',
    receipt,
  ]);
});

test('a payload is not opened where the receipt of the reading cannot be written', async () => {
  const { ledger, receipt, db } = await written();
  // The database takes nothing more: an epoch without a row cannot be written in, nor a new one be opened.
  await db.query('update audit_epochs set closed_at = 1, epoch = epoch + 1048576');
  await assert.rejects(ledger.story(receipt, { reader: 'person:mallory' }));
});

test('an erased key is on the disk no more, in the database or its write-ahead log', async () => {
  const { home, ledger, db, receipt, folder } = await written();
  const [row] = await db.query('select seed from audit_receipts where id = $1', [receipt]);
  const seed = Buffer.from(row?.['seed'] as Uint8Array);
  assert.ok(bytesBelow(home).includes(seed), 'it is there before');
  assert.equal(await ledger.erase([receipt], 'person:officer'), 1);
  assert.ok(!bytesBelow(home).includes(seed), 'and not after');
  await ledger.drain();
  assert.equal((await verifyLog(folder, { seen: ledger.checkpoint() })).verdict, 'verified');
});
