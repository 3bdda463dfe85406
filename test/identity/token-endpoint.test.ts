import assert from 'node:assert/strict';
import { createPrivateKey, type webcrypto } from 'node:crypto';
import { request } from 'node:http';
import { after, before, describe, test } from 'node:test';
import * as oauth from 'oauth4webapi';
import { isRefusal } from '../../src/core/refusal.ts';
import { AgentClient, ProofKey } from '../support/agent-client.ts';
import { makeAgentKey, openWorld, publicHalf, type World } from '../support/identity.ts';

let world: World;
let client: AgentClient;

before(async () => {
  world = await openWorld();
  client = await world.agent({ id: 'triage', jobs: ['triage-issues', 'close-issues'] });
});
after(() => world.close());

type Answer = { status: number; error?: string; error_description?: string; access_token?: string };

async function answerOf(response: Response | Promise<Response>): Promise<Answer> {
  const settled = await response;
  return { status: settled.status, ...((await settled.json()) as object) };
}

function claimsOf(token: string | undefined): Record<string, unknown> {
  return JSON.parse(Buffer.from(token!.split('.')[1]!, 'base64url').toString());
}

describe('a token', () => {
  test('is an at+jwt for one run of one job, bound to the key of the proof', async () => {
    const answer = await answerOf(client.ask());
    assert.equal(answer.status, 200);
    const header = JSON.parse(Buffer.from(answer.access_token!.split('.')[0]!, 'base64url').toString());
    assert.deepEqual([header.typ, header.alg, header.kid], ['at+jwt', 'ES256', world.keys.signing.reveal().kid]);
    const claims = claimsOf(answer.access_token);
    assert.equal(claims.iss, world.issuer);
    assert.equal(claims.aud, world.issuer);
    assert.equal(claims.client_id, 'triage');
    assert.equal(claims.job, 'triage-issues');
    assert.match(String(claims.run), /^run_/);
    assert.ok((claims.cnf as { jkt: string }).jkt.length === 43);
    assert.ok(Number(claims.exp) - Number(claims.iat) <= 600);
  });

  test('opens a run of its own, with a receipt', async () => {
    const [one, two] = [await answerOf(client.ask()), await answerOf(client.ask())];
    const runs = [claimsOf(one.access_token).run, claimsOf(two.access_token).run];
    assert.notEqual(runs[0], runs[1]);
    for (const run of runs) {
      assert.ok(
        world.recorded.some(
          ({ event, subject, by }) => event === 'run.open' && subject === run && by === 'agent:triage',
        ),
      );
    }
  });

  test('may name its job by scope', async () => {
    const answer = await answerOf(client.ask({ job: undefined, scope: 'job:close-issues' }));
    assert.equal(claimsOf(answer.access_token).job, 'close-issues');
  });

  test('may be another one of the same run', async () => {
    const run = String(client.claims.run);
    const answer = await answerOf(client.ask({ run }));
    assert.equal(claimsOf(answer.access_token).run, run);
  });

  test('may be bound to another key than the one that authenticates', async () => {
    const options = { ...client.options, proofKey: makeAgentKey('Ed25519') };
    const other = await AgentClient.open(options);
    const caller = await world.identity.authenticate(world.present(other));
    assert.ok(!isRefusal(caller) && caller.agent.id === 'triage');
  });

  test('is what an independent client gets (oauth4webapi)', async () => {
    const key = makeAgentKey();
    const jobs = ['report'];
    await world.identity.agents.add({ id: 'independent', owner: 'ops', jobs, public_key: publicHalf(key) }, 'local');
    const insecure = { [oauth.allowInsecureRequests]: true };
    const issuer = new URL(world.issuer);
    const discovered = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure });
    const server = await oauth.processDiscoveryResponse(issuer, discovered);
    const pair = await cryptoPair(key);
    const dpop = oauth.DPoP({}, pair);
    const response = await oauth.clientCredentialsGrantRequest(
      server,
      { client_id: 'independent' },
      oauth.PrivateKeyJwt(pair.privateKey),
      new URLSearchParams({ job: 'report', resource: `${world.issuer}/mcp` }),
      { DPoP: dpop, ...insecure },
    );
    const result = await oauth.processClientCredentialsResponse(server, { client_id: 'independent' }, response);
    assert.equal(result.token_type, 'dpop');
    assert.equal(claimsOf(result.access_token).aud, `${world.issuer}/mcp`);
  });
});

async function cryptoPair(key: ReturnType<typeof makeAgentKey>): Promise<webcrypto.CryptoKeyPair> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const privateJwk = createPrivateKey({ key: { ...key }, format: 'jwk' }).export({ format: 'jwk' });
  const { d: _, ...publicJwk } = privateJwk;
  return {
    privateKey: await crypto.subtle.importKey('jwk', privateJwk as webcrypto.JsonWebKey, algorithm, true, ['sign']),
    publicKey: await crypto.subtle.importKey('jwk', publicJwk as webcrypto.JsonWebKey, algorithm, true, ['verify']),
  };
}

