import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { isId } from '../../src/core/ids.ts';
import { freshLedger, intent } from '../support/ledger.ts';

const undo: (() => unknown)[] = [];
after(async () => {
  for (const step of undo.reverse()) await step();
});

const { ledger, db } = await freshLedger(undo);

async function committed(): Promise<string> {
  const result = await ledger.intent(intent());
  assert.equal(result.kind, 'committed');
  return result.kind === 'committed' ? result.receipt : '';
}

test('ids say nothing of the order in which they were given, their slots stand in it', async () => {
  const given: string[] = [];
  for (let at = 0; at < 64; at += 1) given.push(await committed());
  assert.ok(given.every((id) => isId('rcp', id)));
  assert.notDeepEqual(given, given.toSorted());
  // Ids of neighbours have no beginning in common: of 64, more than a few alike in four digits would be no chance.
  assert.ok(new Set(given.map((id) => id.slice(0, 8))).size >= 62);
  const rows = await db.query<{ at: number }>(
    `select cast(hex(substr(slot, 1, 6)) as text) as at from audit_receipts where kind = 'intent' order by seat`,
  );
  const times = rows.map(({ at }) => at);
  assert.deepEqual(times, times.toSorted());
});

test('a receipt from before there were slots is found by its id', async () => {
  const id = await committed();
  await db.query('update audit_receipts set slot = null where id = $1', [id]);
  assert.equal((await ledger.story(id))?.receipts[0]?.receipt.id, id);
});

test('what is not the id of a receipt finds none', async () => {
  const id = await committed();
  const beyond = `rcp_v${id.slice(5)}`;
  const changed = `${id.slice(0, -1)}${id.endsWith('0') ? '1' : '0'}`;
  for (const none of [
    beyond,
    changed,
    id.toUpperCase(),
    id.slice(0, -1),
    `${id}0`,
    `rcp_${'0'.repeat(26)}`,
    '',
    'rcp_',
  ]) {
    assert.equal(await ledger.story(none), undefined, none);
  }
});

test('one id is one row', async () => {
  const id = await committed();
  const copy = `insert into audit_receipts (seat, id, kind, body, slot) select seat + 1000, id, kind, body, slot
    from audit_receipts where id = $1`;
  await assert.rejects(db.query(copy, [id]), { kind: 'duplicate' });
});
