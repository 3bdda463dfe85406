import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { inspect } from 'node:util';
import { type Config, controlSocket, findConfig, loadConfig, parseConfig } from '../../src/config/index.ts';
import { Secret } from '../../src/core/secret.ts';

const revealed = (value: unknown) => (value instanceof Secret ? value.reveal() : undefined);

const folder = mkdtempSync(join(tmpdir(), 'sallyport-config-'));
after(() => rmSync(folder, { recursive: true }));

function good(text: string, variables: Record<string, string> = {}): Config {
  const result = parseConfig(text, join(folder, 'sallyport.yaml'), variables);
  assert.equal(result.kind, 'loaded', JSON.stringify(result));
  return (result as { config: Config }).config;
}

test('an empty file is a whole configuration, bound to this machine and to this folder', () => {
  const config = good('');
  assert.deepEqual(config.listen.agents, { host: '127.0.0.1', port: 8700 });
  assert.deepEqual(config.listen.people, { host: '127.0.0.1', port: 8701 });
  assert.equal(config.listen.public_url, 'http://127.0.0.1:8700');
  assert.equal(config.storage.url.reveal(), `sqlite:${join(folder, '.sallyport', 'sallyport.db')}`);
  assert.equal(config.policy.activation, 'presence');
  assert.equal(config.audit.witnesses_required, 0);
  assert.equal(controlSocket(config), join(folder, '.sallyport', 'control.sock'));
});

test('upstreams become programs or addresses, with every bound filled in', () => {
  const { upstreams } = good(
    `
upstreams:
  files: { command: [./serve, --stdio], env: { MODE: quiet } }
  remote: { url: "https://mcp.example.com/mcp", headers: { Authorization: "Bearer env:REMOTE" }, shared: true }
`,
    { REMOTE: 'hunter2' },
  );
  const files = upstreams['files']!.transport;
  assert.equal(files.kind, 'child');
  assert.deepEqual(files.kind === 'child' && files.command, [join(folder, 'serve'), '--stdio']);
  assert.equal(files.kind === 'child' && files.cwd, folder);
  const remote = upstreams['remote']!.transport;
  assert.equal(remote.kind === 'http' && revealed(remote.headers['Authorization']), 'Bearer hunter2');
  assert.equal(upstreams['remote']!.shared, true);
  assert.equal(upstreams['files']!.shared, false);
  assert.equal(upstreams['files']!.limits.answer_bytes_max, 16_777_216);
});

test('`node` is the Node that runs this, and package: finds an installed program', () => {
  const { upstreams } = good(
    'upstreams: { a: { command: [node, x.js] }, b: { command: ["package:@modelcontextprotocol/server-filesystem", .] } }',
  );
  const commandOf = (name: string): string[] => {
    const { transport } = upstreams[name]!;
    return transport.kind === 'child' ? transport.command : [];
  };
  assert.deepEqual(commandOf('a'), [process.execPath, 'x.js']);
  assert.equal(commandOf('b')[0], process.execPath);
  assert.match(commandOf('b')[1]!, /server-filesystem.*index\.js$/);
});

test('no secret can be printed, from the environment, from a file, or as a database address', () => {
  writeFileSync(join(folder, 'token.txt'), 'swordfish\n', { mode: 0o600 });
  const config = good(
    `
storage: { url: env:DATABASE }
upstreams: { a: { command: [x], env: { API_TOKEN: file:token.txt } } }
`,
    { DATABASE: 'postgres://u:opensesame@db/x' },
  );
  const { transport } = config.upstreams['a']!;
  assert.equal(transport.kind === 'child' && revealed(transport.env['API_TOKEN']), 'swordfish');
  assert.equal(config.storage.url.reveal(), 'postgres://u:opensesame@db/x');
  for (const shown of [
    JSON.stringify(config),
    inspect(config, { depth: 20, showHidden: true }),
    String(config.storage.url),
  ]) {
    assert.doesNotMatch(shown, /swordfish|opensesame/);
  }
});

test('the digest is that of the meaning: comments and order do not change it, a value does', () => {
  const one = good('limits: { stage_ms_max: 300 }\npolicy: { folder: rules }').digest;
  assert.equal(good('# why\npolicy:\n  folder: rules\nlimits:\n  stage_ms_max: 300\n').digest, one);
  assert.notEqual(good('limits: { stage_ms_max: 301 }\npolicy: { folder: rules }').digest, one);
  assert.match(one, /^[0-9a-f]{64}$/);
});

test('the digest does not depend on the value of a secret', () => {
  const text = 'storage: { url: env:DATABASE }';
  assert.equal(good(text, { DATABASE: 'sqlite:a' }).digest, good(text, { DATABASE: 'sqlite:b' }).digest);
});

test('the file is looked for upwards, as git does', () => {
  writeFileSync(join(folder, 'sallyport.yaml'), '');
  assert.deepEqual(findConfig(undefined, join(folder, 'deep', 'er')), {
    file: join(folder, 'sallyport.yaml'),
    found: true,
  });
  assert.deepEqual(findConfig('other.yaml', folder), { file: join(folder, 'other.yaml'), found: false });
});

test('a missing file, a folder and an endless file are problems, not exceptions', () => {
  writeFileSync(join(folder, 'big.yaml'), '#'.repeat(1_100_000));
  for (const [file, found] of [
    ['missing.yaml', /nothing there/],
    ['.', /error/],
    ['big.yaml', /1100000 bytes/],
  ] as const) {
    const result = loadConfig(join(folder, file));
    assert.equal(result.kind, 'invalid');
    assert.match(result.kind === 'invalid' ? result.problems[0]!.found : '', found);
  }
});
