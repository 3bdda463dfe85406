/**
 * `npm run build`: what is published. TypeScript becomes JavaScript in dist/, since Node strips no types below node_modules;
 * the console becomes static files in dist/console.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, globSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildConsole } from './console.ts';

const ROOT = join(import.meta.dirname, '..');

rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
const compile = (project: string): void => {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [tsc, '-p', project], { cwd: ROOT, stdio: 'inherit' });
};
compile('tsconfig.build.json');
// Types only of what others may import: the offline verifier.
compile('tsconfig.types.json');
// Whatever the source reads at run time beside itself.
for (const path of globSync('src/**/*.{json,sql,cedarschema,html}', { cwd: ROOT })) {
  if (!path.startsWith('src/console')) cpSync(join(ROOT, path), join(ROOT, path.replace(/^src/, 'dist')));
}
await buildConsole();
