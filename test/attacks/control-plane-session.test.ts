import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { after, before, test } from 'node:test';
import { sessionCookie } from '../../src/api/server/cookie.ts';
import { Secret } from '../../src/core/secret.ts';
import { type ControlPlane, openControlPlane } from '../support/control-plane.ts';

/** A session is a cookie that scripts cannot read, other sites cannot send, and that ends when it is ended. */
let plane: ControlPlane;
before(async () => {
  plane = await openControlPlane();
});
after(() => plane.close());

const client = { 'sallyport-client': 'test' };

test('the cookie is out of reach of scripts and of other sites', async () => {
  const person = await plane.person(['viewer']);
  const answer = await plane.send({
    method: 'POST',
    path: '/api/sign-in',
    headers: client,
    body: { name: person.name, password: person.password },
  });
  assert.equal(answer.status, 200);
  const [cookie] = answer.headers['set-cookie']!;
  assert.match(cookie!, /^sallyport-\d+=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=\d+$/);
  assert.doesNotMatch(answer.text, new RegExp(cookie!.split(/[=;]/)[1]!));
});

test('over https it also cannot be set by another host or path', () => {
  const cookie = sessionCookie({ secure: true, port: 443 });
  const session = {
    person: { id: 'usr_x', name: 'x', roles: [] },
    authenticator: false,
    passkeys: 0,
    company: false,
    present_until: null,
    signed_in_at: 0,
    expires_at: 60_000,
  };
  assert.equal(
    cookie.set({ cookie: new Secret('abc'), session }, 0),
    '__Host-sallyport=abc; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=60',
  );
});

test('two cookies of the name: one was planted, so neither counts', async () => {
  const person = await plane.person(['viewer']);
  const name = person.cookie.split('=')[0]!;
  for (const cookie of [
    `${person.cookie}; ${name}=planted`,
    `${name}=planted; ${person.cookie}`,
    `${name}=`,
    `${name}="${person.cookie.split('=')[1]}"`,
  ]) {
    assert.equal((await plane.send({ path: '/api/me', headers: { ...person.headers, cookie } })).status, 401);
  }
});

test('signing out ends the session, and not only in that browser', async () => {
  const person = await plane.person(['viewer']);
  assert.equal((await plane.send({ path: '/api/me', headers: person.headers })).status, 200);
  const out = await plane.send({ method: 'POST', path: '/api/sign-out', headers: person.headers, body: {} });
  assert.match(out.headers['set-cookie']![0]!, /=; .*Max-Age=0$/);
  assert.equal((await plane.send({ path: '/api/me', headers: person.headers })).status, 401);
});

test('a set-up link works once', async () => {
  const admin = await plane.person(['admin', 'approver'], { present: true });
  const made = await plane.send({
    method: 'POST',
    path: '/api/people',
    headers: admin.headers,
    body: { roles: ['viewer'] },
  });
  assert.equal(made.status, 200, made.text);
  const link = new URL(String(made.json()['link']));
  assert.equal(link.pathname, '/setup');
  const body = { secret: link.hash.slice(1), name: 'second', password: 'correct horse battery' };
  assert.equal((await plane.send({ method: 'POST', path: '/api/setup', headers: client, body })).status, 200);
  const again = await plane.send({
    method: 'POST',
    path: '/api/setup',
    headers: client,
    body: { ...body, name: 'third' },
  });
  assert.equal(again.json()['code'], 'setup_link_invalid');
});

test('once there is an account, the control socket cannot make another', async () => {
  const answer = await plane.send({ method: 'POST', path: '/api/setup/link', local: true, headers: client, body: {} });
  assert.equal(answer.status, 409);
});

test('the socket and its folder are for one user', () => {
  const path = plane.api.socket_path!;
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(dirname(path)).mode & 0o777, 0o700);
});

test('whoever has the socket is the local operator, and no more', async () => {
  const me = await plane.send({ path: '/api/me', local: true });
  assert.equal(me.json()['by'], 'local');
  assert.equal(me.json()['present_until'], null);
  const stopped = await plane.send({
    method: 'POST',
    path: '/api/stops',
    local: true,
    headers: client,
    body: { kind: 'agent', id: 'x', reason: 'test' },
  });
  assert.equal(stopped.status, 200, stopped.text);
  const lifted = await plane.send({
    method: 'DELETE',
    path: `/api/stops/${stopped.json()['stop']}`,
    local: true,
    headers: client,
  });
  assert.equal(lifted.json()['code'], 'presence_required');
});

test('presence is a fresh code: each counts once, and not for long', async () => {
  const person = await plane.person(['admin'], { present: true });
  const { stop } = (
    await plane.send({
      method: 'POST',
      path: '/api/stops',
      headers: person.headers,
      body: { kind: 'agent', id: 'y', reason: 'test' },
    })
  ).json();
  plane.clock.forward(10 * 60_000);
  const lift = { method: 'DELETE', path: `/api/stops/${stop}`, headers: person.headers };
  assert.equal((await plane.send(lift)).json()['code'], 'presence_required');
  const code = person.code();
  const present = { method: 'POST', path: '/api/me/presence', headers: person.headers, body: { code } };
  assert.equal((await plane.send({ ...present, body: { code: '000000' } })).json()['code'], 'presence_failed');
  assert.equal((await plane.send(present)).status, 200);
  assert.equal((await plane.send(present)).json()['code'], 'presence_failed');
  assert.equal((await plane.send(lift)).status, 200);
});

test('a person who lost the role is out with the next request', async () => {
  const admin = await plane.person(['admin', 'approver'], { present: true });
  const person = await plane.person(['admin']);
  const { people } = (await plane.send({ path: '/api/people', headers: admin.headers })).json() as {
    people: { id: string; name: string }[];
  };
  const { id } = people.find(({ name }) => name === person.name)!;
  const change = {
    method: 'POST',
    path: `/api/people/${id}/roles`,
    headers: admin.headers,
    body: { roles: ['viewer'] },
  };
  assert.equal((await plane.send(change)).status, 200);
  assert.equal((await plane.send({ path: '/api/stops', headers: person.headers })).status, 401);
});

test('pages carry a policy that lets nothing in but their own files', async () => {
  const answer = await plane.send({ path: '/live' });
  const policy = String(answer.headers['content-security-policy']);
  for (const rule of [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
  ]) {
    assert.ok(policy.includes(rule), rule);
  }
  assert.doesNotMatch(policy, /unsafe|\*|https?:/);
  assert.equal(answer.headers['x-content-type-options'], 'nosniff');
  assert.equal(answer.headers['x-frame-options'], 'DENY');
});
