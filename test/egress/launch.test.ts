import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Secret } from '../../src/core/secret.ts';
import { type Child, type ChildEnd, openEgress } from '../../src/enforcement/index.ts';
import { systemClock } from '../support/clock.ts';

const folder = mkdtempSync(join(tmpdir(), 'egress-'));
const egress = openEgress({ clock: systemClock, environment: { PATH: process.env['PATH'] ?? '', HOME: folder } });
after(async () => {
  await egress.close();
  rmSync(folder, { recursive: true });
});

function run(command: string[], env: Record<string, string | Secret> = {}) {
  let text = '';
  let child: Child;
  const ended = new Promise<ChildEnd>((resolve) => {
    child = egress.launch({
      command,
      env,
      output: {
        data: (part) => {
          text += part.toString();
        },
        ended: resolve,
      },
    });
  });
  return { child: child!, ended, text: () => text };
}

const script = (code: string) => [process.execPath, '-e', code];

test('a child sees the listed environment and nothing else', async () => {
  process.env['SALLYPORT_TEST_SECRET'] = 'of the gateway';
  const { ended, text } = run(script('console.log(JSON.stringify(Object.keys(process.env).sort()))'), { ONE: '1' });
  await ended;
  delete process.env['SALLYPORT_TEST_SECRET'];
  assert.deepEqual(
    JSON.parse(text()).filter((name: string) => !name.startsWith('__CF')),
    ['HOME', 'ONE', 'PATH'],
  );
});

test('arguments are passed on and not interpreted', async () => {
  const marker = join(folder, 'shell-was-here');
  const hostile = [`; touch ${marker}`, `$(touch ${marker})`, `\`touch ${marker}\``, '*', '$HOME', '"', '> x'];
  const { ended, text } = run([...script('console.log(JSON.stringify(process.argv.slice(1)))'), '--', ...hostile]);
  await ended;
  assert.deepEqual(JSON.parse(text()), hostile);
  assert.equal(existsSync(marker), false);
});

test('a program that does not exist is an end with a reason, not a throw', async () => {
  const { ended } = run(['/nonexistent/program']);
  const end = await ended;
  assert.equal(end.started, false);
  assert.match(end.reason, /ENOENT/);
});

test('the last words of a child are kept without its secrets and without escapes', async () => {
  const secret = new Secret('hunter2hunter2');
  const { ended } = run(
    script('process.stderr.write("x".repeat(9e6)+"\\u001b[2Jkey "+process.env.KEY+"\\n");process.exitCode=3'),
    {
      KEY: secret,
    },
  );
  const end = await ended;
  assert.equal(end.reason, 'exited with 3');
  assert.match(end.words, /key \[secret\]$/);
  assert.ok(end.words.length <= 2_048);
  assert.equal(/[\u0000-\u001f]/.test(end.words), false);
});

test('closing ends a child that ignores it, and its descendants', async () => {
  const pids = join(folder, 'pids');
  const { child, text } = run(
    script(`
      const {spawn} = require('node:child_process');
      process.on('SIGTERM', () => {});
      const inner = spawn(process.execPath, ['-e', 'setInterval(()=>{},1000); process.on("SIGTERM",()=>{})'], {stdio: 'inherit'});
      require('node:fs').writeFileSync(${JSON.stringify(pids)}, process.pid + ' ' + inner.pid);
      console.log('ready'); setInterval(() => {}, 1000);`),
  );
  while (!text().includes('ready')) await new Promise((resolve) => setTimeout(resolve, 10));
  const [outer, inner] = readFileSync(pids, 'utf8').split(' ').map(Number);
  assert.ok(isAlive(outer) && isAlive(inner));
  await child.close();
  await gone(outer, inner);
});

test('a child that does not read is not fed without bound', async () => {
  const { child, ended } = run(script('setInterval(() => {}, 1000)'));
  const block = new Uint8Array(4 * 1024 * 1024);
  let taken = 0;
  while (taken < 100 && child.write(block)) taken += 1;
  assert.ok(taken >= 4 && taken <= 6, `${taken} blocks`);
  child.kill();
  await ended;
});

test('when the gateway is killed its children die, with their descendants', async () => {
  const pids = join(folder, 'orphans');
  const source = `
    import { openEgress } from ${JSON.stringify(new URL('../../src/enforcement/index.ts', import.meta.url).href)};
    import { systemClock } from ${JSON.stringify(new URL('../support/clock.ts', import.meta.url).href)};
    const egress = openEgress({ clock: systemClock, environment: { PATH: ${JSON.stringify(process.env['PATH'])} } });
    // Does not read its input, so that it would not notice by itself.
    const code = 'const {spawn}=require("node:child_process");const i=spawn(process.execPath,["-e","setInterval(()=>{},1e3)"]);' +
      'console.log(process.pid, i.pid);setInterval(()=>{},1e3)';
    egress.launch({ command: [process.execPath, '-e', code], env: {},
      output: { data: (part) => require('node:fs').writeFileSync(${JSON.stringify(pids)}, part), ended() {} } });
    import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);
    setInterval(() => {}, 1000);`;
  const gateway = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: 'inherit' });
  while (!existsSync(pids) || !readFileSync(pids, 'utf8').includes('\n')) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const [outer, inner] = readFileSync(pids, 'utf8').trim().split(' ').map(Number);
  assert.ok(isAlive(outer) && isAlive(inner));
  // The warden is a process that must have started; a gateway does not die in its first moments.
  await new Promise((resolve) => setTimeout(resolve, 300));
  gateway.kill('SIGKILL');
  await gone(outer, inner);
});

function isAlive(pid: number | undefined): boolean {
  if (pid === undefined) return false;
  try {
    process.kill(pid, 0);
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function gone(...pids: (number | undefined)[]): Promise<void> {
  const deadline = Date.now() + 8_000;
  while (pids.some(isAlive)) {
    assert.ok(Date.now() < deadline, `still alive: ${pids.filter(isAlive).join(' ')}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
