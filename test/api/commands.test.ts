import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { COMMON } from '../../src/cli/command.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
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
