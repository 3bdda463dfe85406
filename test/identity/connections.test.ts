import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { AgentClient } from '../support/agent-client.ts';
import { type ConsolePerson, joinByLink } from '../support/console-person.ts';
import { type Operator, openOperator } from '../support/person.ts';
import { SignedInServer } from '../support/signed-in-server.ts';
import { openWorld, type World } from '../support/world.ts';

/**
 * Servers at which people sign in by themselves: what each of them is given there serves runs in their name, and nobody else.
 * Authorization servers are real ones (oidc-provider); the conformance suite tries the variants of discovery.
 */
const LIMIT = { timeout: 60_000 };
const POLICY = `@id("all") @reason("These tests are about what servers are shown.")
permit (principal, action == Action::"tool.call", resource);`;

let notes: SignedInServer;
let bound: SignedInServer;
let short: SignedInServer;
let world: World;
let ada: Operator;
let bob: ConsolePerson;
let hers: AgentClient;
let his: AgentClient;

before(async () => {
  notes = await new SignedInServer().start();
  bound = await new SignedInServer().start();
  bound.dpop = true;
  short = await new SignedInServer().start();
  short.seconds = 1;
  world = await openWorld({
    policies: POLICY,
    upstreams: `  notes: { url: "${notes.url}", credential: { connect: {} } }
  bound: { url: "${bound.url}", credential: { connect: {} } }
  short: { url: "${short.url}", credential: { connect: {} } }
  pinned: { url: "${notes.url}", credential: { connect: { issuer: "https://login.example" } } }
  plain: { url: "${notes.url}" }
`,
  });
  ada = await openOperator(world);
  const link = await ada.client.call('people.add', { body: { roles: ['viewer'] } });
  assert.ok(link.kind === 'ok', JSON.stringify(link));
  bob = await joinByLink(world, link.value.link, 'bob');
  hers = await actingFor('hers', 'ada');
  his = await actingFor('his', 'bob');
});
after(async () => {
  await world?.stop();
  for (const server of [notes, bound, short]) server?.close();
});

async function actingFor(agent: string, user: string): Promise<AgentClient> {
  const client = await world.register(agent, ['support'], { users: [user] });
  client.use(((await (await client.ask({ user })).json()) as { access_token: string }).access_token);
  return client;
}

async function call(agent: AgentClient, server: string, args: { wants?: string } = {}) {
  const { body, text } = await world.call(agent, 'whoami', args, { server });
  const said = body.result?.content?.[0]?.text ?? body.error?.message ?? '';
  const code = /"dev\.sallyport\/code":"(\w+)"/.exec(text)?.[1] ?? body.error?.data?.['code'];
  return { said, code };
}

async function begin(upstream: string, holder: 'me' | 'gateway' = 'me'): Promise<string> {
  const begun = await ada.client.call('connections.begin', { body: { upstream, holder } });
  assert.ok(begun.kind === 'ok', JSON.stringify(begun));
  return begun.value.url;
}

const answerOf = (back: URL) => ({ state: '', ...Object.fromEntries(back.searchParams) });

async function finish(back: URL, more: Record<string, string> = {}): Promise<string> {
  const done = await ada.client.call('connections.finish', { body: { ...answerOf(back), ...more } });
  return done.kind === 'ok' ? 'ok' : done.problem.code;
}

async function connect(server: SignedInServer, upstream: string, holder: 'me' | 'gateway' = 'me'): Promise<void> {
  assert.equal(await finish(await server.visit(await begin(upstream, holder))), 'ok');
}

test('until somebody has signed in there, an agent is told who has to', LIMIT, async () => {
  const { code, said } = await call(hers, 'notes');
  assert.equal(code, 'connection_missing');
  assert.match(said, /sallyport connect notes/);
  assert.match(said, /\/connections$/);
});

test(
  'what comes back is taken once, from the place that was asked, by who was sent, and nothing else',
  LIMIT,
  async () => {
    const back = await notes.visit(await begin('notes'));
    assert.match(back.href, /^http:\/\/127\.0\.0\.1:\d+\/connected\?/);
    const stranger = await bob.ask('POST', '/api/connections/finish', answerOf(back));
    assert.equal(stranger.body['code'], 'connection_failed', 'who was talked into opening somebody else’s address');
    assert.equal(await finish(back, { iss: 'https://evil.example' }), 'connection_failed');
    assert.equal(await finish(back), 'connection_failed', 'it was for one answer');
    const said_no = await notes.visit(await begin('notes'));
    assert.equal(await finish(said_no, { error: 'access_denied' }), 'connection_failed');
    const bare = await notes.visit(await begin('notes'));
    const { iss: _iss, ...without } = answerOf(bare) as Record<string, string>;
    const done = await ada.client.call('connections.finish', { body: { state: '', ...without } });
    assert.equal(
      done.kind === 'failure' && done.problem.code,
      'connection_failed',
      'it says who it is, or it is another',
    );
    for (const state of ['', 'x', 'A'.repeat(43)]) {
      const made_up = await ada.client.call('connections.finish', { body: { state, code: 'c' } });
      assert.equal(made_up.kind === 'failure' && made_up.problem.code, 'connection_failed');
    }
    const wrong_code = await notes.visit(await begin('notes'));
    assert.equal(await finish(wrong_code, { code: 'another' }), 'connection_failed');
    assert.equal((await call(hers, 'notes')).code, 'connection_missing');
  },
);

