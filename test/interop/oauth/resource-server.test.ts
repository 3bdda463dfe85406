import assert from 'node:assert/strict';
import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { AgentClient } from '../../support/agent-client.ts';
import { makeAgentKey } from '../../support/identity.ts';
import { openSecondServer, type SecondServer } from '../../support/second-server.ts';
import { openWorld, type World } from '../../support/world.ts';

/** The gateway as a resource server only: tokens come from an oidc-provider that knows nothing of it. */
const key = makeAgentKey();
let world: World;
let company: SecondServer;
let desk: AgentClient;

before(async () => {
  company = await openSecondServer();
  world = await openWorld({
    extra: `identity:
  issuers:
    - issuer: ${company.issuer}
      rules: [{ claims: { client_id: desk }, agent: triage, job: support }]
`,
  });
  desk = new AgentClient({ issuer: world.public_url, agent: 'triage', key });
});
after(async () => {
  await world?.stop();
  company.close();
});

type Values = Record<string, unknown>;
const seconds = () => Math.floor(Date.now() / 1000);
const resource = () => `${world.public_url}/mcp/journal`;
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token that the company's server itself could have signed, but for what the case says. */
async function bent(claims: Values, header: Values = {}, by: KeyObject = company.signing.key): Promise<string> {
  const [head, payload] = (await company.token(desk, resource()))
    .split('.')
    .slice(0, 2)
    .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Values);
  const signed = `${encode({ ...head, ...header })}.${encode({ ...payload, ...claims })}`;
  const signature = sign('sha256', Buffer.from(signed), { key: by, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

async function answerTo(token: string, client = desk): Promise<string> {
  client.use(token);
  const { status, body } = await world.call(client, 'append', { line: 'ok by the company' });
  return String(body.error?.data?.['code'] ?? status);
}

test('a DPoP-bound at+jwt of an independent oidc-provider calls a tool', async () => {
  assert.equal(await answerTo(await company.token(desk, resource())), '200');
  assert.equal(await answerTo(await company.token(desk, world.public_url)), '200');
  assert.equal(world.journal().filter((line) => line.includes('ok by the company')).length, 2);
});

describe('one of the same server is refused', () => {
  const stranger = () => createPrivateKey({ key: { ...makeAgentKey() }, format: 'jwk' });
  const CASES: [string, string, () => Promise<string>][] = [
    ['for another place', 'token_wrong_audience', () => company.token(desk, 'https://elsewhere.example/mcp')],
    ['for another server here', 'token_wrong_resource', () => company.token(desk, `${world.public_url}/mcp/files`)],
    ['of a client of no rule', 'workload_unmapped', () => company.token(desk, resource(), 'other')],
    ['for two places', 'token_audience_ambiguous', () => bent({ aud: [resource(), 'https://b.example'] })],
    ['that is an id token', 'token_wrong_type', () => bent({}, { typ: 'JWT' })],
    ['of alg none', 'token_wrong_algorithm', () => bent({}, { alg: 'none' })],
    ['with a critical header', 'token_critical', () => bent({}, { crit: ['b64'], b64: true })],
    ['by another key', 'token_signature_invalid', () => bent({}, {}, stranger())],
    ['by a key that it does not publish', 'token_key_unknown', () => bent({}, { kid: 'elsewhere' })],
    ['of an issuer that nobody trusts', 'token_wrong_issuer', () => bent({ iss: 'https://evil.example' })],
    ['that has expired', 'token_expired', () => bent({ exp: seconds() - 1 })],
    ['from the future', 'token_not_yet_valid', () => bent({ nbf: seconds() + 600 })],
    ['without an end', 'token_expiry_missing', () => bent({ exp: undefined })],
    ['for a day', 'token_lives_too_long', () => bent({ exp: seconds() + 86_400 })],
    ['without a client', 'token_claim_missing', () => bent({ client_id: undefined })],
    ['bound to nothing', 'token_not_bound', () => bent({ cnf: undefined })],
    ['bound to another key', 'proof_wrong_key', () => bent({ cnf: { jkt: 'x'.repeat(43) } })],
    ['with a chain of its own', 'token_delegated', () => bent({ act: { sub: 'desk' } })],
  ];
  for (const [what, code, make] of CASES) {
    test(`${what}: ${code}`, async () => assert.equal(await answerTo(await make()), code));
  }

  test('whoever holds it without its key: proof_wrong_key', async () => {
    const thief = new AgentClient({ issuer: world.public_url, agent: 'triage', key: makeAgentKey() });
    assert.equal(await answerTo(await company.token(desk, resource()), thief), 'proof_wrong_key');
  });

  test('nothing was done for any of them', () => {
    assert.equal(world.journal().filter((line) => line.includes('ok by the company')).length, 2);
  });
});
