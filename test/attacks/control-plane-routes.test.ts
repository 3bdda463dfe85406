import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Operation, ROUTES, type Route } from '../../src/api/contract/index.ts';
import { ROLES, type Role } from '../../src/core/person.ts';
import { isRefusal } from '../../src/core/refusal.ts';
import { type Browser, type ControlPlane, openControlPlane, type Sent } from '../support/control-plane.ts';

/**
 * Nothing on the people's port answers without a session (DESIGN 10.5, acceptance 1): every line of the contract is tried
 * anonymously, with an agent's credential, with every role that it does not name, and from another origin. A new route is
 * in this test as soon as it is in the table.
 */
const routes = Object.entries(ROUTES) as [Operation, Route][];
const guarded = routes.filter(([, route]) => route.roles !== 'anyone');

const PARAMS: Record<string, string> = {
  receipt: 'rcp_0000000000000000000000000a',
  agent: 'triage',
  token: 'tok_0000000000000000000000000a',
  run: 'run_0000000000000000000000000a',
  stop: 'stp_0000000000000000000000000a',
  person: 'usr_0000000000000000000000000a',
};

function requestOf(route: Route): Sent {
  const path = route.path.replaceAll(/:([a-z_]+)/g, (_, name: string) => PARAMS[name]!);
  return { method: route.method, path, ...(route.method === 'POST' ? { body: {} } : {}) };
}

let plane: ControlPlane;
let admin: Browser;
let bearer: string;

before(async () => {
  plane = await openControlPlane();
  admin = await plane.person(['admin', 'approver'], { present: true });
  await plane.identity.agents.add({ id: 'triage', owner: 'ops', jobs: ['triage-issues'] }, 'local');
  const issued = await plane.identity.tokens.issue(
    { agent: 'triage', job: 'triage-issues', expires_at: plane.clock.now() + 3_600_000 },
    'local',
  );
  assert.ok(!isRefusal(issued));
  bearer = issued.secret.reveal();
});
after(() => plane.close());

/** Refused with this code, and without a word more than that. */
async function refused(sent: Sent, status: number, code: string): Promise<void> {
  const answer = await plane.send(sent);
  assert.equal(answer.status, status, `${sent.method} ${sent.path}: ${answer.text}`);
  const problem = answer.json();
  assert.equal(problem['code'], code, `${sent.method} ${sent.path}`);
  assert.equal(answer.headers['access-control-allow-origin'], undefined);
  assert.equal(answer.headers['cache-control'], 'no-store');
}

/** Nothing but what is listed here was written to the log meanwhile. */
async function changesDuring(work: () => Promise<void>): Promise<string[]> {
  await plane.ledger.drain();
  const from = plane.ledger.status().size - 1;
  await work();
  await plane.ledger.drain();
  const { receipts } = await plane.ledger.feed(from, 10_000);
  return receipts.flatMap(({ receipt }) => (receipt.kind === 'control' ? [receipt.event] : []));
}