test('who has signed in is who the server sees, and for nobody else', LIMIT, async () => {
  await connect(notes, 'notes');
  const { said } = await call(hers, 'notes');
  assert.match(said, /^you are ada@notes\.example, by \[secret\]$/);
  const other = await call(his, 'notes');
  assert.equal(other.code, 'connection_missing');
  const nobody = await call(world.triage, 'notes');
  assert.equal(nobody.code, 'connection_missing');
  assert.match(nobody.said, /--gateway/);
  assert.deepEqual([...new Set(notes.seen.map(({ who }) => who))], ['ada@notes.example']);
});

test('a second person is another connection of the same client', LIMIT, async () => {
  const { registrations } = notes;
  notes.user = 'bob@notes.example';
  const begun = await bob.ask('POST', '/api/connections', { upstream: 'notes' });
  const back = await notes.visit(String(begun.body['url']));
  assert.equal((await bob.ask('POST', '/api/connections/finish', answerOf(back))).status, 200);
  notes.user = 'ada@notes.example';
  assert.match((await call(his, 'notes')).said, /bob@notes/);
  assert.match((await call(hers, 'notes')).said, /ada@notes/);
  assert.equal(notes.registrations, registrations);
});

test('the gateway’s own is an admin’s to make, and serves who acts in nobody’s name', LIMIT, async () => {
  const refused = await bob.ask('POST', '/api/connections', { upstream: 'notes', holder: 'gateway' });
  assert.equal(refused.body['code'], 'role_missing');
  const ended = await bob.ask('DELETE', '/api/connections/gateway/notes');
  assert.equal(ended.body['code'], 'role_missing');
  const local = await world.local.call('connections.begin', { body: { upstream: 'notes' } });
  assert.equal(local.kind === 'failure' && local.problem.code, 'sign_in_required');
  notes.user = 'robot@notes.example';
  await connect(notes, 'notes', 'gateway');
  notes.user = 'ada@notes.example';
  assert.match((await call(world.triage, 'notes')).said, /robot@notes/);
  assert.match((await call(hers, 'notes')).said, /ada@notes/);
});

test('the server wants more: it is asked for once, with what was granted before', LIMIT, async () => {
  const { code, said } = await call(hers, 'notes', { wants: 'notes.write' });
  assert.equal(code, 'connection_missing');
  assert.match(said, /wants more/);
  const url = await begin('notes');
  assert.deepEqual(new URL(url).searchParams.get('scope')?.split(' ').sort(), [
    'notes.read',
    'notes.write',
    'offline_access',
  ]);
  assert.equal(await finish(await notes.visit(url)), 'ok');
  assert.match((await call(hers, 'notes', { wants: 'notes.write' })).said, /ada@notes/);
});

test('tokens that are bound to a key, where the server asks for them', LIMIT, async () => {
  assert.equal((await call(hers, 'bound')).code, 'connection_missing');
  await connect(bound, 'bound');
  assert.match((await call(hers, 'bound')).said, /ada@notes/);
  assert.deepEqual([...new Set(bound.seen.map(({ scheme }) => scheme))], ['DPoP']);
});

test(
  'a token that the server accepts no more is renewed before a person is asked, with the same key',
  LIMIT,
  async () => {
    const before_it = bound.seen.at(-1)?.token;
    const { refreshes } = bound;
    const made = refreshes.length;
    await bound.revoke();
    let said = '';
    const codes = new Set<unknown>();
    for (const until = Date.now() + 30_000; !said.includes('ada@') && Date.now() < until; ) {
      const answer = await call(hers, 'bound');
      said = answer.said;
      codes.add(answer.code);
    }
    assert.match(said, /ada@notes/);
    assert.ok(!codes.has('connection_missing'), [...codes].join());
    assert.notEqual(bound.seen.at(-1)?.token, before_it);
    assert.equal(bound.seen.at(-1)?.scheme, 'DPoP');
    assert.equal(refreshes.length, made + 1);
  },
);

