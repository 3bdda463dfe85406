/**
 * `npm run docs`: writes docs/reference/ and the heads of docs/errors/ from the code. `-- --check` writes nothing and fails
 * where they differ, so that a page cannot fall behind.
 */
import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { configJsonSchema, configManual } from '../src/config/index.ts';
import { REFUSAL_CODES } from '../src/core/refusal.ts';
import { commandLinePage } from './docs/command-line.ts';
import { errorHead, errorsPage, MARK } from './docs/errors.ts';
import { eventsPage } from './docs/events.ts';
import { httpPage } from './docs/http.ts';

const ROOT = join(import.meta.dirname, '..');
const check = process.argv.includes('--check');
const complaints: string[] = [];

function emit(path: string, text: string): void {
  const absolute = join(ROOT, path);
  const present = existsSync(absolute) ? readFileSync(absolute, 'utf8') : undefined;
  if (present === text) return;
  if (check) {
    complaints.push(`${path} is ${present === undefined ? 'missing' : 'not what the code says'}: npm run docs`);
    return;
  }
  mkdirSync(dirname(absolute), { recursive: true });
  writeFileSync(absolute, text);
  console.log(`wrote ${path}`);
}

/** The head of an error page is generated; cause and remedy below the mark are written by hand, and must be there. */
function emitErrorPages(): void {
  for (const code of REFUSAL_CODES) {
    const path = `docs/errors/${code}.md`;
    const present = existsSync(join(ROOT, path)) ? readFileSync(join(ROOT, path), 'utf8') : '';
    const written = present.includes(MARK) ? present.slice(present.indexOf(MARK) + MARK.length) : '';
    if (!/## Cause\n\n\S[\s\S]*## Remedy\n\n\S/.test(written)) complaints.push(`${path} needs a cause and a remedy`);
    emit(path, `${errorHead(code)}\n${MARK}${written || '\n\n## Cause\n\n\n## Remedy\n\n'}`);
  }
  for (const name of readdirSync(join(ROOT, 'docs', 'errors'))) {
    if (REFUSAL_CODES.some((code) => name === `${code}.md`)) continue;
    if (check) complaints.push(`docs/errors/${name} is about a code that does not exist`);
    else rmSync(join(ROOT, 'docs', 'errors', name));
  }
}

/** Pages name files; a file that is gone, or an attack that nobody names, is a page that has fallen behind. */
function checkLinks(): void {
  const pages = [
    'README.md',
    'ARCHITECTURE.md',
    'SECURITY.md',
    'CONTRIBUTING.md',
    ...globSync('docs/**/*.md', { cwd: ROOT }),
  ];
  for (const page of pages) {
    for (const [, target] of readFileSync(join(ROOT, page), 'utf8').matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g)) {
      if (!existsSync(join(ROOT, dirname(page), target!)))
        complaints.push(`${page} links to ${target}, which does not exist`);
    }
  }
  const security = readFileSync(join(ROOT, 'SECURITY.md'), 'utf8');
  for (const file of globSync('test/attacks/*.test.ts', { cwd: ROOT })) {
    if (!security.includes(file)) complaints.push(`SECURITY.md does not name ${file}`);
  }
}

emit('docs/reference/config.md', configManual());
emit('docs/reference/sallyport.schema.json', configJsonSchema());
emit('docs/reference/cli.md', await commandLinePage());
emit('docs/reference/errors.md', errorsPage());
emit('docs/reference/events.md', eventsPage());
emit('docs/reference/http.md', httpPage());
emitErrorPages();
checkLinks();
for (const complaint of complaints) console.error(complaint);
if (complaints.length === 0)
  console.log(check ? 'The reference pages are what the code says.' : 'The reference pages are written.');
process.exitCode = complaints.length === 0 ? 0 : 1;
