import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { run } from '../cli/support.ts';
import type { AgentClient } from '../support/agent-client.ts';
import { type Echo, startEcho } from '../support/echo-server.ts';
import { type Operator, openOperator } from '../support/person.ts';
import { totp } from '../support/totp.ts';
import { openWorld, type World } from '../support/world.ts';

const LIMIT = { timeout: 60_000 };
const SECRET = `sk/live+${randomBytes(18).toString('base64url')}"&`;
const POLICY = `
@id("all")
@reason("These tests are about what is shown to servers.")
permit (principal, action == Action::"tool.call", resource);
`;

let echo: Awaited<ReturnType<typeof startEcho>>;
let world: World;
let ada: Operator;
let other: AgentClient;

before(async () => {
  echo = await startEcho();
  world = await openWorld({
    policies: POLICY,
    upstreams: `  shown: { url: "${echo.url}", credential: { vault: shown } }
  basic: { url: "${echo.url}", credential: { vault: basic } }
  fields: { url: "${echo.url}", credential: { vault: fields } }
  absent: { url: "${echo.url}", credential: { vault: absent } }
  child:
    command: [node, ${JSON.stringify(join(import.meta.dirname, '../fixtures/mcp/variable.ts'))}]
    credential: { vault: child, env: TOKEN }
`,
  });
  ada = await openOperator(world);
  other = await world.register('other');
});

after(async () => {
  await world?.stop();
  await echo?.close();
});

type Terms = Partial<Parameters<typeof ada.client.call<'vault.set'>>[1]['body']>;

async function set(name: string, terms: Terms): Promise<void> {
  const body = { name, kind: 'bearer' as const, secret: SECRET, agents: ['triage'], hosts: [echo.host], ...terms };
  const answer = await ada.client.call('vault.set', { body });
  assert.equal(answer.kind, 'ok', JSON.stringify(answer));
}

async function call(agent: AgentClient, server: string, args: { how?: Echo; status?: number } = {}) {
  const { text, body } = await world.call(agent, 'echo', args, { server });
  return { text, code: body.error?.data?.['code'] ?? body.error?.data?.['reason'], body };
}

test('a run that is served is shown the credential, in the form of its kind', LIMIT, async () => {
  await set('shown', {});
  await call(world.triage, 'shown');
  assert.equal(echo.seen.at(-1)?.authorization, `Bearer ${SECRET}`);
  await set('basic', { kind: 'basic', secret: `robot:${SECRET}` });
  await call(world.triage, 'basic');
  assert.equal(echo.seen.at(-1)?.authorization, `Basic ${Buffer.from(`robot:${SECRET}`).toString('base64')}`);
  await set('fields', {
    kind: 'header_set',
    secret: JSON.stringify({ 'X-Api-Key': SECRET, 'X-Tenant': 'tenant-0001' }),
  });
  await call(world.triage, 'fields');
  assert.equal(echo.seen.at(-1)?.['x-api-key'], SECRET);
  assert.equal(echo.seen.at(-1)?.['x-tenant'], 'tenant-0001');
  await set('fields', { kind: 'api_key', header: 'X-Api-Key' });
  await call(world.triage, 'fields');
  assert.equal(echo.seen.at(-1)?.['x-api-key'], SECRET);
  assert.equal(echo.seen.at(-1)?.['x-tenant'], undefined);
});

test('whom it does not serve is refused with a code of its own, and nothing is sent', LIMIT, async () => {
  const refused: [string, Terms | undefined, AgentClient, string][] = [
    ['shown', {}, other, 'upstream_credential_not_served'],
    ['shown', { agents: ['*'], jobs: ['billing'] }, world.triage, 'upstream_credential_not_served'],
    ['shown', { agents: ['*'], users: ['grace'] }, world.triage, 'upstream_credential_not_served'],
    ['shown', { hosts: ['api.example.com'] }, world.triage, 'upstream_credential_wrong_host'],
    ['shown', { hosts: ['127.0.0.1'] }, world.triage, 'upstream_credential_wrong_host'],
    ['shown', { hosts: [], programs: ['shown'] }, world.triage, 'upstream_credential_wrong_host'],
    ['shown', { expires_at: Date.now() - 1_000 }, world.triage, 'upstream_credential_expired'],
    ['absent', undefined, world.triage, 'upstream_credential_missing'],
  ];
  for (const [server, terms, agent, code] of refused) {
    if (terms !== undefined) await set('shown', terms);
    const before = echo.seen.length;
    const answer = await call(agent, server);
    assert.match(answer.text, new RegExp(code), `${JSON.stringify(terms)}: ${answer.text}`);
    assert.equal(echo.seen.length, before);
  }
  await set('shown', {});
  assert.match((await call(world.triage, 'shown')).text, /you sent something/);
});

test('a server that says the credential back is not heard', LIMIT, async () => {
  await set('shown', {});
  for (const how of ['text', 'base64', 'shifted', 'hex', 'url', 'json', 'key', 'error', 'data', 'header'] as const) {
    const { text } = await call(world.triage, 'shown', { how });
    for (const form of [SECRET, SECRET.slice(0, 12), Buffer.from(SECRET).toString('hex').slice(0, 16)])
      assert.ok(!text.includes(form), `${how}: ${text}`);
    const decoded = [...text.matchAll(/[A-Za-z0-9+/_-]{12,}/g)].map(([word]) => Buffer.from(word, 'base64').toString());
    assert.ok(!decoded.some((word) => word.includes(SECRET.slice(4, 16))), `${how}: ${decoded}`);
    if (how !== 'header') assert.match(text, /\[secret\]/, how);
  }
});

