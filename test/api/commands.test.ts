import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { COMMON } from '../../src/cli/command.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
import { shellWord } from '../../src/console/data/format.ts';
import { tailCommand } from '../../src/console/live/filter-words.ts';

const CONSOLE = join(import.meta.dirname, '../../src/console');

/** Every screen shows its command: one that does not exist would be worse than none. */
test('every command that the console shows is one of the command line', async () => {
  const shown = globSync('**/*.tsx', { cwd: CONSOLE }).flatMap((file) =>
    [...readFileSync(join(CONSOLE, file), 'utf8').matchAll(/(?:line|command)=(?:"([^"]+)"|\{`([^\n]+)`\})/g)].map(
      (match) => match[1] ?? match[2]!,
    ),
  );
  const own = shown.filter((line) => line.startsWith('sallyport '));
  assert.ok(own.length > 10);
  for (const line of [
    ...own,
    tailCommand({
      agent: 'a',
      job: 'b',
      decision: 'deny',
      state: 'failed',
      resource: 'x y',
      upstream: 'u',
      action: 'tool.call',
      run: 'r',
    }),
  ]) {
    const words = line.slice('sallyport '.length);
    const entry = COMMANDS.filter(({ name }) => words === name || words.startsWith(`${name} `)).sort(
      (a, b) => b.name.length - a.name.length,
    )[0];
    assert.ok(entry !== undefined, `no such command: ${line}`);
    const { options = {} } = await entry.load();
    for (const [, option] of line.matchAll(/ --([a-z-]+)/g)) {
      assert.ok(option! in options || option! in COMMON, `${entry.name} has no --${option}: ${line}`);
    }
  }
});

/** What a server calls its tool, or a filter in a link that somebody sent, is copied into a terminal. */
test('whatever a name says, in a shell it is one word and the same', () => {
  for (const name of [
    'files/read_text_file',
    '$(touch pwned)',
    '`id`; rm -rf ~ & "x" \\',
    "it's",
    "a'\u200b\\'$(id)",
    'two\nlines\t\u202eturned\u202c',
    '\u{e0041}tag \u{1f600}',
    '-rf',
    '!history *? ~ {a,b}',
    '',
  ]) {
    const line = `printf %s ${shellWord(name)}`;
    const env = { ...process.env, LC_ALL: 'C.UTF-8' };
    assert.equal(execFileSync('bash', ['--norc', '-c', line], { encoding: 'utf8', env }), name);
    assert.doesNotMatch(line, /\p{C}/u, 'and all of it can be seen');
  }
});
