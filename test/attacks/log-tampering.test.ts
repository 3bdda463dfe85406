import assert from 'node:assert/strict';
import { cpSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeLedgerKeys, type VerifyReport, verifyLog } from '../../src/controls/audit/index.ts';
import { systemRandom } from '../../src/main/clock.ts';
import { readEntries, rechain, resign, sizeOf, writeBundles } from '../support/forger.ts';
import { exchanges, freshLedger, scratchFolder, testKeys } from '../support/ledger.ts';

/**
 * DESIGN section 10, line 15: a log that verifies, against a checkpoint held elsewhere, after an entry was changed,
 * dropped, reordered or rolled back. Each is tried by one who holds the disk, then by one who holds the signing key too.
 */
const undo: (() => unknown)[] = [];
let original: string;
let older: string;
/** Kept elsewhere: at 400 entries, and at the end. */
let early: string;
let kept: string;
let size: number;

before(async () => {
  const { ledger, folder, home } = await freshLedger(undo);
  await exchanges(ledger, 200);
  await ledger.drain();
  early = ledger.checkpoint()!;
  older = join(home, 'older');
  cpSync(folder, older, { recursive: true });
  await exchanges(ledger, 300);
  await ledger.drain();
  kept = ledger.checkpoint()!;
  original = folder;
  size = sizeOf(folder);
  assert.equal(size, 1_000);
});
after(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

function copy(from = original): string {
  const folder = join(scratchFolder(undo), 'log');
  cpSync(from, folder, { recursive: true });
  return folder;
}

async function found(folder: string, position: number, codes: readonly string[]): Promise<VerifyReport> {
  const report = await verifyLog(folder, { seen: kept });
  assert.equal(report.verdict, 'failed');
  assert.equal(report.first_bad, position, JSON.stringify(report.problems.slice(0, 4)));
  const names = new Set<string>(report.problems.map(({ code }) => code));
  for (const code of codes) assert.ok(names.has(code), `${code} is not among ${[...names]}`);
  return report;
}

async function unvouched(folder: string): Promise<void> {
  const report = await verifyLog(folder);
  assert.notEqual(report.verdict, 'verified', 'nobody but the log itself vouches for it');
}

const BAD = 613;
const lied = (entry: string) => JSON.stringify({ ...JSON.parse(entry), build: 'harmless' });

/** What is done to the entries, and what is first wrong with them afterwards. */
const TAMPERINGS: Record<
  string,
  { change(entries: string[]): string[]; position: number; plain: string; signed: string }
> = {
  'one entry changed': {
    change: (entries) => entries.with(BAD, lied(entries[BAD]!)),
    position: BAD,
    plain: 'entry_changed',
    signed: 'chain_broken',
  },
  'one entry dropped': {
    change: (entries) => entries.toSpliced(BAD, 1),
    position: BAD,
    plain: 'entry_changed',
    signed: 'place_missing',
  },
  'two entries swapped': {
    change: (entries) => entries.with(BAD, entries[BAD + 1]!).with(BAD + 1, entries[BAD]!),
    position: BAD,
    plain: 'entry_changed',
    signed: 'place_missing',
  },
  'the tail cut': {
    change: (entries) => entries.slice(0, BAD),
    position: BAD,
    plain: 'entry_missing',
    signed: 'log_shorter',
  },
  'one entry made up': {
    change: (entries) => entries.toSpliced(BAD, 0, entries[BAD]!),
    position: BAD + 1,
    plain: 'entry_changed',
    signed: 'place_missing',
  },
  'an entry that is no receipt': {
    change: (entries) => entries.with(BAD, '{}'),
    position: BAD,
    plain: 'entry_changed',
    signed: 'entry_unreadable',
  },
};

for (const [name, { change, position, plain, signed }] of Object.entries(TAMPERINGS)) {
  test(`${name}: found at its place`, async () => {
    const folder = copy();
    writeBundles(folder, change(readEntries(folder)), size);
    await found(folder, position, [plain]);
    await unvouched(folder);
  });

  test(`${name}, all tiles rebuilt and signed with the log's own key: found at its place`, async () => {
    const folder = copy();
    resign(folder, change(readEntries(folder)), testKeys);
    await found(folder, position, [signed]);
    await unvouched(folder);
  });
}

test('an older copy put back: found where it ends; without the kept checkpoint it is self-asserted', async () => {
  const folder = copy(older);
  const report = await found(folder, 400, ['log_shorter']);
  assert.equal(report.vouched, 0);
  assert.equal((await verifyLog(folder)).verdict, 'self-asserted');
});

test('an older copy put back and written on, signed: found between what is kept', async () => {
  const folder = copy(older);
  const more = readEntries(original).slice(400).map(lied);
  resign(folder, rechain([...readEntries(folder), ...more]), testKeys);
  const one = await verifyLog(folder, { seen: kept });
  assert.deepEqual([one.verdict, one.first_bad, one.first_bad_before], ['failed', 0, size]);
  const two = await verifyLog(folder, { seen: early + kept });
  assert.deepEqual([two.verdict, two.first_bad, two.first_bad_before], ['failed', 400, size]);
  assert.equal((await verifyLog(folder)).verdict, 'self-asserted', 'it hangs together: only the kept checkpoint tells');
});

test('everything after a lie written anew, chained, counted and signed: found, as near as what is kept allows', async () => {
  const folder = copy();
  const entries = readEntries(folder);
  resign(folder, rechain(entries.with(BAD, lied(entries[BAD]!))), testKeys);
  const report = await verifyLog(folder, { seen: early + kept });
  assert.deepEqual([report.verdict, report.first_bad, report.first_bad_before], ['failed', 400, size]);
  assert.deepEqual(
    report.problems.map(({ code }) => code),
    ['history_changed'],
  );
  await unvouched(folder);
});

test('an exchange dropped with its outcome, the rest counted and chained anew: the checkpoint tells', async () => {
  const folder = copy();
  const entries = readEntries(folder);
  const at = entries.findLastIndex((entry) => entry.includes('"kind":"intent"'));
  const { id } = JSON.parse(entries[at]!);
  resign(folder, rechain(entries.filter((entry) => !entry.includes(id))), testKeys);
  const report = await verifyLog(folder, { seen: early + kept });
  assert.equal(report.verdict, 'failed');
  assert.deepEqual([report.first_bad, report.problems[0]?.code], [998, 'log_shorter']);
});

test('an outcome without its intent is noticed however it is signed', async () => {
  const folder = copy();
  const entries = readEntries(folder);
  const at = entries.findIndex((entry, position) => position > BAD && entry.includes('"kind":"intent"'));
  const rest = entries.toSpliced(at, 1);
  const { id } = JSON.parse(entries[at]!);
  const orphan = rest.findIndex((entry) => entry.includes(id));
  resign(folder, rechain(rest), testKeys);
  const report = await verifyLog(folder);
  assert.deepEqual(
    report.problems.map(({ code, position }) => [code, position]),
    [['outcome_without_intent', orphan]],
  );
});

test('tiles that are not of the entries, missing files, a garbled bundle: each at its place', async () => {
  const tile = copy();
  const bytes = readFileSync(join(tile, 'tile/1/000.p/3'));
  bytes[32] = bytes[32]! ^ 1;
  writeFileSync(join(tile, 'tile/1/000.p/3'), bytes);
  await found(tile, 256, ['tile_changed']);

  const missing = copy();
  rmSync(join(missing, 'tile/entries/001'));
  await found(missing, 256, ['bundle_missing']);

  const noTile = copy();
  rmSync(join(noTile, 'tile/0/002'));
  await found(noTile, 512, ['tile_missing']);

  const garbled = copy();
  truncateSync(join(garbled, 'tile/entries/002'), 1_001);
  await found(garbled, 512, ['bundle_unreadable']);

  const none = copy();
  rmSync(join(none, 'checkpoint'));
  await found(none, 0, ['checkpoint_missing']);
});

test('another key, another log, another name: never verified', async () => {
  const stranger = makeLedgerKeys(systemRandom);
  const folder = copy();
  resign(folder, readEntries(folder), stranger);
  const report = await verifyLog(folder, { seen: kept });
  assert.equal(report.verdict, 'failed');
  assert.ok(report.problems.some(({ code }) => code === 'checkpoint_signature'));

  const renamed = copy();
  const text = readFileSync(join(renamed, 'checkpoint'), 'utf8');
  writeFileSync(join(renamed, 'checkpoint'), text.replaceAll('sallyport.test/log', 'sallyport.test/other'));
  assert.equal((await verifyLog(renamed, { seen: kept })).verdict, 'failed');

  const forged = kept.replace('\n1000\n', '\n999\n');
  assert.ok((await verifyLog(copy(), { seen: forged })).problems.some(({ code }) => code === 'seen_signature'));
  for (const seen of ['', 'nothing', kept.slice(0, 40)]) {
    assert.equal((await verifyLog(copy(), { seen })).verdict, 'failed', 'a file that vouches for nothing is an error');
  }
});

test('untouched: verified with what is kept, as far as it vouches; self-asserted without', async () => {
  const whole = await verifyLog(original, { seen: early + kept });
  assert.deepEqual(
    [whole.verdict, whole.vouched, whole.first_bad, whole.problems.length],
    ['verified', 1_000, null, 0],
  );
  const part = await verifyLog(original, { seen: early });
  assert.deepEqual([part.verdict, part.vouched], ['verified', 400]);
  const alone = await verifyLog(original);
  assert.deepEqual([alone.verdict, alone.vouched], ['self-asserted', 0]);
});