describe('every route of the control plane', () => {
  test('refuses a stranger, and says nothing else', async () => {
    const changes = await changesDuring(async () => {
      for (const [, route] of guarded) {
        const sent = requestOf(route);
        await refused({ ...sent, headers: { 'sallyport-client': 'x' } }, 401, 'sign_in_required');
        const answer = await plane.send({ ...sent, headers: { 'sallyport-client': 'x' } });
        assert.equal(answer.json()['detail'], undefined, 'the reason is for people who are known');
      }
    });
    assert.deepEqual(changes, []);
  });

  test("refuses an agent's credential, however it is presented", async () => {
    const changes = await changesDuring(async () => {
      for (const [, route] of guarded) {
        for (const headers of [
          { authorization: `Bearer ${bearer}` },
          { authorization: `DPoP ${bearer}` },
          { cookie: `sallyport-${plane.api.port}=${bearer}` },
          { cookie: `__Host-sallyport=${bearer}` },
        ]) {
          await refused(
            { ...requestOf(route), headers: { 'sallyport-client': 'x', ...headers } },
            401,
            'sign_in_required',
          );
        }
      }
    });
    assert.deepEqual(changes, []);
  });

  test('refuses every role that it does not name', async () => {
    const people = new Map<Role, Browser>();
    for (const role of ROLES) people.set(role, await plane.person([role], { present: true }));
    let tried = 0;
    const changes = await changesDuring(async () => {
      for (const [, route] of guarded) {
        for (const role of ROLES.filter((each) => !(route.roles as readonly Role[]).includes(each))) {
          await refused({ ...requestOf(route), headers: people.get(role)!.headers }, 403, 'role_missing');
          tried += 1;
        }
      }
    });
    assert.ok(tried > 20);
    assert.deepEqual(changes, []);
  });

  test('refuses a signed-in browser that a page of another origin made send it', async () => {
    const foreign: Record<string, string>[] = [
      { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: 'http://127.0.0.1:8700' },
      { origin: plane.url, 'sec-fetch-site': 'same-site' },
      { origin: plane.url, 'sec-fetch-site': 'cross-site' },
      { origin: plane.url.replace('http:', 'https:') },
      { origin: `${plane.url}.evil.example` },
    ];
    const changes = await changesDuring(async () => {
      for (const [, route] of routes) {
        for (const headers of foreign) {
          await refused({ ...requestOf(route), headers: { ...admin.headers, ...headers } }, 403, 'origin_not_allowed');
        }
      }
    });
    assert.deepEqual(changes, []);
  });

  test('answers no preflight, so no page can send what it asks for', async () => {
    for (const [, route] of routes) {
      const { path } = requestOf(route);
      const headers = { origin: 'https://evil.example', 'access-control-request-method': route.method };
      const answer = await plane.send({ method: 'OPTIONS', path, headers });
      assert.equal(answer.status, 403);
      assert.equal(answer.headers['access-control-allow-methods'], undefined);
      assert.equal(answer.headers['access-control-allow-origin'], undefined);
    }
  });

  test('refuses what a form, a link or an image can send', async () => {
    const { 'sallyport-client': _, origin: __, 'sec-fetch-site': ___, ...cookie } = admin.headers;
    const changes = await changesDuring(async () => {
      for (const [, route] of routes) {
        if (route.method === 'GET' && !route.payload) continue;
        await refused({ ...requestOf(route), headers: cookie }, 403, 'request_forged');
      }
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
        const sent = { method: 'POST', path: '/api/stops', body: '{"kind":"all","reason":"x"}' };
        await refused({ ...sent, headers: { ...admin.headers, 'content-type': type } }, 403, 'request_forged');
      }
    });
    assert.deepEqual(changes, []);
  });

  test('refuses another name than its own: DNS rebinding makes every page same-origin', async () => {
    for (const host of [
      'evil.example',
      `evil.example:${plane.api.port}`,
      '127.0.0.1',
      '127.0.0.1:1',
      `127.0.0.1.evil.example:${plane.api.port}`,
    ]) {
      for (const path of ['/api/status', '/', '/live']) {
        const answer = await plane.send({ path, headers: { ...admin.headers, host } });
        assert.ok(answer.status === 403 || answer.status === 400, `${host} ${path}: ${answer.status}`);
      }
    }
  });

  test('is not found by another spelling of its address', async () => {
    const spellings = [
      '/%61pi/status',
      '/api%2fstatus',
      '/API/status',
      '//api/status',
      '/./api/status',
      '/x/../api/status',
      '/api/status/',
      '/api//status',
      '/api/status;x',
      '/api\\status',
      '/api/status%00',
    ];
    for (const path of spellings) {
      const answer = await plane.send({ path });
      assert.ok([400, 401, 404].includes(answer.status), `${path}: ${answer.status} ${answer.text.slice(0, 80)}`);
      assert.doesNotMatch(answer.text, /enforcing/);
    }
  });

  test('refuses what needs presence from a person without a fresh code, and from the control socket', async () => {
    const absent = await plane.person(['admin', 'approver']);
    const changes = await changesDuring(async () => {
      for (const [, route] of guarded.filter(([, each]) => each.presence)) {
        await refused({ ...requestOf(route), headers: absent.headers }, 403, 'presence_required');
        const local = { ...requestOf(route), local: true, headers: { 'sallyport-client': 'cli' } };
        await refused(local, 403, 'presence_required');
      }
    });
    assert.deepEqual(changes, []);
  });

  test('refuses what the contract does not name: query, body, method, path', async () => {
    for (const [, route] of guarded) {
      if (route.answers === 'events') continue;
      const sent = requestOf(route);
      const answer = await plane.send({ ...sent, path: `${sent.path}?surprise=1`, headers: admin.headers });
      assert.equal(answer.status, 400, `${route.method} ${route.path}: ${answer.text}`);
      assert.equal(answer.json()['code'], 'input_invalid');
    }
    for (const [method, path] of [
      ['PUT', '/api/status'],
      ['PATCH', '/api/me'],
      ['HEAD', '/api/status'],
      ['GET', '/api/nothing'],
      ['GET', '/api'],
      ['POST', '/live'],
    ] as const) {
      const answer = await plane.send({
        method,
        path,
        headers: admin.headers,
        ...(method === 'POST' ? { body: {} } : {}),
      });
      assert.equal(answer.status, 404, `${method} ${path}`);
    }
  });

  test('changes nothing by GET but the record of who read', async () => {
    const state = async () =>
      JSON.stringify([
        plane.identity.agents.list(),
        plane.identity.stops.list(),
        await plane.identity.tokens.list(),
        (await plane.identity.people.list()).length,
        plane.policy.sets.status().active,
      ]);
    const earlier = await state();
    const changes = await changesDuring(async () => {
      for (const [, route] of routes.filter(([, each]) => each.method === 'GET')) {
        await plane.send({ ...requestOf(route), headers: admin.headers, until: (text) => text.includes(': open') });
      }
    });
    assert.equal(await state(), earlier);
    assert.deepEqual(new Set(changes), new Set(['payload.read']));
  });

  test('lets in the person whom it names, and no bug was met on the way', async () => {
    for (const path of [
      '/api/me',
      '/api/status',
      '/api/agents',
      '/api/tokens',
      '/api/runs',
      '/api/stops',
      '/api/policy',
      '/api/people',
      '/api/exchanges',
      '/api/openapi.json',
      '/api/log/checkpoint',
    ]) {
      const answer = await plane.send({ path, headers: admin.headers });
      assert.equal(answer.status, 200, `${path}: ${answer.text}`);
    }
    assert.deepEqual(plane.problems, []);
  });
});