describe('refused', () => {
  const stranger = new ProofKey(makeAgentKey());
  const signedBy = (key: ProofKey, claims: Record<string, unknown>): string => {
    const now = Math.floor(Date.now() / 1000);
    return key.jwt(
      { alg: 'ES256' },
      { iss: 'triage', sub: 'triage', aud: world.issuer, jti: crypto.randomUUID(), exp: now + 60, ...claims },
    );
  };
  const cases: [string, number, string, () => Record<string, string | undefined>][] = [
    ['another key', 401, 'invalid_client', () => ({ client_assertion: signedBy(stranger, {}) })],
    [
      'another audience',
      401,
      'invalid_client',
      () => ({ client_assertion: client.assertion({ aud: 'https://a.example' }) }),
    ],
    [
      'the token endpoint as audience',
      401,
      'invalid_client',
      () => ({ client_assertion: client.assertion({ aud: `${world.issuer}/oauth/token` }) }),
    ],
    [
      'a list of audiences',
      401,
      'invalid_client',
      () => ({ client_assertion: client.assertion({ aud: [world.issuer] }) }),
    ],
    [
      'an expired assertion',
      401,
      'invalid_client',
      () => ({ client_assertion: client.assertion({ exp: 1_700_000_000 }) }),
    ],
    [
      'an assertion without end',
      401,
      'invalid_client',
      () => ({ client_assertion: client.assertion({ exp: undefined }) }),
    ],
    [
      'an assertion good for a year',
      401,
      'invalid_client',
      () => ({ client_assertion: client.assertion({ exp: Math.floor(Date.now() / 1000) + 31_536_000 }) }),
    ],
    [
      'an assertion without jti',
      401,
      'invalid_client',
      () => ({ client_assertion: client.assertion({ jti: undefined }) }),
    ],
    [
      'a jti of a thousand characters',
      401,
      'invalid_client',
      () => ({ client_assertion: client.assertion({ jti: 'j'.repeat(1_000) }) }),
    ],
    [
      'another issuer than subject',
      401,
      'invalid_client',
      () => ({ client_assertion: client.assertion({ iss: 'other' }) }),
    ],
    [
      'an unknown client',
      401,
      'invalid_client',
      () => ({ client_assertion: signedBy(stranger, { iss: 'ghost', sub: 'ghost' }) }),
    ],
    [
      'no authentication',
      401,
      'invalid_client',
      () => ({ client_assertion: undefined, client_assertion_type: undefined, client_id: 'triage' }),
    ],
    [
      'a client secret',
      401,
      'invalid_client',
      () => ({
        client_assertion: undefined,
        client_assertion_type: undefined,
        client_id: 'triage',
        client_secret: 'x',
      }),
    ],
    ['a job that was not granted', 400, 'invalid_scope', () => ({ job: 'pay-invoices' })],
    [
      'a scope of a job that was not granted',
      400,
      'invalid_scope',
      () => ({ job: undefined, scope: 'job:pay-invoices' }),
    ],
    ['a scope of another kind', 400, 'invalid_scope', () => ({ scope: 'admin' })],
    ['two jobs', 400, 'invalid_request', () => ({ scope: 'job:close-issues' })],
    ['no job where there are two', 400, 'invalid_request', () => ({ job: undefined })],
    ['another gateway’s resource', 400, 'invalid_target', () => ({ resource: 'https://a.example/mcp' })],
    ['a resource that begins like ours', 400, 'invalid_target', () => ({ resource: `${world.issuer}9/mcp` })],
    ['a resource that climbs', 400, 'invalid_target', () => ({ resource: `${world.issuer}/mcp/../admin` })],
    ['a resource with a query', 400, 'invalid_target', () => ({ resource: `${world.issuer}/mcp?a=b` })],
    ['a run that there is not', 400, 'invalid_request', () => ({ run: `run_${'a'.repeat(26)}` })],
    ['another grant', 400, 'unsupported_grant_type', () => ({ grant_type: 'password' })],
    ['a refresh token', 400, 'invalid_request', () => ({ grant_type: 'refresh_token' })],
  ];
  for (const [what, status, error, change] of cases) {
    test(`${what}: ${error}`, async () => {
      const answer = await answerOf(client.ask(change()));
      assert.deepEqual([answer.status, answer.error, answer.access_token], [status, error, undefined]);
    });
  }

  const proofs: [string, () => string][] = [
    ['another address', () => client.key.proof('POST', 'https://a.example/oauth/token')],
    ['another method', () => client.key.proof('GET', `${world.issuer}/oauth/token`)],
  ];
  for (const [what, make] of proofs) {
    test(`a proof for ${what}: invalid_dpop_proof`, async () => {
      const answer = await answerOf(client.ask({}, { dpop: make() }));
      assert.deepEqual([answer.status, answer.error], [400, 'invalid_dpop_proof']);
    });
  }

  test('no proof: no token that a thief could use', async () => {
    const answer = await answerOf(withoutProof(client));
    assert.deepEqual([answer.status, answer.access_token], [400, undefined]);
  });

  test('an address made from forwarded headers', async () => {
    const dpop = client.key.proof('POST', 'https://evil.example/oauth/token');
    const forwarded = {
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      forwarded: 'host=evil.example',
    };
    const answer = await answerOf(client.ask({}, { dpop, ...forwarded }));
    assert.deepEqual([answer.status, answer.error], [400, 'invalid_dpop_proof']);
  });

  test('one assertion, and one proof, used twice: also both at once', async () => {
    const client_assertion = client.assertion();
    const answers = await Promise.all([1, 2, 3, 4].map(() => answerOf(client.ask({ client_assertion }))));
    assert.equal(answers.filter(({ status }) => status === 200).length, 1);
    const dpop = client.key.proof('POST', `${world.issuer}/oauth/token`);
    const proven = await Promise.all([1, 2, 3, 4].map(() => answerOf(client.ask({}, { dpop }))));
    assert.equal(proven.filter(({ status }) => status === 200).length, 1);
  });

  test('the run of another agent, of another job, or one that ended', async () => {
    const other = await world.agent({ id: 'other', jobs: ['triage-issues'] });
    assert.equal((await answerOf(client.ask({ run: String(other.claims.run) }))).error, 'invalid_request');
    const run = String(client.claims.run);
    assert.equal((await answerOf(client.ask({ run, job: 'close-issues' }))).error, 'invalid_request');
    assert.equal(await world.identity.runs.end(run, 'local'), undefined);
    assert.equal((await answerOf(client.ask({ run }))).error, 'invalid_request');
  });

  test('an agent that was stopped, and one that was removed', async () => {
    const stopped = await world.agent({ id: 'stopped', jobs: ['triage-issues'] });
    await world.identity.stops.set({ kind: 'agent', id: 'stopped', reason: 'test', by: 'local' });
    assert.equal((await answerOf(stopped.ask())).error, 'access_denied');
    await world.identity.agents.remove('stopped', 'local');
    assert.equal((await answerOf(stopped.ask())).error, 'invalid_client');
  });

  test('refusals are counted for the flood receipts', () => {
    assert.ok(world.refused.filter((code) => code === 'grant_refused').length > 20);
  });
});

