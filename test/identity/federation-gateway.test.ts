import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { run } from '../cli/support.ts';
import { AgentClient } from '../support/agent-client.ts';
import { makeAgentKey } from '../support/identity.ts';
import { type Issuer, openIssuer } from '../support/issuer.ts';
import { openSecondServer, type SecondServer } from '../support/second-server.ts';
import { openWorld, type World } from '../support/world.ts';

/** The whole gateway, from its file: workloads of other issuers call a tool, and nobody registered a key for them. */
const key = makeAgentKey();
let world: World;
let platform: Issuer;
let company: SecondServer;

before(async () => {
  platform = await openIssuer();
  company = await openSecondServer();
  world = await openWorld({
    extra: `identity:
  issuers:
    - issuer: ${platform.issuer}
      rules: [{ claims: { repository: acme/site }, agent: triage, job: support }]
    - issuer: ${company.issuer}
      rules: [{ claims: { client_id: desk }, agent: triage, job: support }]
`,
  });
  platform.audience = world.public_url;
});
after(async () => {
  await world?.stop();
  platform.close();
  company.close();
});

const proves = (): AgentClient => new AgentClient({ issuer: world.public_url, agent: 'triage', key });

test('a pipeline’s JWT buys a token at the address that the metadata names, and the token calls a tool', async () => {
  const metadata = await fetch(`${world.running.agents_url}/.well-known/oauth-authorization-server`);
  const { grant_types_supported } = (await metadata.json()) as { grant_types_supported: string[] };
  const grant_type = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
  assert.ok(grant_types_supported.includes(grant_type));
  const client = proves();
  const url = `${world.running.agents_url}/oauth/token`;
  const answer = await fetch(url, {
    method: 'POST',
    headers: { dpop: client.key.proof('POST', `${world.public_url}/oauth/token`) },
    body: new URLSearchParams({ grant_type, assertion: platform.token() }),
  });
  const token = (await answer.json()) as { access_token: string; token_type: string };
  assert.equal(token.token_type, 'DPoP', JSON.stringify(token));
  client.use(token.access_token);
  assert.equal((await world.call(client, 'append', { line: 'ok from a pipeline' })).status, 200);
  assert.ok(world.journal().some((line) => line.includes('ok from a pipeline')));
  const denied = await world.call(client, 'append', { line: 'not what policy permits' });
  assert.ok(denied.body.error !== undefined || denied.body.result?.isError === true);
});

test('an access token of a real authorization server, bound to a key, calls a tool as it is', async () => {
  const client = proves();
  client.use(await company.token(client, `${world.public_url}/mcp`));
  assert.equal((await world.call(client, 'append', { line: 'ok from the company' })).status, 200);
  assert.ok(world.journal().some((line) => line.includes('ok from the company')));
});

test('of the same server, for elsewhere or of another client, calls nothing', async () => {
  const client = proves();
  client.use(await company.token(client, 'https://elsewhere.example/mcp'));
  assert.equal((await world.call(client, 'append', { line: 'ok no' })).status, 401);
  client.use(await company.token(client, `${world.public_url}/mcp`, 'other'));
  assert.equal((await world.call(client, 'append', { line: 'ok no' })).status, 403);
  assert.ok(!world.journal().some((line) => line.includes('ok no')));
});

test('who is asked what could act as an agent is told of both, and of nobody else', async () => {
  const shown = await run(['agent', 'show', 'triage', '--json'], { folder: world.folder });
  assert.equal(shown.code, 0, shown.err);
  const { agent, workloads } = JSON.parse(shown.out) as { agent: { id: string }; workloads: unknown[] };
  assert.equal(agent.id, 'triage');
  assert.deepEqual(workloads, [
    { kind: 'token', from: platform.issuer, when: ['repository is acme/site'], job: 'support' },
    { kind: 'token', from: company.issuer, when: ['client_id is desk'], job: 'support' },
  ]);
  const text = await run(['agent', 'show', 'triage'], { folder: world.folder });
  assert.match(text.out, /workload +a token of .*: repository is acme\/site, job support/);
  await world.register('idle');
  const idle = await run(['agent', 'show', 'idle', '--json'], { folder: world.folder });
  assert.deepEqual((JSON.parse(idle.out) as { workloads: unknown[] }).workloads, []);
  const nobody = await run(['agent', 'show', 'nobody'], { folder: world.folder });
  assert.equal(nobody.code, 1);
  assert.match(nobody.err, /nobody/);
});