test('an access token that ends is renewed, with each refresh token used once', LIMIT, async () => {
  await connect(short, 'short');
  const seen = new Set<string>();
  for (const until = Date.now() + 20_000; seen.size < 3 && Date.now() < until; ) {
    const { code } = await call(hers, 'short');
    if (code === undefined) seen.add(short.seen.at(-1)!.token);
  }
  assert.ok(seen.size >= 3, `${seen.size} tokens`);
  assert.equal(new Set(short.refreshes).size, short.refreshes.length);
});

test('what the person took back at the server is over here, too', LIMIT, async () => {
  await short.forget();
  let code: unknown;
  for (const until = Date.now() + 20_000; code !== 'connection_missing' && Date.now() < until; )
    ({ code } = await call(hers, 'short'));
  assert.equal(code, 'connection_missing');
  await connect(short, 'short');
  let said = '';
  for (const until = Date.now() + 20_000; !said.includes('ada@') && Date.now() < until; )
    ({ said } = await call(hers, 'short'));
  assert.match(said, /ada@notes/);
});

test(
  'a server cannot name an authorization server on a private network, or for another, or one that its configuration does not',
  LIMIT,
  async () => {
    const refused = async (upstream = 'notes') => {
      const begun = await ada.client.call('connections.begin', { body: { upstream } });
      return begun.kind === 'failure' ? begun.problem.code : 'begun';
    };
    const good = { resource: notes.url, authorization_servers: [notes.issuer] };
    for (const wrong of [
      { authorization_servers: ['https://10.0.0.1'] },
      { authorization_servers: ['http://localhost:9'] },
      { authorization_servers: ['http://login.example'] },
      { authorization_servers: ['javascript:alert(1)'] },
      { authorization_servers: [] },
      { authorization_servers: `${notes.issuer}` },
      { authorization_servers: [`${notes.issuer}/`] },
      { resource: `${notes.url}/more` },
      { resource: 'https://elsewhere.example/mcp' },
      { resource: undefined },
    ]) {
      notes.metadata = { ...good, ...wrong };
      assert.equal(await refused(), 'connection_failed', JSON.stringify(wrong));
    }
    notes.metadata = undefined;
    assert.equal(await refused(), 'begun');
    assert.equal(await refused('pinned'), 'connection_failed');
    assert.equal(await refused('plain'), 'not_found');
    assert.equal(await refused('absent'), 'not_found');
  },
);

test('what the gateway says of itself as a client', LIMIT, async () => {
  const answer = await fetch(`${world.running.agents_url}/oauth/client.json`);
  const said = (await answer.json()) as Record<string, unknown>;
  assert.equal(said['client_id'], `${world.running.agents_url}/oauth/client.json`);
  assert.deepEqual(said['redirect_uris'], [`${world.running.console_url}/connected`]);
  assert.deepEqual(said['grant_types'], ['authorization_code', 'refresh_token']);
});

test('who ends it has the next call refused, and who leaves is forgotten; nothing that was given is anywhere in clear', {
  timeout: 120_000,
}, async () => {
  const listed = await ada.client.call('connections.list', {});
  assert.ok(listed.kind === 'ok');
  const own = listed.value.connections.filter(({ holder, made }) => holder === 'me' && made !== null);
  assert.deepEqual(own.map(({ upstream }) => upstream).sort(), ['bound', 'notes', 'short']);
  const vault = await ada.client.call('vault.list', {});
  const said = JSON.stringify([listed, vault]);
  const kept = readdirSync(join(world.folder, '.sallyport'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'));
  const secrets = [notes, bound, short].flatMap(({ issued, refreshes }) => [...issued, ...refreshes]);
  assert.ok(secrets.length > 10 && kept.some((text) => text.includes('connection.make')));
  for (const secret of secrets)
    assert.ok(!said.includes(secret) && !kept.some((text) => text.includes(secret)), secret);
  const ended = await ada.client.call('connections.end', { params: { holder: 'me', upstream: 'notes' } });
  assert.equal(ended.kind, 'ok', JSON.stringify(ended));
  assert.equal((await call(hers, 'notes')).code, 'connection_missing');
  assert.match((await call(his, 'notes')).said, /bob@notes/);
  const people = await ada.client.call('people.list', {});
  const left = people.kind === 'ok' ? people.value.people.find(({ name }) => name === 'bob') : undefined;
  const removed = await ada.client.call('people.remove', { params: { person: left!.id } });
  assert.equal(removed.kind, 'ok', JSON.stringify(removed));
  let of_bob = true;
  for (const until = Date.now() + 60_000; of_bob && Date.now() < until; ) {
    const now = await ada.client.call('vault.list', {});
    of_bob = now.kind !== 'ok' || now.value.entries.some(({ users }) => users.includes(left!.id));
    if (of_bob) await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert.ok(!of_bob, 'what was given to somebody who left is kept no more');
  const again = await ada.client.call('connections.end', { params: { holder: 'me', upstream: 'notes' } });
  assert.equal(again.kind === 'failure' && again.problem.code, 'not_found');
});