describe('the two doors that make a session', () => {
  test('open to nobody without a secret, and tell nothing of who exists', async () => {
    const headers = { 'sallyport-client': 'x' };
    const wrong = await plane.send({
      method: 'POST',
      path: '/api/sign-in',
      headers,
      body: { name: admin.name, password: 'wrong wrong wrong' },
    });
    const nobody = await plane.send({
      method: 'POST',
      path: '/api/sign-in',
      headers,
      body: { name: 'nobody', password: 'wrong wrong wrong' },
    });
    assert.equal(wrong.status, 401);
    assert.equal(wrong.text, nobody.text);
    const body = { secret: 'AAAA', name: 'mallory', password: 'long enough to be taken' };
    await refused({ method: 'POST', path: '/api/setup', headers, body }, 401, 'setup_link_invalid');
    await refused({ method: 'POST', path: '/api/sign-in', headers, body: 'not json' }, 400, 'request_malformed');
    await refused(
      { method: 'POST', path: '/api/sign-in', headers, body: '{"name":"a","name":"b","password":"c"}' },
      400,
      'request_malformed',
    );
    await refused(
      { method: 'POST', path: '/api/sign-in', headers, body: { name: 'a'.repeat(100_000), password: '' } },
      413,
      'request_too_large',
    );
  });
});
