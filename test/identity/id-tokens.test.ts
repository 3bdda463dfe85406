import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { AgentClient } from '../support/agent-client.ts';
import { type CompanyProvider, openCompany } from '../support/company.ts';
import { startEcho } from '../support/echo-server.ts';
import { type Operator, openOperator } from '../support/person.ts';
import { SERVICE_SECRET, TokenService } from '../support/token-services.ts';
import { freePort, openWorld, type World } from '../support/world.ts';

/**
 * Tokens of servers by what the company's identity provider says of a user: an ID token of theirs for an ID-JAG, and that for a
 * token of the server's. Kept while it lasts, of whoever signed in or brought one, and used in nobody else's name.
 */
const LIMIT = { timeout: 60_000 };
const POLICY = `@id("all") @reason("These tests are about what servers are shown.")
permit (principal, action == Action::"tool.call", resource);`;

let echo: Awaited<ReturnType<typeof startEcho>>;
let service: TokenService;
let idp: TokenService;
let office: TokenService;
let company: CompanyProvider;
let world: World;
let ada: Operator;
let hers: AgentClient;

before(async () => {
  process.env['SERVICE_SECRET'] = SERVICE_SECRET;
  echo = await startEcho();
  const port = await freePort();
  const gateway = `http://127.0.0.1:${port}`;
  company = await openCompany({
    redirect_uris: () => [`${world.running.console_url}/signed-in`],
    secret: SERVICE_SECRET,
  });
  idp = await new TokenService().start(gateway);
  service = await new TokenService().start(gateway);
  service.idp = idp;
  office = await new TokenService().start(gateway);
  office.people = company.issuer;
  const second = await new TokenService().start(gateway);
  second.idp = office;
  const jag = (at: TokenService, by: object) =>
    `{ url: "${echo.url}", credential: ${JSON.stringify({ id_jag: { ...at.client, idp: by, subject: 'id_token' } })} }`;
  const oidc = {
    name: 'Acme',
    issuer: company.issuer,
    client_id: 'sallyport',
    client_secret: 'env:SERVICE_SECRET',
    scopes: ['openid', 'email'],
    name_claim: 'email',
    groups_claim: 'groups',
    roles: { 'gateway-admins': ['admin'] },
  };
  world = await openWorld({
    policies: POLICY,
    agentsPort: port,
    upstreams: `  brought: ${jag(service, idp.client)}
  signed: ${jag(second, { ...office.client, issuer: company.issuer })}
  word: { url: "${echo.url}", credential: ${JSON.stringify({ exchange: service.client })} }
`,
    extra: `people: ${JSON.stringify({ oidc })}\n`,
  });
  closing.push(() => second.close());
  ada = await openOperator(world);
  hers = await actingFor('hers', 'ada');
});
const closing: (() => void)[] = [];
after(async () => {
  await world?.stop();
  for (const part of [service, idp, office, company]) part?.close();
  for (const close of closing) close();
  await echo?.close();
});

async function actingFor(agent: string, user: string): Promise<AgentClient> {
  const client = await world.register(agent, ['support'], { users: [user] });
  client.use(((await (await client.ask({ user })).json()) as { access_token: string }).access_token);
  return client;
}

async function call(agent: AgentClient, server: string) {
  const { body, text } = await world.call(agent, 'echo', {}, { server });
  return { code: body.error?.data?.['code'], text, token: tokenIn(echo.seen.at(-1)?.authorization) };
}

const tokenIn = (authorization = ''): string => authorization.replace(/^\w+ /, '');

async function give(upstream: string, id_token?: string): Promise<string> {
  const given = await ada.client.call('consents.give', { body: { upstream, ...(id_token ? { id_token } : {}) } });
  return given.kind === 'ok' ? 'ok' : given.problem.code;
}

