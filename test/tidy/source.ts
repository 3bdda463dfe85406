import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { EXTRA_DOORS, PLACES, type Place } from './rules.ts';

export const ROOT = join(import.meta.dirname, '..', '..');
export const SOURCE = join(ROOT, 'src');

export type Import = { specifier: string; names: readonly string[]; typeOnly: boolean; lazy: boolean; line: number };
export type SourceFile = {
  /** Relative to `src/`, with forward slashes. */
  path: string;
  text: string;
  /** The text with comments blanked, so that a rule does not trip over prose. */
  code: string;
  lines: number;
  imports: readonly Import[];
};

/** Every TypeScript file below a folder of the project, sorted. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes('node_modules'))
    .sort();
}

export function readSource(): SourceFile[] {
  return filesBelow(SOURCE).map((absolute) => {
    const text = readFileSync(absolute, 'utf8');
    const code = withoutComments(text);
    const path = absolute.slice(SOURCE.length + 1).replaceAll('\\', '/');
    return { path, text, code, lines: text.split('\n').length - 1, imports: importsOf(code) };
  });
}

const TOKEN =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|(?<=[=(,:[!&|?{};\n]\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/g;

/** Blanks comments, and keeps strings, templates and patterns, which may look like them. */
export function withoutComments(text: string): string {
  return text.replace(TOKEN, (token) => (/^\/[/*]/.test(token) ? token.replace(/[^\n]/g, ' ') : token));
}

const STATEMENT = /^(?:import|export)(?=[\s{*])\s*(type\s+)?((?:[\w$*\s,]|\{[^}]*\})*?)\s*from\s*['"]([^'"]+)['"]/gm;
const BARE = /^import\s*['"]([^'"]+)['"]/gm;
const DYNAMIC = /\bimport\(\s*['"]([^'"]+)['"]/g;

/** Import and re-export statements, and `import()` of a literal. Lazy imports obey the same rules. */
export function importsOf(code: string): Import[] {
  const found: Import[] = [];
  const lineAt = (offset: number) => code.slice(0, offset).split('\n').length;
  for (const match of code.matchAll(STATEMENT)) {
    const clause = match[2] ?? '';
    const names = namesOf(clause);
    const typeOnly = match[1] !== undefined || (names.length > 0 && names.every((name) => name.startsWith('type ')));
    found.push({ specifier: match[3]!, names, typeOnly, lazy: false, line: lineAt(match.index) });
  }
  for (const pattern of [BARE, DYNAMIC]) {
    for (const match of code.matchAll(pattern)) {
      found.push({
        specifier: match[1]!,
        names: [],
        typeOnly: false,
        lazy: pattern === DYNAMIC,
        line: lineAt(match.index),
      });
    }
  }
  return found;
}

function namesOf(clause: string): string[] {
  const [, inner] = /\{([^}]*)\}/.exec(clause) ?? [];
  const outside = clause.replace(/\{[^}]*\}/, '').split(',');
  return [...outside, ...(inner ?? '').split(',')].map((name) => name.trim().replace(/\s+/g, ' ')).filter(Boolean);
}

/** The file of `src/` that a relative import means; undefined for packages and for files outside. */
export function resolveImport(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  const path = posix.join(posix.dirname(from), specifier);
  return path.startsWith('..') ? undefined : path;
}

export function placeOf(path: string): Place | undefined {
  return PLACES.find((place) =>
    place.folder === '.'
      ? !path.includes('/') || path.startsWith('main/')
      : path.startsWith(`${place.folder}/`) || path === `${place.folder}.ts`,
  );
}

export function isDoor(path: string, place: Place): boolean {
  return (
    path === `${place.folder}/index.ts` ||
    path === `${place.folder}.ts` ||
    (EXTRA_DOORS[place.folder] ?? []).includes(path)
  );
}
