import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { Floods, OTHER_SOURCES } from '../../src/controls/audit/flood.ts';
import { directoryFiles, type LogFiles } from '../../src/controls/audit/index.ts';
import { Space } from '../../src/controls/audit/space.ts';
import { sleep } from '../../src/core/clock.ts';
import { isRefusal } from '../../src/core/refusal.ts';
import { systemClock } from '../../src/main/clock.ts';
import { exchange, facts, freshLedger, intent, scratchFolder } from '../support/ledger.ts';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

const MIB = 2 ** 20;

/** A real folder on a disk whose free space the test sets. */
function disk(folder: string): LogFiles & { free: number } {
  const files = directoryFiles(folder);
  const on = { ...files, free: 1_000 * MIB, free_bytes: async () => on.free };
  return on;
}

test('the reserve is there from the start, given free when the disk is full, and taken back when there is room', async () => {
  const files = disk(scratchFolder(undo));
  const space = new Space(files, MIB);
  await space.check();
  assert.deepEqual([space.low, await files.size('reserve')], [false, MIB]);
  await space.relieve();
  assert.equal(await files.size('reserve'), MIB, 'a failure that is not for want of space keeps it');
  files.free = 0;
  await space.relieve();
  assert.deepEqual([space.low, await files.size('reserve')], [true, undefined]);
  files.free = 64 * MIB;
  await space.check();
  assert.deepEqual([space.low, await files.size('reserve')], [true, undefined], 'not before there is room for both');
  files.free = 100 * MIB;
  await space.check();
  assert.deepEqual([space.low, await files.size('reserve')], [false, MIB]);
});

test('on a disk that is almost full nothing new is permitted; outcomes, kills and the record of them go on', async () => {
  const home = scratchFolder(undo);
  const files = disk(home);
  const { ledger } = await freshLedger(undo, { files, report: () => {} });
  const open = await ledger.intent(intent());
  assert.ok(open.kind === 'committed');
  files.free = 10 * MIB;
  await sleep(systemClock, 1_100);
  assert.deepEqual([ledger.status().state, ledger.status().reason], ['unavailable', 'the disk is almost full']);
  const denied = await ledger.intent(intent());
  assert.ok(isRefusal(denied) && denied.code === 'log_unavailable');
  const refused = { kind: 'refusal', code: 'log_unavailable', facts: facts(), checks: [] } as const;
  assert.equal(await ledger.refusal(refused), undefined, 'refusals are counted instead: they could fill what is left');
  const stop = { event: 'stop.set', by: 'local', subject: 'triage', before: null, after: null } as const;
  assert.match(await ledger.control(undefined, stop), /^rcp_/);
  files.free = 1_000 * MIB;
  await sleep(systemClock, 1_100);
  await exchange(ledger);
  await ledger.drain();
  const { receipts } = await ledger.feed(-1, 10);
  assert.deepEqual(
    receipts.map(({ receipt }) => receipt.kind),
    ['intent', 'gap', 'control', 'intent', 'outcome'],
  );
});

test('noise from many sources shares a count, and no second is counted twice', () => {
  const floods = new Floods();
  const add = (source: string, second: number) => floods.add({ code: 'token_unknown', source, second, count: 1 });
  for (let at = 0; at < 1_000; at += 1) add(`source ${at}`, 7);
  add('source 1', 8);
  const taken = floods.take(8);
  assert.ok(taken.length <= 65);
  assert.equal(
    taken.reduce((sum, { count }) => sum + count, 0),
    1_000,
  );
  assert.ok((taken.find(({ source }) => source === OTHER_SOURCES)?.count ?? 0) > 900);
  assert.deepEqual(floods.take(8), []);
  assert.equal(floods.take(9).length, 1);
});
