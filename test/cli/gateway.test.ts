import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createClient } from '../../src/api/client/index.ts';
import { socketTransport } from '../../src/api/client/socket.ts';
import { loadConfig } from '../../src/config/index.ts';
import { type Running, startGateway } from '../../src/main.ts';
import { totp } from '../support/totp.ts';
import { freePort } from '../support/world.ts';
import { run } from './support.ts';

/** Every command that speaks to a gateway, against a real one in front of a real server. */
const folder = mkdtempSync(join(tmpdir(), 'sallyport-cli-'));
const READER = `@id("reader-reads")
@reason("Somebody besides the starter agent.")
@public("Readers read below reports/.")
permit (principal == Agent::"reader", action == Action::"tool.call", resource == Tool::"files/read_text_file")
when { context.credential.kind == "dpop" && context.args.path like "reports/*" };
`;
let running: Running;
let token: string;

before(async () => {
  cpSync(join(import.meta.dirname, '../../examples/starter'), folder, { recursive: true });
  const file = join(folder, 'sallyport.yaml');
  writeFileSync(
    file,
    `${readFileSync(file, 'utf8')}\nlisten: { agents: "127.0.0.1:${await freePort()}", people: "127.0.0.1:0" }\n`,
  );
  writeFileSync(join(folder, 'policies', 'reader.cedar'), READER);
  const loaded = loadConfig(file);
  assert.ok(loaded.kind === 'loaded');
  running = await startGateway({ config: loaded.config });
  token = (await sallyport('agent', 'token', 'starter', '--job', 'explore')).out.trim();
});
after(async () => {
  await running.stop();
  rmSync(folder, { recursive: true, force: true });
});

const sallyport = (...argv: string[]) => run(argv, { folder });

async function ask(name: string, args: object): Promise<string> {
  const answer = await fetch(`${running.agents_url}/mcp/files`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      authorization: `Bearer ${token}`,
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': name,
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: {
        name,
        arguments: args,
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientCapabilities': {},
        },
      },
    }),
  });
  await answer.text();
  return answer.headers.get('sallyport-receipt') ?? '';
}

test('status answers the three questions, for people and for programs', async () => {
  const { code, out } = await sallyport('status');
  assert.equal(code, 0);
  assert.match(out, /✓ enforcing/);
  assert.match(out, /files/);
  const json = JSON.parse((await sallyport('status', '--json')).out);
  assert.equal(json.mode, 'enforcing');
  assert.ok((await sallyport()).out.includes('sallyport tail'));
});

test('why tells a refusal by its receipt, with the policy and what the agent was told', async () => {
  const receipt = await ask('read_text_file', { path: 'secret/salaries.csv' });
  const { code, out } = await sallyport('why', receipt);
  assert.equal(code, 0);
  assert.match(out, /✗ deny policy_denied/);
  assert.match(out, /starter-reads-reports/);
  assert.match(out, /the agent was told: Read below reports/);
  assert.match(out, /decide +refuse/);
  assert.equal(JSON.parse((await sallyport('why', receipt, '--json')).out).exchange.receipt, receipt);
});

test('why of a receipt that does not exist fails and says so', async () => {
  const { code, err } = await sallyport('why', `rcp_${'0'.repeat(26)}`);
  assert.equal(code, 1);
  assert.match(err, /not_found/);
});

test('tail shows hostile text as text, filters, and prints one JSON object a line', async () => {
  const receipt = await ask('read_text_file', { path: 'reports/\u001b[2J\u202e.md' });
  // What is listed has its place in the log, which it gets within a second.
  let out = '';
  for (let tries = 0; tries < 30 && !out.includes(receipt); tries += 1) {
    await sleep(100);
    out = (await sallyport('tail', '--no-follow', '--past', '50')).out;
  }
  assert.ok(out.includes(receipt));
  assert.doesNotMatch(out, /[\u001b\u202e]/);
  assert.doesNotMatch((await sallyport('why', receipt)).out, /[\u001b\u202e]/);
  const denied = (await sallyport('tail', '--no-follow', '--decision', 'deny', '--json')).out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.ok(denied.length > 0);
  for (const { exchange } of denied) assert.equal(exchange.decision, 'deny');
});

test('tail follows: a refusal appears as it happens, and Ctrl-C ends it cleanly', async () => {
  const launcher = join(import.meta.dirname, '../../bin/sallyport.js');
  const child = spawn(process.execPath, [launcher, 'tail', '--json', '--past', '0', '--decision', 'deny'], {
    cwd: folder,
  });
  const lines = createInterface({ input: child.stdout });
  try {
    // The stream is open when its first event comes; until then calls are made again.
    const first = once(lines, 'line', { signal: AbortSignal.timeout(15_000) });
    const receipts: string[] = [];
    const asking = setInterval(async () => receipts.push(await ask('read_text_file', { path: 'secret/live' })), 300);
    const [line] = (await first.finally(() => clearInterval(asking))) as [string];
    const event = JSON.parse(line);
    assert.equal(event.type, 'exchange');
    await sleep(300);
    assert.ok(receipts.includes(event.exchange.receipt));
  } finally {
    child.kill('SIGINT');
  }
  const [code] = await once(child, 'exit');
  assert.equal(code, 0);
});

