/** `npm run test:interop -- <part>`: the files of `test/interop/` whose path there contains the part; all of them without one. */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join, relative } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const parts = process.argv.slice(2);
const files = globSync('test/interop/**/*.test.ts', { cwd: ROOT }).filter(
  (file) => parts.length === 0 || parts.some((part) => relative('test/interop', file).includes(part)),
);
if (files.length === 0) {
  console.error(`No file of test/interop/ has ${parts.join(' ')} in its path.`);
  process.exit(2);
}
const { status } = spawnSync(process.execPath, ['scripts/test.ts', ...files], { cwd: ROOT, stdio: 'inherit' });
process.exit(status ?? 1);
