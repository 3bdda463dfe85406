import assert from 'node:assert/strict';
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { after, before, test } from 'node:test';
import { isRefusal } from '../../src/core/refusal.ts';
import type { AgentClient } from '../support/agent-client.ts';
import { openWorld, type World } from '../support/identity.ts';

/**
 * The attacker has no credential and much bandwidth. DESIGN 10.12: anonymous traffic stops neither authenticated calls
 * nor the kill. So garbage is refused for less than a signature costs, and password hashing never takes all threads.
 */
let world: World;
let client: AgentClient;

before(async () => {
  world = await openWorld();
  client = await world.agent();
});
after(() => world.close());

/** The best of several rounds: what else the machine does only adds. */
function microsecondsEach(work: () => unknown): number {
  const rounds = Array.from({ length: 8 }, () => {
    const began = performance.now();
    for (let at = 0; at < 100; at++) work();
    return (performance.now() - began) * 10;
  });
  return Math.min(...rounds);
}

test('garbage costs no signature', () => {
  const { key } = client;
  const junk = [
    world.present(client, { authorization: `DPoP ${'x'.repeat(4_000)}` }),
    world.present(client, {
      authorization: `DPoP ${client.token.replace(/^[^.]+/, Buffer.from('{"typ":"at+jwt","alg":"ES256","kid":"k"}').toString('base64url'))}`,
    }),
    world.present(client, { proofs: ['a.b.c'] }),
    world.present(client, { proofs: [key.proof('GET', world.issuer, 'x')] }),
    world.present(client, { authorization: `Bearer ${'y'.repeat(50)}`, proofs: [] }),
  ];
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signature = sign('sha256', Buffer.from('x'), pair.privateKey);
  const verification_us = microsecondsEach(() => verify('sha256', Buffer.from('x'), pair.publicKey, signature));
  for (const presented of junk) {
    const result = world.identity.authenticate(presented);
    assert.ok(isRefusal(result), 'refused without waiting for anything');
    const refusal_us = microsecondsEach(() => world.identity.authenticate(presented));
    assert.ok(refusal_us < verification_us, `${refusal_us} µs, a signature ${verification_us}`);
  }
});

test('a flood of sign-ins is refused, and meanwhile agents are served and everything can be stopped', async () => {
  const name = 'administrator';
  const flood = Array.from({ length: 300 }, (_, at) =>
    world.identity.people.signIn({
      name: `${name} ${at}`,
      password: 'guess guess guess',
      source: `10.1.${at >> 4}.${at & 15}`,
    }),
  );
  const began = performance.now();
  for (let at = 0; at < 20; at++) assert.ok(!isRefusal(await world.identity.authenticate(world.present(client))));
  const served_ms = performance.now() - began;
  const stop = await world.identity.stops.set({ kind: 'agent', id: 'somebody', reason: 'test', by: 'local' });
  assert.ok(!isRefusal(stop) && stop.durable);
  const codes = (await Promise.all(flood)).map((result) => (isRefusal(result) ? result.code : 'accepted'));
  const hashed = codes.filter((code) => code === 'sign_in_failed').length;
  assert.ok(hashed <= 40, `${hashed} passwords were hashed`);
  assert.equal(hashed + codes.filter((code) => code === 'rate_limited').length, 300);
  assert.ok(served_ms < 1_000, `20 calls took ${served_ms} ms`);
});

test('what is remembered of strangers is nothing', async () => {
  const before_bytes = process.memoryUsage().heapUsed;
  for (let at = 0; at < 20_000; at++) {
    world.identity.authenticate(
      world.present(client, { authorization: `DPoP ${at}.${'z'.repeat(200)}.x`, proofs: [`${at}.b.c`] }),
    );
  }
  globalThis.gc?.();
  assert.ok(process.memoryUsage().heapUsed - before_bytes < 100_000_000);
});
