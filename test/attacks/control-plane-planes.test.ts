import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openWorld, type World } from '../support/world.ts';

/** Data plane and control plane share no address, no route and no credential (DESIGN 8 and 10.5, acceptance 1). */
let world: World;
before(async () => {
  world = await openWorld();
});
after(() => world.stop());

const agents = (path: string, init: RequestInit = {}) =>
  fetch(world.running.agents_url + path, { redirect: 'manual', ...init });

const PUBLIC = [
  '/health',
  '/.well-known/oauth-authorization-server',
  '/.well-known/oauth-protected-resource',
  '/.well-known/oauth-protected-resource/mcp',
  '/oauth/jwks',
];

test('a stranger learns from the agents’ port how to get a token, and nothing more', async () => {
  const answering = [];
  for (const path of PUBLIC) if ((await agents(path)).status === 200) answering.push(path);
  assert.ok(answering.includes('/health') && answering.length >= 3, answering.join(' '));
  for (const path of [
    '/',
    '/mcp',
    '/mcp/journal',
    '/mcp/nothing',
    '/oauth/token',
    '/oauth/introspect',
    '/oauth/revoke',
    '/oauth/authorize',
    '/oauth/reg',
    '/metrics',
    '/v1/models',
    '/health/',
    '/.well-known/',
  ]) {
    for (const method of ['GET', 'POST', 'DELETE', 'PUT', 'OPTIONS']) {
      const answer = await agents(path, { method });
      const text = await answer.text();
      assert.ok(answer.status >= 400, `${method} ${path}: ${answer.status} ${text.slice(0, 100)}`);
      assert.equal(answer.headers.get('set-cookie'), null, `${method} ${path}`);
    }
  }
});

test('the control plane is not on the agents’ port, under whatever credential', async () => {
  const proof = world.triage.headers('GET', `${world.running.agents_url}/api/status`);
  for (const headers of [{}, proof, { 'sallyport-client': 'x' }]) {
    for (const path of ['/api/status', '/api/exchanges', '/api/openapi.json', '/live', '/setup', '/assets/index.js']) {
      assert.equal((await agents(path, { headers })).status, 404, path);
    }
  }
});

test('the data plane is not on the people’s port', async () => {
  for (const path of ['/mcp', '/mcp/journal', '/oauth/token']) {
    const headers = {
      ...world.triage.headers('POST', world.running.console_url + path),
      'content-type': 'application/json',
    };
    const answer = await fetch(world.running.console_url + path, { method: 'POST', headers, body: '{}' });
    assert.ok(answer.status === 404 || answer.status === 401, `${path}: ${answer.status}`);
  }
});

test('an agent’s token and proof open no route for people', async () => {
  for (const path of ['/api/me', '/api/status', '/api/exchanges', '/api/live', '/api/policy']) {
    const url = world.running.console_url + path;
    const headers = { ...world.triage.headers('GET', url), 'sallyport-client': 'x' };
    assert.equal((await fetch(url, { headers })).status, 401, path);
  }
});

test('a person’s session opens nothing for agents', async () => {
  const link = await world.local.call('setup.link', {});
  assert.ok(link.kind === 'ok');
  const made = await fetch(`${world.running.console_url}/api/setup`, {
    method: 'POST',
    headers: { 'sallyport-client': 'x', 'content-type': 'application/json' },
    body: JSON.stringify({
      secret: new URL(link.value.link).hash.slice(1),
      name: 'ada',
      password: 'correct horse battery',
    }),
  });
  assert.equal(made.status, 200);
  const cookie = made.headers.get('set-cookie')!.split(';')[0]!;
  const value = cookie.split('=')[1]!;
  for (const headers of [{ cookie }, { authorization: `Bearer ${value}` }, { authorization: `DPoP ${value}` }]) {
    const answer = await agents('/mcp/journal', {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: '{}',
    });
    assert.equal(answer.status, 401);
  }
});