test('an agent is added with a key that is written once, listed, and removed', async () => {
  const key = join(folder, 'triage.jwk');
  const added = await sallyport('agent', 'add', 'triage', '--owner', 'ops', '--job', 'issues', '--out', key);
  assert.equal(added.code, 0, added.err);
  assert.equal(added.out, '', 'the key went to the file, not to the screen');
  assert.equal(statSync(key).mode & 0o777, 0o600);
  const jwk = JSON.parse(readFileSync(key, 'utf8'));
  assert.ok(jwk.d);
  assert.match((await sallyport('agent', 'list')).out, /triage +ops +issues/);
  const again = await sallyport('agent', 'add', 'triage', '--owner', 'ops', '--job', 'issues');
  assert.equal(again.code, 1);
  assert.match(again.err, /already_exists/);
  const removed = await sallyport('agent', 'remove', 'triage');
  assert.equal(removed.code, 0, removed.err);
  assert.doesNotMatch((await sallyport('agent', 'list')).out, /triage/);
});

test('the example of an agent with a key reads what its policy permits, and is told what that is', async () => {
  const key = join(folder, 'reader.jwk');
  const added = await sallyport('agent', 'add', 'reader', '--owner', 'you', '--job', 'explore', '--out', key);
  assert.equal(added.code, 0, added.err);
  const example = join(import.meta.dirname, '../../examples/agent-with-key/agent.js');
  const call = (path: string) =>
    promisify(execFile)(process.execPath, [
      ...[example, running.agents_url, 'reader', 'explore', key],
      ...['files', 'read_text_file', JSON.stringify({ path })],
    ]);
  assert.match((await call('reports/2026-q3.md')).stdout, /Third quarter/);
  await assert.rejects(call('secret/salaries.csv'), (error: { code: number; stdout: string; stderr: string }) => {
    assert.equal(error.code, 1);
    assert.match(error.stdout, /Readers read below reports/);
    assert.match(error.stderr, /receipt: rcp_/);
    return true;
  });
});

test('a private key is not accepted as a public one, and does not leave the machine', async () => {
  writeFileSync(join(folder, 'private.jwk'), '{"kty":"OKP","crv":"Ed25519","x":"AA","d":"BB"}');
  const { code, err } = await sallyport(
    'agent',
    'add',
    'leaky',
    '--owner',
    'o',
    '--job',
    'j',
    '--public-key',
    'private.jwk',
  );
  assert.equal(code, 2);
  assert.match(err, /holds a private key/);
});

test('a token is printed alone on standard output, listed without its secret, and revoked', async () => {
  const { out } = await sallyport('agent', 'token', 'starter', '--job', 'explore', '--days', '1');
  assert.match(out, /^\S+\n$/);
  const list = (await sallyport('agent', 'token', '--json')).out;
  assert.ok(!list.includes(out.trim()));
  const { tokens } = JSON.parse(list);
  const newest = tokens.toSorted((a: { issued_at: number }, b: { issued_at: number }) => b.issued_at - a.issued_at)[0];
  assert.equal((await sallyport('agent', 'token', '--revoke', newest.id)).code, 0);
  const wrong = await sallyport('agent', 'token', 'starter', '--job', 'somebody-elses');
  assert.equal(wrong.code, 1);
  assert.match(wrong.err, /job/);
});

test('kill stops at once; resume needs a person and does nothing without one', async () => {
  const killed = await sallyport('kill', 'agent', 'starter', '--reason', 'reads too much');
  assert.equal(killed.code, 0, killed.err);
  const refused = JSON.parse(
    (await sallyport('why', await ask('read_text_file', { path: 'reports/2026-q3.md' }), '--json')).out || 'null',
  );
  if (refused !== null) assert.equal(refused.exchange.code, 'stopped');
  const listed = await sallyport('resume');
  assert.match(listed.out, /agent +starter .*reads too much/);
  const [stop] = JSON.parse((await sallyport('resume', '--json')).out).stops;
  const lifted = await sallyport('resume', stop.stop);
  assert.equal(lifted.code, 1);
  assert.match(lifted.err, /needs a person/);
  writeFileSync(join(folder, 'password'), 'not the password');
  const guessed = await sallyport(
    'resume',
    stop.stop,
    '--as',
    'nobody',
    '--password-file',
    'password',
    '--code',
    '000000',
  );
  assert.equal(guessed.code, 1);
  assert.match(guessed.err, /sign_in_failed/);
  assert.equal(JSON.parse((await sallyport('resume', '--json')).out).stops.length, 1);
});

