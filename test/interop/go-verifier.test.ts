import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ED25519, formatVerifierKey } from '../../src/controls/audit/note.ts';
import { readEntries, resign, writeBundles } from '../support/forger.ts';
import { exchanges, freshLedger, scratchFolder, testKeys } from '../support/ledger.ts';

/**
 * Somebody else's code on our log: Go's sumdb library, as Debian packages it (golang-go, golang-golang-x-mod-dev). Where it
 * is missing the tests say so and skip; `.ci/run` installs it.
 */
const GOPATH = '/usr/share/gocode';
const hasGo = spawnSync('go', ['version']).status === 0;
const hasModule = existsSync(join(GOPATH, 'src/golang.org/x/mod/sumdb/tlog'));
const skip =
  hasGo && hasModule ? false : 'Go with golang.org/x/mod is missing: apt-get install golang-go golang-golang-x-mod-dev';

const KEY = formatVerifierKey('sallyport.test/log', ED25519, testKeys.signing);
const undo: (() => unknown)[] = [];
let binary: string;
after(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

before(() => {
  if (skip !== false) return;
  const home = scratchFolder(undo);
  binary = join(home, 'verify');
  const env = { ...process.env, GO111MODULE: 'off', GOPATH, GOCACHE: join(home, 'cache'), GOFLAGS: '' };
  const built = spawnSync('go', ['build', '-o', binary, join(import.meta.dirname, 'verify.go')], { env });
  assert.equal(built.status, 0, built.stderr.toString());
});

function judge(folder: string, key = KEY): { ok: boolean; says: string } {
  const { status, stdout, stderr } = spawnSync(binary, [key, folder]);
  return { ok: status === 0, says: `${stdout}${stderr}`.trim() };
}

test('an independent verifier accepts signature, tiles and entries that we wrote', { skip }, async () => {
  const { ledger, folder } = await freshLedger(undo);
  for (const count of [1, 127, 1, 200]) {
    await exchanges(ledger, count);
    await ledger.drain();
    const size = readEntries(folder).length;
    assert.deepEqual(judge(folder), { ok: true, says: `OK ${size} entries verified` });
  }
});

test('and a tree of three levels', { skip }, async () => {
  const { ledger, folder } = await freshLedger(undo);
  await exchanges(ledger, 1);
  await ledger.drain();
  const [entry = ''] = readEntries(folder);
  resign(
    folder,
    Array.from({ length: 70_000 }, () => entry.slice(0, 40)),
    testKeys,
  );
  assert.deepEqual(judge(folder), { ok: true, says: 'OK 70000 entries verified' });
});

test('it refuses one flipped bit, another key and another root', { skip }, async () => {
  const { ledger, folder } = await freshLedger(undo);
  await exchanges(ledger, 20);
  await ledger.drain();
  const checkpoint = readFileSync(join(folder, 'checkpoint'), 'utf8');
  const entries = readEntries(folder);
  writeBundles(folder, entries.with(7, entries[7]!.replace('triage', 'triagf')), entries.length);
  assert.match(judge(folder).says, /ENTRY FAIL 7/);
  writeBundles(folder, entries, entries.length);
  assert.ok(judge(folder).ok);
  const tile = join(folder, `tile/0/000.p/${entries.length}`);
  const bytes = readFileSync(tile);
  bytes[5] = bytes[5]! ^ 1;
  writeFileSync(tile, bytes);
  assert.match(judge(folder).says, /TILE FAIL/);
  writeFileSync(join(folder, 'checkpoint'), checkpoint.replace('\n40\n', '\n39\n'));
  assert.match(judge(folder).says, /SIGNATURE FAIL/);
});