/** A request without a proof, which `fetch` in the client would add. */
function withoutProof(from: AgentClient): Promise<Response> {
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: from.assertion(),
    job: 'triage-issues',
  });
  return fetch(`${world.issuer}/oauth/token`, { method: 'POST', body });
}

describe('nothing else answers', () => {
  const paths = ['/oauth/auth', '/oauth/register', '/oauth/me', '/oauth/session/end', '/oauth/session/end/confirm'];
  for (const path of [...paths, '/auth', '/oauth/../oauth/token']) {
    test(`${path} is not found`, async () => {
      const { port } = new URL(world.issuer);
      const status = await new Promise((resolve, reject) => {
        const sent = request({ host: '127.0.0.1', port, path, method: 'POST' }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        sent.on('error', reject).end();
      });
      assert.equal(status, 404);
    });
  }

  test('GET of the token endpoint, and a page from elsewhere', async () => {
    assert.equal((await fetch(`${world.issuer}/oauth/token`)).status, 405);
    const answer = await answerOf(client.ask({}, { origin: 'https://evil.example' }));
    assert.deepEqual([answer.status, answer.error], [400, 'invalid_request']);
  });

  test('metadata names what there is, and the keys are public halves', async () => {
    const metadata = (await (await fetch(`${world.issuer}/.well-known/oauth-authorization-server`)).json()) as Record<
      string,
      unknown
    >;
    assert.equal(metadata.issuer, world.issuer);
    assert.equal(metadata.registration_endpoint, undefined);
    assert.deepEqual(metadata.code_challenge_methods_supported, ['S256']);
    const { keys } = (await (await fetch(String(metadata.jwks_uri))).json()) as { keys: Record<string, string>[] };
    assert.deepEqual(
      keys.map(({ kid }) => kid),
      [world.keys.signing.reveal().kid],
    );
    assert.ok(keys.every((key) => !('d' in key)));
  });
});

test('one source cannot keep the endpoint busy', async () => {
  const answers = await Promise.all(
    Array.from({ length: 160 }, () => fetch(`${world.issuer}/oauth/token`, { method: 'POST' })),
  );
  assert.ok(answers.some(({ status }) => status === 429));
  assert.ok(world.refused.includes('rate_limited'));
});
