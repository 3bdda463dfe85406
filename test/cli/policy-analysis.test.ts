import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { run } from './support.ts';

/** Policies looked at from the command line, without a gateway. */
const STARTER = join(import.meta.dirname, '../../examples/starter/policies');

/** A folder with the starter's policies in `policies`, and a copy in `next` that is edited. */
function folderWith(t: TestContext, edit: (text: string) => string): string {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-analysis-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of ['policies', 'next']) cpSync(STARTER, join(folder, name), { recursive: true });
  const file = join(folder, 'next', 'starter.cedar');
  writeFileSync(file, edit(readFileSync(file, 'utf8')));
  return folder;
}

describe('policy lint', () => {
  test('has nothing to say of the starter', async (t) => {
    const { code, out } = await run(['policy', 'lint'], { folder: folderWith(t, (text) => text) });
    assert.equal(code, 0);
    assert.match(out, /6 policies, no fault\./);
  });

  test('names file, line and column, what is wrong and what to type, and exits with 1', async (t) => {
    const folder = folderWith(t, (text) => text.replace('context.run.job == "explore"', 'context.run.job == "explor"'));
    const { code, out } = await run(['policy', 'lint', 'next'], { folder });
    assert.equal(code, 1);
    assert.match(out, /✗ unreachable starter\.cedar:\d+:8 starter-reads-reports/);
    assert.match(out, /Did you mean "explore"\?/);
    const { findings } = JSON.parse((await run(['policy', 'lint', 'next', '--json'], { folder })).out);
    assert.deepEqual(
      findings
        .filter(({ severity }: { severity: string }) => severity === 'warning')
        .map(({ policy }: { policy: string }) => policy),
      ['starter-reads-reports'],
    );
  });

  test('says of a folder that is not there, or does not parse, where', async (t) => {
    const folder = folderWith(t, (text) => `permit (\n${text}`);
    const broken = await run(['policy', 'lint', 'next'], { folder });
    assert.equal(broken.code, 1);
    assert.match(broken.err, /starter\.cedar:\d+:\d+/);
    const nowhere = await run(['policy', 'lint', 'nowhere'], { folder });
    assert.equal(nowhere.code, 1);
    assert.match(nowhere.err, /cannot be read/);
  });

  test('asks a gateway only where there is one', async (t) => {
    const { code, err } = await run(['policy', 'lint', '--live'], { folder: folderWith(t, (text) => text) });
    assert.equal(code, 3);
    assert.match(err, /sallyport up/);
  });
});

describe('policy diff', () => {
  test('says who loses what, with a command that shows it', async (t) => {
    const folder = folderWith(t, (text) => text.replaceAll('like "reports/*"', 'like "reports/2026*"'));
    const { code, out } = await run(['policy', 'diff', 'policies', 'next'], { folder });
    assert.equal(code, 0);
    assert.match(out, /- loss starter loses tool\.call on files\/read_text_file/);
    assert.match(out, /sallyport can starter tool\.call files\/read_text_file --args/);
    const { differences } = JSON.parse((await run(['policy', 'diff', 'next', 'policies', '--json'], { folder })).out);
    assert.ok(differences.every(({ kind }: { kind: string }) => kind === 'gain'));
  });

  test('finds no difference in what is only said otherwise', async (t) => {
    const folder = folderWith(t, (text) =>
      text.replaceAll('@id("starter-', '@id("renamed-').replaceAll(' &&\n', '\n&& '),
    );
    const { out } = await run(['policy', 'diff', 'policies', 'next'], { folder });
    assert.match(out, /^They permit the same, over \d+ combinations/);
  });

  test('wants two sides, and a gateway for what is in force', async (t) => {
    const folder = folderWith(t, (text) => text);
    mkdirSync(join(folder, 'empty'));
    assert.equal((await run(['policy', 'diff', 'policies'], { folder })).code, 2);
    assert.equal((await run(['policy', 'diff', 'active', 'next'], { folder })).code, 3);
    const { out } = await run(['policy', 'diff', 'policies', 'empty'], { folder });
    assert.match(out, /- loss starter loses tool\.call on everything\/echo/);
  });
});
