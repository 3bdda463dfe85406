import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { compactVerify, decodeJwt, decodeProtectedHeader, importJWK } from 'jose';
import type { AgentClient } from '../support/agent-client.ts';
import { type Echo, startEcho } from '../support/echo-server.ts';
import { type Operator, openOperator } from '../support/person.ts';
import { SERVICE_SECRET, TokenService } from '../support/token-services.ts';
import { freePort, openWorld, type World } from '../support/world.ts';

/**
 * A server behind the gateway is shown a token of its own, from an authorization server that is not ours, and never the
 * agent's. The server's journal of what it was shown is the witness.
 */
const LIMIT = { timeout: 60_000 };
const POLICY = `@id("all") @reason("These tests are about what servers are shown.")
permit (principal, action == Action::"tool.call", resource);`;

let echo: Awaited<ReturnType<typeof startEcho>>;
let service: TokenService;
let idp: TokenService;
let world: World;
let ada: Operator;
let mine: AgentClient;
let hers: AgentClient;
const shown: string[] = [];
const folder = mkdtempSync(join(tmpdir(), 'sallyport-word-'));
const word = join(folder, 'word.jwt');

before(async () => {
  process.env['SERVICE_SECRET'] = SERVICE_SECRET;
  echo = await startEcho();
  const port = await freePort();
  const gateway = `http://127.0.0.1:${port}`;
  service = await new TokenService().start(gateway);
  idp = await new TokenService().start(gateway);
  service.idp = idp;
  process.env['OWN_KEY'] = String(service.own.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  process.env['OTHER_KEY'] = String(idp.own.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const at = (source: object) => `{ url: "${echo.url}", credential: ${JSON.stringify(source)} }`;
  const { client_secret: _secret, ...keyed } = service.client;
  world = await openWorld({
    policies: POLICY,
    agentsPort: port,
    upstreams: `  own: ${at({ client_credentials: service.client })}
  keyed: ${at({ client_credentials: { ...keyed, client_id: 'sallyport-key' } })}
  exchanged: ${at({ exchange: { ...service.client, audience: 'echo' } })}
  jag: ${at({ id_jag: { ...service.client, idp: idp.client } })}
  own-key: ${at({ client_credentials: { ...keyed, client_id: 'sallyport-own', client_key: 'env:OWN_KEY' } })}
  other-key: ${at({ client_credentials: { ...keyed, client_id: 'sallyport-own', client_key: 'env:OTHER_KEY' } })}
  bound: ${at({ client_credentials: { ...service.client, dpop: true } })}
  unbound: ${at({ exchange: { ...service.client, audience: 'echo', dpop: true } })}
  platform: ${at({ workload: { ...service.client, assertion: word } })}
  wrong: ${at({ client_credentials: { ...service.client, client_id: 'nobody' } })}
`,
  });
  ada = await openOperator(world);
  mine = world.triage;
  hers = await world.register('helper', ['support'], { users: ['ada'] });
  hers.use(((await (await hers.ask({ user: 'ada' })).json()) as { access_token: string }).access_token);
});
after(async () => {
  await world?.stop();
  service?.close();
  idp?.close();
  await echo?.close();
  rmSync(folder, { recursive: true });
});

async function call(agent: AgentClient, server: string, args: { how?: Echo; status?: number } = {}) {
  const seen = echo.seen.length;
  const { body, text } = await world.call(agent, 'echo', args, { server });
  const [headers] = echo.seen.slice(seen);
  const authorization = headers?.authorization;
  if (headers !== undefined) shown.push(JSON.stringify(headers));
  return { code: body.error?.data?.['code'], text, authorization, token: authorization?.replace(/^\w+ /, '') ?? '' };
}

test('the gateway’s own client: by secret, and by key', LIMIT, async () => {
  for (const server of ['own', 'keyed']) {
    const first = await call(mine, server);
    assert.match(first.authorization ?? '', /^Bearer \S{20,}$/, first.text);
    assert.equal((await call(hers, server)).authorization, first.authorization, 'one client, one token');
  }
  assert.equal((await call(mine, 'wrong')).code, 'upstream_credential_refused');
});

test('a key that was registered for this client, and no other', LIMIT, async () => {
  assert.match((await call(mine, 'own-key')).authorization ?? '', /^Bearer \S{20,}$/);
  assert.equal((await call(mine, 'other-key')).code, 'upstream_credential_refused');
});

test(
  'tokens that are bound to a key: a fresh proof beside each call, and never a bearer in their place',
  LIMIT,
  async () => {
    const proofs: string[] = [];
    for (const _ of [1, 2]) {
      const { authorization, token, text } = await call(mine, 'bound');
      assert.match(authorization ?? '', /^DPoP \S{20,}$/, text);
      const proof = String(echo.seen.at(-1)?.['dpop']);
      const { htm, htu, ath, jti } = decodeJwt(proof);
      assert.deepEqual([htm, htu, ath], ['POST', echo.url, hash('sha256', token, 'base64url')]);
      const { jwk } = decodeProtectedHeader(proof);
      await compactVerify(proof, await importJWK(jwk!, 'ES256'));
      assert.ok(!('d' in jwk!) && !proofs.includes(jti!));
      proofs.push(jti!);
    }
    const seen = echo.seen.length;
    assert.equal((await call(mine, 'unbound')).code, 'upstream_credential_refused', 'the service gives a bearer');
    assert.equal(echo.seen.length, seen, 'and it is not shown');
  },
);

test('what the platform says of the gateway is read anew, and is nothing where there is none', LIMIT, async () => {
  assert.equal((await call(mine, 'platform')).code, 'upstream_credential_missing');
  writeFileSync(word, 'two words');
  assert.equal((await call(mine, 'platform')).code, 'upstream_credential_missing');
  writeFileSync(word, await idp.word(service.url, 'another'));
  assert.equal((await call(mine, 'platform')).code, 'upstream_credential_refused', 'for another client');
  writeFileSync(word, await idp.word(service.url, 'sallyport'));
  assert.match((await call(mine, 'platform')).authorization ?? '', /^Bearer \S{20,}$/);
});

test(
  'token exchange: a token for each agent, with the subject and who acts, and nobody’s bytes but ours',
  LIMIT,
  async () => {
    const { token } = await call(mine, 'exchanged');
    const issued = service.issued.get(token);
    assert.deepEqual([issued?.sub, issued?.act, issued?.form['audience']], ['triage', undefined, 'echo']);
    assert.equal((await call(mine, 'exchanged')).token, token, 'kept until it nearly ends');
    const other = await world.register('other');
    assert.notEqual((await call(other, 'exchanged')).token, token);
    for (const { form } of service.issued.values()) {
      assert.ok(!JSON.stringify(form).includes(mine.token) && !JSON.stringify(form).includes(hers.token));
    }
  },
);

test('in a user’s name only once they consented, and not after they took it back', LIMIT, async () => {
  const before_consent = await call(hers, 'exchanged');
  assert.equal(before_consent.code, 'consent_missing');
  assert.match(before_consent.text, /sallyport consent exchanged/);
  assert.equal((await world.local.call('consents.give', { body: { upstream: 'exchanged' } })).kind, 'failure');
  assert.equal((await ada.client.call('consents.give', { body: { upstream: 'own' } })).kind, 'failure');
  assert.equal((await ada.client.call('consents.give', { body: { upstream: 'exchanged' } })).kind, 'ok');
  const { token, text } = await call(hers, 'exchanged');
  const { sub, act } = service.issued.get(token) ?? {};
  assert.match(sub ?? text, /^usr_/);
  assert.deepEqual(act, { sub: 'helper' });
  // Consent at one server is none at another, though the client is the same.
  assert.equal((await call(hers, 'jag')).code, 'consent_missing');
  const listed = await ada.client.call('consents.list', {});
  assert.deepEqual(listed.kind === 'ok' && listed.value.consents.map(({ upstream }) => upstream), ['exchanged']);
  await ada.client.call('consents.withdraw', { params: { upstream: 'exchanged' } });
  assert.equal((await call(hers, 'exchanged')).code, 'consent_missing');
});

test('ID-JAG: from the identity provider, then at the server’s authorization server', LIMIT, async () => {
  assert.equal((await ada.client.call('consents.give', { body: { upstream: 'jag' } })).kind, 'ok');
  const { token, text } = await call(hers, 'jag');
  const issued = service.issued.get(token);
  assert.ok(issued, text);
  assert.match(issued.sub, /^usr_/);
  assert.equal(issued.grant, 'id_jag');
});

test('an ID-JAG that is none, or is meant for others, is not passed on', LIMIT, async () => {
  for (const fault of ['typ', 'aud', 'client_id', 'resource'] as const) {
    idp.fault = fault;
    const agent = await world.register(`jag-${fault.replace('_', '-')}`);
    const before_call = service.issued.size;
    assert.equal((await call(agent, 'jag')).code, 'upstream_credential_refused', fault);
    assert.equal(service.issued.size, before_call);
  }
  idp.fault = 'none';
});

test(
  'a token that the server does not accept is not shown again, and one that ends is renewed before',
  LIMIT,
  async () => {
    const agent = await world.register('renewing');
    const { token } = await call(agent, 'exchanged');
    await call(agent, 'exchanged', { status: 401 });
    const next = await call(agent, 'exchanged');
    assert.notEqual(next.token, token);
    service.seconds = 1;
    const short = await world.register('short');
    const first = await call(short, 'exchanged');
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    assert.notEqual((await call(short, 'exchanged')).token, first.token);
    service.seconds = 600;
  },
);

test('what a server says back is not its token', LIMIT, async () => {
  const said = await call(mine, 'exchanged', { how: 'text' });
  assert.ok(said.token.length > 20 && !said.text.includes(said.token));
});

test('no server was ever shown a token of an agent’s', () => {
  assert.ok(shown.length >= 10);
  for (const agent of [mine, hers]) {
    for (const headers of shown)
      assert.ok(!headers.includes(agent.token) && !headers.includes(`Bearer ${agent.token}`));
  }
});