test('a person with an authenticator lifts the stop', async () => {
  const link = (await sallyport('account')).out.trim();
  const { hash } = new URL(link);
  const client = createClient(socketTransport(running.socket_path!), 'test');
  const password = 'correct horse battery staple';
  const account = { secret: hash.slice(1), name: 'ada', password };
  assert.equal((await client.call('setup.redeem', { body: account })).kind, 'ok');
  const enrolment = await client.call('me.enrol', {});
  assert.ok(enrolment.kind === 'ok');
  const { secret } = enrolment.value;
  const now = Date.now();
  // Each code counts once, so enrolling takes the one before.
  assert.equal((await client.call('me.present', { body: { code: totp(secret, now - 30_000) } })).kind, 'ok');
  assert.equal((await sallyport('account')).code, 1, 'a second first account');

  writeFileSync(join(folder, 'password'), `${password}\n`);
  const [stop] = JSON.parse((await sallyport('resume', '--json')).out).stops;
  const as = ['--as', 'ada', '--password-file', 'password'];
  const replayed = await sallyport('resume', stop.stop, ...as, '--code', totp(secret, now - 30_000));
  assert.match(replayed.err, /presence_failed/);
  const lifted = await sallyport('resume', stop.stop, ...as, '--code', totp(secret, now));
  assert.equal(lifted.code, 0, lifted.err);
  assert.equal((await sallyport('resume')).out, 'Nothing is stopped.\n');

  const next = ['--code', totp(secret, now + 30_000)];
  const rotated = await sallyport('agent', 'rotate', 'starter', '--out', 'rotated.jwk', ...as, ...next);
  assert.equal(rotated.code, 0, rotated.err);
  const key = JSON.parse(readFileSync(join(folder, 'rotated.jwk'), 'utf8'));
  assert.equal(statSync(join(folder, 'rotated.jwk')).mode & 0o777, 0o600);
  assert.ok(!rotated.out.includes(key.d) && !rotated.err.includes(key.d));
  const { agents } = JSON.parse((await sallyport('agent', 'list', '--json')).out);
  assert.equal(agents.find(({ id }: { id: string }) => id === 'starter').key, key.kid);
});

test('no key is rotated without a person, nor over a file, nor by a private key', async () => {
  const before = (await sallyport('agent', 'list', '--json')).out;
  const alone = await sallyport('agent', 'rotate', 'starter');
  assert.equal(alone.code, 1);
  assert.match(alone.err, /needs a person/);
  const over = await sallyport('agent', 'rotate', 'starter', '--out', 'rotated.jwk');
  assert.equal(over.code, 2);
  assert.match(over.err, /exists already/);
  const given = await sallyport('agent', 'rotate', 'starter', '--public-key', 'rotated.jwk');
  assert.equal(given.code, 2);
  assert.match(given.err, /holds a private key/);
  assert.equal((await sallyport('agent', 'list', '--json')).out, before);
});

test('policies are listed with their reasons, and nothing is activated without a person', async () => {
  const { out } = await sallyport('policy', 'list');
  assert.match(out, /starter-reads-reports +permit/);
  const { code, err } = await sallyport('policy', 'activate', '0123456789abcdef');
  assert.equal(code, 1);
  assert.match(err, /needs a person/);
});

test('lint and diff look at what is in force against what is registered', async () => {
  const linted = await sallyport('policy', 'lint', '--live');
  assert.equal(linted.code, 0, linted.out);
  assert.match(linted.out, /no fault/);
  const same = await sallyport('policy', 'diff', 'active', 'policies');
  assert.equal(same.code, 0, same.err);
  assert.match(same.out, /They permit the same/);
  const gone = await sallyport('policy', 'diff', 'active', 'sample');
  assert.match(gone.out, /- loss starter loses tool\.call on files\/read_text_file/);
  const unknown = await sallyport('policy', 'diff', '0123456789abcdef', 'policies');
  assert.equal(unknown.code, 1);
  assert.match(unknown.err, /not_found/);
});

test('checkpoint, log and a single receipt are verified; a changed proof is not', async () => {
  const receipt = JSON.parse((await sallyport('tail', '--no-follow', '--past', '1', '--json')).out).exchange.receipt;
  await sleep(1_300);
  writeFileSync(join(folder, 'seen.txt'), (await sallyport('audit', 'checkpoint')).out);
  const log = await sallyport('verify', '.sallyport/log', '--seen', 'seen.txt');
  assert.equal(log.code, 0, log.out);
  assert.match(log.out, /✓ verified/);
  const proof = (await sallyport('audit', 'export', receipt)).out;
  writeFileSync(join(folder, 'one.tlog-proof'), proof);
  const good = await sallyport('verify', 'one.tlog-proof', '--key', '.sallyport/log/verifier-key');
  assert.equal(good.code, 0, good.out);
  assert.match(good.out, /self-asserted/);
  writeFileSync(join(folder, 'bad.tlog-proof'), proof.replace(/\n[A-Za-z0-9+/]{43}=\n/, `\n${'A'.repeat(43)}=\n`));
  const bad = await sallyport('verify', 'bad.tlog-proof', '--key', '.sallyport/log/verifier-key');
  assert.equal(bad.code, 1);
  assert.match(bad.out, /✗ failed/);
});

test('a log is not forked while a gateway writes it', async () => {
  const { code, err } = await sallyport('audit', 'fork', '--yes');
  assert.equal(code, 1);
  assert.match(err, /Stop it first/);
});
