import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { CREDENTIAL_CHANGE, type EventOptions, SESSION_REVOKED, SignalPeer } from '../support/signal-peer.ts';
import { openWorld, type World } from '../support/world.ts';

const TIMEOUT = { timeout: 60_000 };

/** Events of another party end what its subject has open here, and it is told of what ends here. */
describe('shared signals', TIMEOUT, () => {
  let peer: SignalPeer;
  let world: World;

  before(async () => {
    peer = await SignalPeer.open();
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-signals-'));
    for (const name of ['push', 'fetch'])
      writeFileSync(join(folder, `${name}.token`), `${name}-secret\n`, { mode: 0o600 });
    const extra = `identity:
  signals:
    receive:
      - issuer: "${peer.url}"
        jwks_uri: "${peer.url}/jwks"
        push_token: "file:push.token"
        poll: { url: "${peer.url}/poll", token: "file:fetch.token", every_seconds: 1 }
    transmit:
      - { stream: pushed, audience: "${peer.url}", push: { url: "${peer.url}/events", token: "file:push.token" } }
      - { stream: fetched, audience: "${peer.url}", poll_token: "file:fetch.token" }
`;
    world = await openWorld({ folder, extra });
  });
  after(async () => {
    await world?.stop();
    peer?.close();
  });

  const agent = (id: string) => ({ format: 'iss_sub', iss: world.public_url, sub: id });

  async function post(path: string, body: string, headers: Record<string, string>): Promise<Response> {
    return fetch(`${world.running.agents_url}${path}`, { method: 'POST', body, headers });
  }

  function push(event: string, headers: Record<string, string> = {}): Promise<Response> {
    const usual = { authorization: 'Bearer push-secret', 'content-type': 'application/secevent+jwt' };
    return post('/ssf/events', event, { ...usual, ...headers });
  }

  async function codeOf(client: Awaited<ReturnType<World['register']>>): Promise<unknown> {
    const { body } = await world.call(client, 'append', { line: 'ok' });
    return body.error?.data?.['code'] ?? body.result?._meta?.['dev.sallyport/code'];
  }

  async function stops(): Promise<readonly { kind: string; id: string | null }[]> {
    const listed = await world.local.call('stops.list', {});
    assert.equal(listed.kind, 'ok', JSON.stringify(listed));
    return listed.value.stops;
  }

  async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
    for (let tries = 0; tries < 100; tries += 1) {
      if (await holds()) return;
      await sleep(100);
    }
    assert.fail('it did not come about within ten seconds');
  }

  describe('received', () => {
    test('a revoked session ends the agent’s runs at once; it may open another', async () => {
      const client = await world.register('signed-out');
      const answer = await push(await peer.event(world.public_url, agent('signed-out'), SESSION_REVOKED));
      assert.equal(answer.status, 202, await answer.text());
      assert.equal(await codeOf(client), 'run_ended');
      await client.renew();
      assert.notEqual(await codeOf(client), 'run_ended');
    });

    test('a revoked credential stops the agent until a person lifts it', async () => {
      const client = await world.register('key-lost');
      const event = await peer.event(world.public_url, agent('key-lost'), CREDENTIAL_CHANGE, { change_type: 'revoke' });
      assert.equal((await push(event)).status, 202);
      assert.equal(await codeOf(client), 'stopped');
      assert.ok((await stops()).some(({ kind, id }) => kind === 'agent' && id === 'key-lost'));
      await assert.rejects(client.renew());
    });

    test('a credential that was replaced stops nobody', async () => {
      await world.register('key-new');
      const event = await peer.event(world.public_url, agent('key-new'), CREDENTIAL_CHANGE, { change_type: 'update' });
      assert.equal((await push(event)).status, 202);
      assert.ok((await stops()).every(({ id }) => id !== 'key-new'));
    });

    test('an event counts once, whoever sends it again', async () => {
      const client = await world.register('again');
      const event = await peer.event(world.public_url, agent('again'), SESSION_REVOKED);
      assert.equal((await push(event)).status, 202);
      await client.renew();
      assert.equal((await push(event)).status, 202);
      assert.notEqual(await codeOf(client), 'run_ended');
    });

    test('events that are fetched count too, and are acknowledged', async () => {
      const client = await world.register('fetched');
      peer.offered.set('set-1', await peer.event(world.public_url, agent('fetched'), SESSION_REVOKED));
      peer.offered.set('set-2', 'garbage');
      await until(() => peer.acknowledged.includes('set-1') && peer.acknowledged.includes('set-2'));
      assert.equal(await codeOf(client), 'run_ended');
    });

    test('somebody who is not known here is no error', async () => {
      const event = await peer.event(world.public_url, { format: 'email', email: 'x@example.com' }, SESSION_REVOKED);
      assert.equal((await push(event)).status, 202);
    });

    const stranger = generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey;
    const now = () => Math.floor(Date.now() / 1000);
    const BAD: readonly [string, string, EventOptions][] = [
      ['another audience', 'invalid_audience', { claims: { aud: 'https://elsewhere.example' } }],
      ['another issuer', 'invalid_issuer', { claims: { iss: 'https://elsewhere.example' } }],
      ['another key', 'invalid_key', { key: stranger }],
      ['an unknown key', 'invalid_key', { header: { kid: 'two' } }],
      ['an access token’s type', 'invalid_request', { header: { typ: 'at+jwt' } }],
      ['a plain JWT', 'invalid_request', { header: { typ: 'JWT' } }],
      ['an older week', 'invalid_request', { claims: { iat: now() - 8 * 86_400 } }],
      ['the future', 'invalid_request', { claims: { iat: now() + 3_600 } }],
      ['an expiry', 'invalid_request', { claims: { exp: now() + 60 } }],
      ['a sub', 'invalid_request', { claims: { sub: 'signed-out' } }],
      ['no jti', 'invalid_request', { claims: { jti: '' } }],
      ['no event', 'invalid_request', { claims: { events: {} } }],
      ['two events', 'invalid_request', { claims: { events: { [SESSION_REVOKED]: {}, [CREDENTIAL_CHANGE]: {} } } }],
      ['a subject of an unknown form', 'invalid_request', { claims: { sub_id: { format: 'did', url: 'did:x' } } }],
    ];
    for (const [what, err, options] of BAD) {
      test(`with ${what} it is refused and has no effect`, async () => {
        const client = await world.register('steady');
        const event = await peer.event(world.public_url, agent('steady'), SESSION_REVOKED, {}, options);
        const answer = await push(event);
        assert.equal(answer.status, 400);
        assert.equal(((await answer.json()) as { err: string }).err, err);
        assert.notEqual(await codeOf(client), 'run_ended');
      });
    }

    test('nobody pushes without the transmitter’s secret, or something else', async () => {
      const event = await peer.event(world.public_url, agent('steady'), SESSION_REVOKED);
      for (const authorization of ['', 'Bearer guess', 'Bearer fetch-secret', 'Basic push-secret']) {
        assert.equal((await push(event, { authorization })).status, 401);
      }
      assert.equal((await push(event, { 'content-type': 'application/json' })).status, 400);
      assert.equal((await push('x'.repeat(20_000))).status, 400);
      assert.equal((await push('{"a":1}')).status, 400);
    });
  });

  describe('told', () => {
    const keys = () => createRemoteJWKSet(new URL(`${world.running.agents_url}/ssf/jwks`));
    const verified = async (token: string) =>
      (await jwtVerify(token, keys(), { issuer: world.public_url, audience: peer.url, typ: 'secevent+jwt' })).payload;

    async function told(id: string): Promise<Record<string, unknown>> {
      const found: Record<string, unknown>[] = [];
      await until(async () => {
        for (const { body } of peer.pushed) {
          const payload = await verified(body);
          if (JSON.stringify(payload['sub_id']).includes(id)) found.push(payload);
        }
        return found.length > 0;
      });
      return found[0] as Record<string, unknown>;
    }

    test('a stop is pushed to who is to know, signed, with its reason and without more', async () => {
      await world.register('noisy');
      const body = { kind: 'agent', id: 'noisy', reason: 'reads too much' } as const;
      assert.equal((await world.local.call('stops.set', { body })).kind, 'ok');
      const payload = await told('noisy');
      assert.deepEqual(payload['sub_id'], agent('noisy'));
      const events = payload['events'] as Record<string, Record<string, unknown>>;
      assert.deepEqual(Object.keys(events), [SESSION_REVOKED]);
      assert.deepEqual(events[SESSION_REVOKED]?.['reason_admin'], { en: 'reads too much' });
      assert.equal(payload['exp'], undefined);
      const { authorization, type } = peer.pushed[0] as { authorization: string; type: string };
      assert.deepEqual([authorization, type], ['Bearer push-secret', 'application/secevent+jwt']);
    });

    test('a receiver that is away is told when it is back', async () => {
      peer.status = 503;
      await world.register('patient');
      assert.equal((await world.local.call('agents.remove', { params: { agent: 'patient' } })).kind, 'ok');
      await until(() => peer.pushed.some(({ body }) => body.length > 0));
      const before = peer.pushed.length;
      await until(() => peer.pushed.length > before);
      peer.status = 202;
      const payload = await told('patient');
      assert.deepEqual(Object.keys(payload['events'] as object), [CREDENTIAL_CHANGE]);
    });

    test('a receiver that fetches gets what waits until it acknowledges it', async () => {
      const poll = async (body: object) => {
        const headers = { authorization: 'Bearer fetch-secret', 'content-type': 'application/json' };
        const answer = await post('/ssf/poll/fetched', JSON.stringify(body), headers);
        assert.equal(answer.status, 200);
        return (await answer.json()) as { sets: Record<string, string>; moreAvailable: boolean };
      };
      const first = await poll({ maxEvents: 1 });
      const [id, token] = Object.entries(first.sets)[0] as [string, string];
      assert.equal((await verified(token)).jti, id);
      assert.equal(first.moreAvailable, true);
      assert.deepEqual(Object.keys((await poll({ maxEvents: 1 })).sets), [id]);
      assert.ok(!Object.keys((await poll({ ack: [id] })).sets).includes(id));
      const all = Object.keys((await poll({})).sets);
      assert.deepEqual((await poll({ ack: all })).sets, {});
      const headers = { authorization: 'Bearer fetch-secret', 'content-type': 'application/json' };
      const verify = JSON.stringify({ stream_id: 'fetched', state: 'abc' });
      assert.equal((await post('/ssf/verify', verify, headers)).status, 204);
      const [event] = Object.values((await poll({})).sets) as [string];
      assert.match(JSON.stringify((await verified(event))['events']), /"state":"abc"/);
    });

    test('nobody else fetches, and metadata says where everything is', async () => {
      assert.equal((await post('/ssf/poll/fetched', '{}', {})).status, 401);
      assert.equal((await post('/ssf/poll/fetched', '{}', { authorization: 'Bearer push-secret' })).status, 401);
      assert.equal((await post('/ssf/poll/pushed', '{}', { authorization: 'Bearer fetch-secret' })).status, 404);
      const response = await fetch(`${world.running.agents_url}/.well-known/ssf-configuration`);
      const metadata = (await response.json()) as Record<string, unknown>;
      assert.equal(metadata['spec_version'], '1_0');
      assert.equal(metadata['issuer'], world.public_url);
      assert.deepEqual(metadata['delivery_methods_supported'], ['urn:ietf:rfc:8935', 'urn:ietf:rfc:8936']);
    });
  });
});