test('an ID token that is another’s, for another, over, or none is not kept', LIMIT, async () => {
  const wrong = [
    'text',
    'a.b.c',
    await idp.idToken('ada', { aud: 'another' }),
    await idp.idToken('ada', { iss: 'https://evil.example' }),
    await idp.idToken('ada', { seconds: -10 }),
  ];
  for (const token of wrong) assert.equal(await give('brought', token), 'input_invalid', token);
  assert.equal(await give('word', await idp.idToken('ada')), 'input_invalid', 'nothing there needs one');
  const local = await world.local.call('consents.give', { body: { upstream: 'brought', id_token: wrong[2]! } });
  assert.equal(local.kind === 'failure' && local.problem.code, 'sign_in_required');
});

test('consent alone is not enough where there is no ID token; with one the server knows the user', LIMIT, async () => {
  assert.equal((await call(hers, 'brought')).code, 'consent_missing');
  assert.equal(await give('brought'), 'ok');
  const without = await call(hers, 'brought');
  assert.equal(without.code, 'consent_missing');
  assert.match(without.text, /--id-token/);
  assert.equal(await give('brought', await idp.idToken('ada-at-acme')), 'ok');
  const { text, token } = await call(hers, 'brought');
  const issued = service.issued.get(token);
  assert.deepEqual([issued?.grant, issued?.sub], ['id_jag', 'ada-at-acme'], text);
  const nobody = await call(world.triage, 'brought');
  assert.equal(nobody.code, 'consent_missing', 'in nobody’s name nobody’s word is used');
});

test('what the provider makes of it is for this user, or is not passed on', LIMIT, async () => {
  for (const fault of ['sub', 'aud', 'client_id', 'typ', 'resource'] as const) {
    idp.fault = fault;
    const agent = await actingFor(`for-${fault.replace('_', '-')}`, 'ada');
    const issued = service.issued.size;
    assert.equal((await call(agent, 'brought')).code, 'upstream_credential_refused', fault);
    assert.equal(service.issued.size, issued);
  }
  idp.fault = 'none';
});

test('a token that the provider did not sign gets nothing from it', LIMIT, async () => {
  assert.equal(await give('brought', await service.idToken('ada-at-acme', { iss: idp.url })), 'ok');
  const agent = await actingFor('forger', 'ada');
  assert.equal((await call(agent, 'brought')).code, 'upstream_credential_refused');
});

test('whoever signs in with the company need bring nothing, and cannot bring another’s', LIMIT, async () => {
  const origin = world.running.console_url;
  const headers: Record<string, string> = {
    origin,
    'sec-fetch-site': 'same-origin',
    'sallyport-client': 'test',
    'content-type': 'application/json',
  };
  const post = async (path: string, body: object) => {
    const answer = await fetch(origin + path, { method: 'POST', headers, body: JSON.stringify(body) });
    const cookies = answer.headers.getSetCookie().map((line) => line.split(';')[0]!);
    return { status: answer.status, cookies, body: (await answer.json()) as Record<string, unknown> };
  };
  const begun = await post('/api/sign-in/company', {});
  const query = await company.visit(String(begun.body['url']));
  headers['cookie'] = begun.cookies.join('; ');
  const done = await post('/api/sign-in/company/return', { query });
  assert.equal(done.status, 200, JSON.stringify(done.body));
  headers['cookie'] = done.cookies.find((line) => /^sallyport-\d/.test(line)) ?? '';
  const name = String(done.body['name']);
  const agent = await actingFor('company', name);
  assert.equal((await call(agent, 'signed')).code, 'consent_missing');
  assert.equal((await post('/api/consents', { upstream: 'signed' })).status, 200);
  const { text, code } = await call(agent, 'signed');
  assert.equal(code, undefined, text);
  const other = await post('/api/consents', { upstream: 'brought', id_token: await idp.idToken('ada-at-acme') });
  assert.equal(other.body['code'], 'input_invalid', 'a person of the company’s is who the company says');
  assert.ok(!JSON.stringify(done.body).includes('eyJ'), 'the browser is not given it');
});
