/**
 * `npm test`: every `test/**\/*.test.ts` but the slow suites, which have commands of their own. Prints what it leaves out,
 * so that nothing is skipped in silence, and node:test's own summary with its counts.
 */
import { spawn } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');

/** Folders with a command of their own, which `.ci/run` calls. */
const SLOW: Record<string, string> = {
  'test/conformance/': 'npm run conformance',
  'test/corpora/': 'npm run test:corpora',
  'test/crash/': 'npm run test:crash',
  'test/package/': 'npm run test:package',
};
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const UNDER = '--under=';
const dashed = process.argv.slice(2).filter((argument) => argument.startsWith('-'));
const options = dashed.filter((argument) => !argument.startsWith(UNDER));
/** `npm run test:attacks -- delegation` is `npm test -- delegation`, of one folder. */
const under = dashed.find((argument) => argument.startsWith(UNDER))?.slice(UNDER.length) ?? '';
const all = globSync('test/**/*.test.ts', { cwd: ROOT })
  .filter((path) => path.startsWith(under))
  .sort();

const leftOut = new Map<string, number>();
function isQuick(path: string): boolean {
  const slow = Object.keys(SLOW).find((folder) => path.startsWith(folder));
  if (slow !== undefined) leftOut.set(slow, (leftOut.get(slow) ?? 0) + 1);
  return slow === undefined;
}

const chosen =
  wanted.length > 0 ? all.filter((path) => wanted.some((part) => path.includes(part))) : all.filter(isQuick);
if (chosen.length === 0) {
  console.error(`No test file matches ${wanted.join(' ')}. Name a part of its path: npm test -- policy`);
  process.exit(2);
}
for (const [folder, count] of leftOut) {
  console.log(`left out: ${folder} (${count} ${count === 1 ? 'file' : 'files'}), run by: ${SLOW[folder]}`);
}
if (chosen.some((path) => path.startsWith('test/browser/')) && !CHROMIUM.some((path) => existsSync(path))) {
  console.log('Chromium is missing: the browser tests will say so and skip. Install it with: apt-get install chromium');
}

/** A test that waits for ever is a failure with a name, not a run without an end. */
const child = spawn(
  process.execPath,
  ['--test', '--test-concurrency=2', '--test-timeout=240000', ...options, ...chosen],
  {
    cwd: ROOT,
    stdio: 'inherit',
  },
);
process.on('SIGINT', () => child.kill('SIGINT'));
child.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 1 : 130)));
