/** Builds the console into dist/console. As a program: only when it is missing, for `npm start` in a fresh clone. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');

export async function buildConsole(): Promise<void> {
  const { build } = await import('vite');
  await build({ configFile: join(ROOT, 'src/console/vite.config.ts'), logLevel: 'warn' });
}

if (import.meta.main && !existsSync(join(ROOT, 'dist/console/index.html'))) {
  process.stderr.write('Building the console, once…\n');
  await buildConsole();
}
