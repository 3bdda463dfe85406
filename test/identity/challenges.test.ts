import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { RateLimit, sourceOf } from '../../src/controls/identity/rate-limits.ts';
import { type RefusalCode, refuse } from '../../src/core/refusal.ts';
import { openWorld, type World } from '../support/identity.ts';

let world: World;
before(async () => {
  world = await openWorld();
});
after(() => world.close());

function challenges(code: RefusalCode, path = '/mcp'): readonly string[] {
  return (
    world.identity.challenges(refuse(code, 'a reason for operators, with "quotes" and secrets'), path)[
      'www-authenticate'
    ] ?? []
  );
}

describe('WWW-Authenticate', () => {
  test('names both schemes and where the metadata is, and no error for who sent nothing', () => {
    const metadata = `resource_metadata="${world.issuer}/.well-known/oauth-protected-resource/mcp/files"`;
    assert.deepEqual(challenges('credential_missing', '/mcp/files'), [
      `DPoP algs="ES256 EdDSA Ed25519", ${metadata}`,
      `Bearer scope="mcp", ${metadata}`,
    ]);
  });

  test('says invalid_token for a token, and invalid_dpop_proof for a proof, to the scheme that has proofs', () => {
    const [dpop, bearer] = challenges('token_expired');
    assert.match(dpop!, /^DPoP error="invalid_token", error_description="token_expired"/);
    assert.match(bearer!, /^Bearer error="invalid_token"/);
    const [proof, other] = challenges('proof_replayed');
    assert.match(proof!, /^DPoP error="invalid_dpop_proof"/);
    assert.doesNotMatch(other!, /error=/);
  });

  test('carries nothing of the request and nothing for operators', () => {
    for (const path of ['/mcp/"\r\nset-cookie: a=b', '/mcp/../x', '/mcp/a/b', '/mcp/%0d%0a', '/other', '']) {
      const values = challenges('token_unknown', path);
      assert.ok(
        values.every((value) => value.endsWith(`/oauth-protected-resource/mcp"`)),
        path,
      );
      assert.ok(values.every((value) => !/secrets|[\r\n]/.test(value)));
    }
  });

  test('is not sent where a new credential would not help', () => {
    for (const code of ['policy_denied', 'stopped', 'rate_limited', 'not_found'] as const)
      assert.deepEqual(challenges(code), []);
  });
});

test('protected resources are the MCP endpoint and each server, spelt plainly', () => {
  const { identity, issuer } = world;
  const document = identity.protectedResource('/mcp/files');
  assert.equal(document?.resource, `${issuer}/mcp/files`);
  assert.deepEqual(document?.authorization_servers, [issuer]);
  assert.equal(identity.protectedResource('/mcp')?.resource, `${issuer}/mcp`);
  for (const path of ['', '/', '/mcp/', '/mcp/a/b', '/mcp/..', '/mcp/.', '/mcp/a?b', '/mcp/a%2Fb', '/api', '/mcp/é']) {
    assert.equal(identity.protectedResource(path), undefined, path);
  }
});

describe('limits', () => {
  test('let a burst through, then so many a second, for each key', () => {
    let now = 0;
    const limit = new RateLimit({ burst: 3, per_second: 2 }, () => now);
    const taken = (): number => [1, 2, 3, 4, 5].filter(() => limit.take('a')).length;
    assert.equal(taken(), 3);
    now = 500;
    assert.equal(taken(), 1);
    now = 60_000;
    assert.equal(taken(), 3);
    assert.equal(limit.take('b'), true);
  });

  test('count the addresses of one subscriber as one source', () => {
    assert.equal(sourceOf('192.0.2.1'), '192.0.2.1');
    assert.equal(sourceOf('::ffff:192.0.2.1'), '192.0.2.1');
    assert.equal(sourceOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2');
    assert.equal(sourceOf('2001:DB8:1:2::9'), '2001:db8:1:2');
    assert.equal(sourceOf('2001:db8::1'), '2001:db8:0:0');
    assert.equal(sourceOf('fe80::1%eth0'), 'fe80:0:0:0');
    assert.notEqual(sourceOf('2001:db8:1:3::9'), sourceOf('2001:db8:1:2::9'));
    assert.equal(sourceOf('not an address'), 'not an address');
  });
});
