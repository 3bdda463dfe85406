import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as rules from './tidy/rules.ts';
import {
  filesBelow,
  isDoor,
  placeOf,
  ROOT,
  readSource,
  resolveImport,
  SOURCE,
  type SourceFile,
} from './tidy/source.ts';

/** DESIGN section 4 and STYLE as a test: what no check keeps, rots. */
const files = readSource();
const known = new Set(files.map((file) => file.path));

function none(problems: readonly string[]): void {
  assert.deepEqual(problems, [], `\n  ${problems.join('\n  ')}\n`);
}

type Edge = { from: SourceFile; to: string; line: number; late: boolean };
const edges: Edge[] = files.flatMap((from) =>
  from.imports.flatMap(({ specifier, line, typeOnly, lazy }) => {
    const to = resolveImport(from.path, specifier);
    return to === undefined ? [] : [{ from, to, line, late: typeOnly || lazy }];
  }),
);

test('every file has a place on the map', () => {
  none(files.filter((file) => placeOf(file.path) === undefined).map((file) => `src/${file.path}: add it to PLACES`));
});

test('relative imports stay in src, name the file with its extension, and exist', () => {
  const problems: string[] = [];
  for (const file of files) {
    for (const { specifier, line } of file.imports) {
      if (!specifier.startsWith('.')) continue;
      const to = resolveImport(file.path, specifier);
      const where = `src/${file.path}:${line}`;
      if (to === undefined && !/package\.json$/.test(specifier)) problems.push(`${where} leaves src: ${specifier}`);
      if (to !== undefined && !known.has(to) && !existsSync(join(SOURCE, to))) {
        problems.push(`${where} imports ${specifier}, which does not exist`);
      }
    }
  }
  none(problems);
});

test('ranks: a folder imports only what its row allows', () => {
  const problems: string[] = [];
  for (const { from, to, line } of edges) {
    const here = placeOf(from.path);
    const there = placeOf(to);
    if (here === undefined || there === undefined || here === there) continue;
    const allowed = here.imports === 'below' ? there.rank < here.rank : here.imports.includes(there.folder);
    const contract = here.folder === 'api' && there.folder.startsWith('api/');
    const extra = rules.EXTRA_IMPORTS[from.path]?.may.includes(there.folder) ?? false;
    if (!allowed && !extra && !contract) {
      problems.push(`src/${from.path}:${line} (${here.folder}) may not import ${to} (${there.folder})`);
    }
  }
  none(problems);
});

test('doors: other domains use only index.ts, and inside a domain nobody does', () => {
  const problems: string[] = [];
  for (const { from, to, line } of edges) {
    const here = placeOf(from.path);
    const there = placeOf(to);
    if (here === undefined || there === undefined || rules.DOORLESS.includes(there.folder)) continue;
    const where = `src/${from.path}:${line}`;
    if (here !== there && !isDoor(to, there)) problems.push(`${where} goes round the door of ${there.folder}: ${to}`);
    if (here === there && to === `${there.folder}/index.ts`) problems.push(`${where} uses its own domain's door`);
  }
  none(problems);
});

test('each door opens with an essay and names what it exports', () => {
  const problems: string[] = [];
  for (const file of files) {
    const place = placeOf(file.path);
    if (place === undefined || file.path !== `${place.folder}/index.ts`) continue;
    if (!file.text.startsWith('/**')) problems.push(`src/${file.path} does not open with its essay`);
    if (/^export \*/m.test(file.code)) problems.push(`src/${file.path} exports with *, so nobody sees what it offers`);
  }
  none(problems);
});

test('no import cycles between files, types and lazy imports aside', () => {
  const next = new Map<string, string[]>();
  for (const { from, to, late } of edges) {
    if (!late) next.set(from.path, [...(next.get(from.path) ?? []), to]);
  }
  const state = new Map<string, 'open' | 'done'>();
  const problems: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === 'done') return;
    if (state.get(path) === 'open') {
      problems.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
      return;
    }
    state.set(path, 'open');
    for (const to of next.get(path) ?? []) visit(to, [...trail, path]);
    state.set(path, 'done');
  };
  for (const file of files) visit(file.path, []);
  none(problems);
});

test('files and functions fit the eye', () => {
  const problems: string[] = [];
  const everything = ['src', 'test', 'bench', 'scripts']
    .map((folder) => join(ROOT, folder))
    .filter((path) => existsSync(path));
  for (const absolute of everything.flatMap(filesBelow)) {
    const path = absolute.slice(ROOT.length + 1);
    const lines = readFileSync(absolute, 'utf8').split('\n').length - 1;
    const excused = rules.LONG_FILES[path];
    if (lines > rules.LIMITS.file_lines_max && excused === undefined) problems.push(`${path} has ${lines} lines`);
    if (lines <= rules.LIMITS.file_lines_max && excused !== undefined) problems.push(`${path} needs no exception`);
  }
  none(problems);
  // Functions are Biome's to measure, since it parses; a longer one carries a biome-ignore with its reason.
  const biome = JSON.parse(readFileSync(join(ROOT, 'biome.json'), 'utf8'));
  const rule = biome.overrides?.[0]?.linter.rules.complexity.noExcessiveLinesPerFunction;
  assert.deepEqual(rule, { level: 'error', options: { maxLines: rules.LIMITS.function_lines_max } });
});

function findLines(pattern: RegExp, allowed: readonly RegExp[], complaint: string): string[] {
  return files
    .filter((file) => !allowed.some((path) => path.test(file.path)))
    .flatMap((file) =>
      file.code
        .split('\n')
        .flatMap((line, index) => (pattern.test(line) ? [`src/${file.path}:${index + 1} ${complaint}`] : [])),
    );
}

