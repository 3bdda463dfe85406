import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { COMMANDS } from '../../src/cli/commands.ts';
import { run } from './support.ts';

test('the overview fits a tall screen and names every command', async () => {
  const { code, out } = await run(['--help'], { columns: 80 });
  assert.equal(code, 0);
  assert.ok(out.split('\n').length <= 66, `${out.split('\n').length} lines`);
  for (const line of out.split('\n')) assert.ok(line.length <= 120, line);
  // Words with many commands share a line, which may be folded.
  const words = out.replace(/\s+/g, ' ');
  for (const { name } of COMMANDS) {
    const [first = '', second = ''] = name.split(' ');
    const shared = new RegExp(` ${first} … (?:[a-z-]+, )*${second}(?:,| )`);
    assert.ok(out.includes(`  ${name} `) || shared.test(words), name);
  }
});

for (const { name } of COMMANDS) {
  test(`${name}: help fits a screen, folds to its width, and has an example`, async () => {
    const { code, out } = await run([...name.split(' '), '--help'], { columns: 80 });
    assert.equal(code, 0);
    const lines = out.trimEnd().split('\n');
    assert.ok(lines.length <= 40, `${lines.length} lines`);
    assert.match(out, /Examples\n {2}.*sallyport/);
    assert.match(out, /--json/);
    for (const line of lines)
      if (!line.startsWith('  sallyport') && !line.startsWith('sallyport')) assert.ok(line.length <= 100, line);
  });
}

test('an unknown command, option or argument is answered with what was probably meant, and exit code 2', async () => {
  for (const [argv, said] of [
    [['tial'], 'Did you mean: sallyport tail'],
    [['agent', 'lst'], 'Did you mean: sallyport agent list'],
    [['tail', '--decison', 'deny'], 'Did you mean --decision?'],
    [['status', 'extra'], 'Too much: "extra"'],
    [['why'], 'Missing: <receipt>'],
    [['why', 'rcp_short'], 'A receipt looks like'],
    [['kill', 'planet', 'mars'], '<kind> is one of agent, user, run, delegation, key'],
    [['kill', 'agent'], 'the id of the agent'],
    [['kill', 'all', 'x'], 'all takes no id'],
    [['tail', '--decision', 'maybe'], '--decision is one of permit, hold, deny'],
    [['tail', '--past', '-1'], '--past'],
    [['completion', 'csh'], 'one of bash, zsh, fish'],
    [['agent', 'add', 'x'], 'Give --owner'],
    [['agent', 'token', 'x'], 'Give --job'],
  ] as const) {
    const { code, err } = await run(argv);
    assert.equal(code, 2, argv.join(' '));
    assert.ok(err.includes(said), `${argv.join(' ')} said: ${err}`);
  }
});

test('what is typed cannot act on the terminal that shows it', async () => {
  const { err } = await run(['\u001b[2J\u202ekill\u0007']);
  assert.doesNotMatch(err, /[\u001b\u202e\u0007]/);
  assert.match(err, /<U\+001B>/);
});

test('without a gateway every command that needs one ends with 3 and says what to type', async () => {
  const receipt = `rcp_${'0'.repeat(26)}`;
  for (const argv of [
    ['status'],
    ['tail'],
    ['why', receipt],
    ['agent', 'list'],
    ['policy', 'list'],
    ['audit', 'checkpoint'],
    ['kill', 'all'],
  ]) {
    const { code, err } = await run(argv);
    assert.equal(code, 3, argv.join(' '));
    assert.match(err, /sallyport up/);
  }
});

test('the version is the package’s', async () => {
  const { code, out } = await run(['--version']);
  assert.equal(code, 0);
  assert.match(out, /^\d+\.\d+\.\d+\n$/);
});

test('completion is valid for bash, and knows every command', async () => {
  const { out } = await run(['completion', 'bash']);
  execFileSync('bash', ['-n'], { input: out });
  const shown = execFileSync(
    'bash',
    ['-c', `${out}\nCOMP_WORDS=(sallyport policy ""); COMP_CWORD=2; _sallyport; echo "\${COMPREPLY[@]}"`],
    { encoding: 'utf8' },
  );
  for (const { name } of COMMANDS) if (name.startsWith('policy ')) assert.ok(shown.includes(name.split(' ')[1]!), name);
});
