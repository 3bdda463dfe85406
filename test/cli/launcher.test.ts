import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readSource, resolveImport } from '../tidy/source.ts';

const LAUNCHER = join(import.meta.dirname, '..', '..', 'bin', 'sallyport.js');

/** An older Node on this machine, where there is one. */
function olderNode(): string | undefined {
  for (const path of ['/usr/bin/node', '/usr/local/bin/node']) {
    if (!existsSync(path)) continue;
    const major = Number(execFileSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8' }).split('.')[0]);
    if (major < 26) return path;
  }
  return undefined;
}

const older = olderNode();

test('runs on this Node', () => {
  const { status, stdout } = spawnSync(process.execPath, [LAUNCHER, '--version'], { encoding: 'utf8' });
  assert.equal(status, 0);
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
});

test('an exit code comes through', () => {
  assert.equal(spawnSync(process.execPath, [LAUNCHER, 'nonsense'], { encoding: 'utf8' }).status, 2);
});

test('an older Node runs it on the one that comes with the package', {
  skip: older === undefined && 'no older Node on this machine',
}, () => {
  const { status, stdout, stderr } = spawnSync(older!, [LAUNCHER, '--help'], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /sallyport status|status/);
  assert.equal(spawnSync(older!, [LAUNCHER, 'nonsense']).status, 2);
});

test('help loads nothing but itself: start-up is what a command line feels like', () => {
  const files = new Map(readSource().map((file) => [file.path, file]));
  const reached = new Set<string>();
  const packages = new Set<string>();
  const walk = (path: string): void => {
    if (reached.has(path)) return;
    reached.add(path);
    for (const { specifier, typeOnly, lazy } of files.get(path)?.imports ?? []) {
      if (typeOnly || lazy) continue;
      const inside = resolveImport(path, specifier);
      if (inside !== undefined) walk(inside);
      else if (!specifier.startsWith('node:')) packages.add(specifier);
    }
  };
  walk('cli/index.ts');
  assert.deepEqual([...packages], []);
  assert.ok(reached.size < 20, [...reached].join(' '));
});