test('the environment is read in one place', () => {
  none(
    findLines(
      /\bprocess\s*\.\s*env\b|\bprocess\s*\[|\{[^}]*\benv\b[^}]*\}\s*=\s*process\b/,
      rules.ENVIRONMENT_ALLOWED,
      'reads the environment',
    ),
  );
});

test('sockets and programs are opened only behind the egress door and the listeners', () => {
  const problems: string[] = [];
  const used = new Set<string>();
  for (const file of files) {
    const allowed = rules.GUARDED_ALLOWED.find(({ path }) => path.test(file.path));
    for (const { specifier, names, typeOnly, line } of file.imports) {
      if (typeOnly || !rules.GUARDED_MODULES.test(specifier)) continue;
      const harmful = names.filter((name) => !name.startsWith('type ') && !rules.HARMLESS_NAMES.includes(name));
      if (harmful.length === 0 && names.length > 0) continue;
      if (allowed === undefined) problems.push(`src/${file.path}:${line} imports ${specifier}`);
      else used.add(allowed.because);
    }
  }
  const idle = rules.GUARDED_ALLOWED.filter(({ because }) => !used.has(because));
  problems.push(...idle.map(({ path }) => `nothing needs the exception ${path}`));
  const connects = /(?<![.\w])(?:fetch|new (?:WebSocket|EventSource))\(/;
  problems.push(...findLines(connects, rules.FETCH_ALLOWED, 'opens a connection'));
  const around = /\bprocess\.(?:binding|dlopen)\b|\bcreateRequire\b/;
  problems.push(...findLines(around, [/^config\/surroundings\.ts$/], 'goes round the imports'));
  none(problems);
});

test('no any, no silenced type errors, no eval', () => {
  const silenced = /@ts-(?:ignore|nocheck|expect-error)/;
  const ignored = files.flatMap((file) =>
    file.text
      .split('\n')
      .flatMap((line, at) => (silenced.test(line) ? [`src/${file.path}:${at + 1} silences the compiler`] : [])),
  );
  none([
    ...ignored,
    ...findLines(/(?::|\bas|<|\|)\s*any\b(?!\w|['"`])/, [], 'uses any'),
    ...findLines(/(?<![.\w])(?:eval|new Function)\(/, [], 'evaluates text'),
  ]);
});

test('only the command line prints', () => {
  none(
    findLines(
      /\bconsole\.(?:log|info|warn|error|debug)\(|\bprocess\.std(?:out|err)\.write\(/,
      rules.CONSOLE_ALLOWED,
      'prints',
    ),
  );
});

test('the SQL of a domain stands in its store', () => {
  none(
    findLines(
      /\.query(?:<[^(]*>)?\(/,
      [...rules.SQL_ALLOWED, /^console\//, /^api\/client/],
      'sends SQL outside a store.ts',
    ),
  );
});

test('exceptions in the rules are about files that exist, and are needed', () => {
  const listed = [...Object.keys(rules.EXTRA_IMPORTS), ...Object.values(rules.EXTRA_DOORS).flat()];
  const gone = listed
    .filter((path) => !existsSync(join(SOURCE, path)))
    .map((path) => `src/${path} is excused but missing`);
  const idle = Object.entries(rules.EXTRA_IMPORTS).flatMap(([path, { may }]) =>
    may
      .filter((folder) => !edges.some(({ from, to }) => from.path === path && placeOf(to)?.folder === folder))
      .map((folder) => `src/${path} may import ${folder} and does not`),
  );
  none([...gone, ...idle]);
});

test('ARCHITECTURE.md names every folder, and every folder it names exists', () => {
  const text = readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8');
  const named = new Set([...text.matchAll(/`src\/([\w/]+)\/`/g)].map((match) => match[1]!));
  const parents = new Set(['controls', 'protocols', 'api', 'enforcement']);
  const present = readdirSync(SOURCE, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(SOURCE.length + 1))
    .filter((path) => !path.includes('/') || (path.split('/').length === 2 && parents.has(path.split('/')[0]!)));
  const unnamed = present
    .filter((path) => !named.has(path))
    .map((path) => `ARCHITECTURE.md does not name \`src/${path}/\``);
  const gone = [...named].filter((path) => !existsSync(join(SOURCE, path)));
  none([...unnamed, ...gone.map((path) => `ARCHITECTURE.md names \`src/${path}/\`, which does not exist`)]);
});

test('no mention of where it was made', () => {
  const tracked = ['src', 'test', 'bench', 'scripts']
    .map((folder) => join(ROOT, folder))
    .filter((path) => existsSync(path));
  const problems = tracked
    .flatMap(filesBelow)
    .filter((path) => /['"`]\/(?:work|home\/\w+)\//.test(readFileSync(path, 'utf8')));
  none(problems.map((path) => `${path} names a folder of somebody's machine`));
});

test('the lock file names every package that one of its packages may want, so that npm ci accepts it', () => {
  type Locked = { optionalDependencies?: Record<string, string>; dependencies?: Record<string, string> };
  const { packages }: { packages: Record<string, Locked> } = JSON.parse(
    readFileSync(join(ROOT, 'package-lock.json'), 'utf8'),
  );
  const isThere = (from: string, name: string): boolean => {
    for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
      if (Object.hasOwn(packages, `${at === '' ? '' : `${at}/`}node_modules/${name}`)) return true;
      if (at === '') return false;
    }
  };
  const missing = Object.entries(packages).flatMap(([path, locked]) =>
    Object.keys({ ...locked.dependencies, ...locked.optionalDependencies })
      .filter((name) => !isThere(path, name))
      .map((name) => `${path} wants ${name}, which the lock file does not name`),
  );
  none(missing);
});
