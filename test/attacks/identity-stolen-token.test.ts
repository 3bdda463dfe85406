import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { Presented } from '../../src/core/exchange.ts';
import { isRefusal } from '../../src/core/refusal.ts';
import type { AgentClient } from '../support/agent-client.ts';
import { openWorld, type World } from '../support/identity.ts';

/**
 * The attacker holds a victim's access token (from a log, a proxy, a crash dump), perhaps with a proof that went with it,
 * and a registered key of its own. DESIGN 10.4: a token is accepted from no other key, for no other audience or request.
 */
let world: World;
let victim: AgentClient;
let thief: AgentClient;

before(async () => {
  world = await openWorld();
  victim = await world.agent({ id: 'victim' });
  thief = await world.agent({ id: 'thief' });
});
after(() => world.close());

async function attempt(presented: Partial<Presented>): Promise<string> {
  const stolen = { authorization: `DPoP ${victim.token}`, proofs: [], ...presented };
  const result = await world.identity.authenticate(world.present(thief, stolen));
  return isRefusal(result) ? result.code : `accepted as ${result.agent.id}`;
}

const url = (): string => `${world.issuer}/mcp`;
const ath = (): string => hash('sha256', victim.token, 'base64url');

test('with nothing', async () => assert.equal(await attempt({}), 'proof_missing'));
test('as a bearer token', async () =>
  assert.equal(await attempt({ authorization: `Bearer ${victim.token}` }), 'token_needs_proof'));
test('with the thief’s proof', async () =>
  assert.equal(await attempt({ proofs: [thief.key.proof('POST', url(), ath())] }), 'proof_wrong_key'));

test('with a proof that carries the victim’s public key and the thief’s signature', async () => {
  const claims = { jti: 'x', htm: 'POST', htu: url(), iat: Math.floor(Date.now() / 1000), ath: ath() };
  const proof = thief.key.jwt({ typ: 'dpop+jwt', alg: 'ES256', jwk: victim.key.publicJwk }, claims);
  assert.equal(await attempt({ proofs: [proof] }), 'proof_invalid');
});

test('with a proof that the victim made for another request', async () => {
  const other = victim.proof('POST', `${world.issuer}/mcp/files`);
  assert.equal(await attempt({ proofs: [other] }), 'proof_wrong_address');
  const read = victim.proof('GET', url());
  assert.equal(await attempt({ proofs: [read] }), 'proof_wrong_method');
});

test('with a proof that the victim made for the token endpoint', async () => {
  assert.equal(
    await attempt({ proofs: [victim.key.proof('POST', `${world.issuer}/oauth/token`)] }),
    'proof_wrong_address',
  );
});

test('with a proof that the victim made for an older token', async () => {
  const older = victim.proof('POST', url());
  await victim.renew();
  assert.equal(await attempt({ proofs: [older] }), 'proof_wrong_token');
});

test('with forwarded headers that name another address', async () => {
  // The proof was made for a site of the attacker's; nothing in the request can make that site ours.
  const lured = victim.proof('POST', 'https://evil.example/mcp');
  assert.equal(await attempt({ proofs: [lured], host: 'evil.example' }), 'proof_wrong_address');
});

test('the thief’s own token with its claims changed to the victim’s', async () => {
  const [header, , signature] = thief.token.split('.');
  const claims = { ...thief.claims, client_id: 'victim', sub: 'victim', run: victim.claims.run };
  const token = `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`;
  const proof = thief.key.proof('POST', url(), hash('sha256', token, 'base64url'));
  assert.equal(await attempt({ authorization: `DPoP ${token}`, proofs: [proof] }), 'token_signature_invalid');
});

test('a client assertion of the victim’s is no access token', async () => {
  const assertion = victim.assertion();
  const proof = victim.key.proof('POST', url(), hash('sha256', assertion, 'base64url'));
  assert.equal(await attempt({ authorization: `DPoP ${assertion}`, proofs: [proof] }), 'token_wrong_type');
});
