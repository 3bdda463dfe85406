/** Builds the console into dist/console; with `--if-missing` only where it is not there, for `npm start` in a fresh clone. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');

export async function buildConsole(): Promise<void> {
  const { build } = await import('vite');
  await build({ configFile: join(ROOT, 'src/console/vite.config.ts'), logLevel: 'warn' });
}

const built = existsSync(join(ROOT, 'dist/console/index.html'));
if (import.meta.main && !(built && process.argv.includes('--if-missing'))) {
  process.stderr.write('Building the console…\n');
  await buildConsole();
}