test('what is set, rotated or removed counts from the next call on', LIMIT, async () => {
  await set('shown', {});
  const rotated = await ada.client.call('vault.rotate', {
    params: { name: 'shown' },
    body: { secret: 'another-secret-0001' },
  });
  assert.ok(rotated.kind === 'ok');
  assert.equal(rotated.value.version, 2);
  await call(world.triage, 'shown');
  assert.equal(echo.seen.at(-1)?.authorization, 'Bearer another-secret-0001');
  assert.equal((await ada.client.call('vault.remove', { params: { name: 'shown' } })).kind, 'ok');
  assert.match((await call(world.triage, 'shown')).text, /upstream_credential_missing/);
});

test('a program gets it in a variable, in the child of a run that is served and in no other', LIMIT, async () => {
  await set('child', { hosts: [], programs: ['child'] });
  const { text } = await world.call(world.triage, 'variable', {}, { server: 'child' });
  assert.match(text, /TOKEN has \d+ characters: \[secret\]/, text);
  const refused = await world.call(other, 'variable', {}, { server: 'child' });
  assert.match(refused.text, /upstream_credential_not_served/);
  await set('child', { agents: ['*'], hosts: [], programs: ['elsewhere'] });
  assert.match((await world.call(other, 'variable', {}, { server: 'child' })).text, /upstream_credential_wrong_host/);
});

test(
  'nobody sets, rotates or removes without presence, and what is wrong is said without the secret',
  LIMIT,
  async () => {
    const body = { name: 'x', kind: 'bearer' as const, secret: SECRET, agents: ['*'], hosts: ['a.example'] };
    for (const answer of [
      await world.local.call('vault.set', { body }),
      await world.local.call('vault.rotate', { params: { name: 'basic' }, body: { secret: SECRET } }),
      await world.local.call('vault.remove', { params: { name: 'basic' } }),
    ]) {
      assert.ok(answer.kind === 'failure');
      assert.equal(answer.problem.code, 'presence_required');
    }
    const wrong: Terms[] = [
      { agents: [] },
      { hosts: [] },
      { hosts: ['https://a.example'] },
      { hosts: ['a.example/path'] },
      { secret: 'short' },
      { secret: `${SECRET}\r\nHost: x` },
      { kind: 'basic' },
      { kind: 'basic', secret: 'robot:short' },
      { kind: 'header_set' },
      { kind: 'header_set', secret: JSON.stringify({ Host: SECRET }) },
      { kind: 'header_set', secret: JSON.stringify({ 'Mcp-Session-Id': SECRET }) },
      { kind: 'api_key', header: 'content-length' },
      { kind: 'oauth_refresh' },
      { kind: 'oauth_refresh', oauth: { token_endpoint: 'file:///etc/passwd', client_id: 'c', scope: null } },
      { kind: 'database_password' },
      { header: 'x-key' },
    ];
    for (const terms of wrong) {
      const answer = await ada.client.call('vault.set', { body: { ...body, ...terms } });
      assert.ok(answer.kind === 'failure', JSON.stringify(terms));
      assert.equal(answer.problem.code, 'input_invalid', JSON.stringify(answer));
      assert.ok(!JSON.stringify(answer).includes(SECRET.slice(0, 12)), JSON.stringify(answer));
    }
  },
);

test('the command line seals what is piped, lists and shows it, and never prints it', LIMIT, async () => {
  const password = join(world.folder, 'password');
  writeFileSync(password, ada.password);
  const presence = () => ['--as', ada.name, '--password-file', password, '--code', totp(ada.authenticator, Date.now())];
  const terms = ['--kind', 'bearer', '--agent', 'triage', '--host', echo.host];
  const typed = await run(['vault', 'set', 'piped', ...terms, ...presence()], { folder: world.folder, input: SECRET });
  assert.equal(typed.code, 0, typed.err);
  const absent = await run(['vault', 'set', 'nobody', ...terms], { folder: world.folder, input: SECRET });
  assert.equal(absent.code, 1);
  assert.match(absent.err, /needs a person/);
  const empty = await run(['vault', 'rotate', 'piped'], { folder: world.folder });
  assert.equal(empty.code, 1);
  const argument = await run(['vault', 'set', 'piped', SECRET, ...terms], { folder: world.folder });
  assert.equal(argument.code, 2);
  const shown = await run(['vault', 'show', 'piped'], { folder: world.folder });
  assert.match(shown.out, /agents triage; jobs \*; users \*/);
  const listed = await run(['vault', 'list', '--json'], { folder: world.folder });
  const names = (JSON.parse(listed.out) as { entries: { name: string }[] }).entries.map(({ name }) => name);
  assert.ok(names.includes('piped'));
  for (const { out, err } of [typed, absent, empty, shown, listed]) assert.ok(!(out + err).includes(SECRET));
  const usage = await run(['vault', 'remove', 'piped'], { folder: world.folder });
  assert.equal(usage.code, 1, 'removed without presence');
});
