/**
 * The gateway as a client of the suite's server: a whole gateway whose upstream is the address that the suite gives, shown a token
 * of the suite's authorization server; agents then list and call a tool. What an operator writes into the file stands here.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openOperator } from '../support/person.ts';
import { openWorld } from '../support/world.ts';

/** More than any person would; the gateway is to stop asking by itself. */
const SIGN_INS_MAX = 6;

const url = process.argv.at(-1)!;
const scenario = process.env['MCP_CONFORMANCE_SCENARIO'] ?? '';
const given = JSON.parse(process.env['MCP_CONFORMANCE_CONTEXT'] ?? '{}') as Record<string, string>;
const folder = mkdtempSync(join(tmpdir(), 'sallyport-suite-'));

/** A file that the operator refers to. */
function kept(name: string, text = ''): string {
  const path = join(folder, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

/** Where tokens are asked for stands in the operator's file, and the suite's server is made anew for each run. */
async function tokenEndpoint(): Promise<{ token_endpoint: string; issuer: string }> {
  const read = async (address: string) => (await (await fetch(address)).json()) as Record<string, string | string[]>;
  const { origin, pathname } = new URL(url);
  const resource = await read(`${origin}/.well-known/oauth-protected-resource${pathname}`);
  const issuer = String(resource['authorization_servers']?.[0]);
  const server = await read(`${issuer.replace(/\/$/, '')}/.well-known/oauth-authorization-server`);
  return { token_endpoint: String(server['token_endpoint']), issuer };
}

/** The company's identity provider, of which ada has an ID token. */
function idp(): object {
  const { idp_token_endpoint: token_endpoint, idp_issuer: issuer, idp_client_id: client_id } = given;
  return { token_endpoint, issuer, client_id, method: 'none' };
}

async function credential(): Promise<object> {
  const { client_id, client_secret, private_key_pem, valid_jwt } = given;
  const client = client_id === undefined ? { issuer: '' } : { ...(await tokenEndpoint()), client_id };
  switch (scenario) {
    case 'auth/client-credentials-jwt':
      return { client_credentials: { ...client, client_key: `file:${kept('client.pem', private_key_pem)}` } };
    case 'auth/wif-jwt-bearer':
      return { workload: { ...client, method: 'none', assertion: kept('workload.jwt', valid_jwt) } };
    case 'auth/client-credentials-basic':
      return { client_credentials: { ...client, client_secret: `file:${kept('secret', client_secret)}` } };
    case 'auth/enterprise-managed-authorization':
      return {
        id_jag: { ...client, client_secret: `file:${kept('secret', client_secret)}`, idp: idp(), subject: 'id_token' },
      };
    case 'auth/pre-registration':
      return { connect: { issuer: client.issuer, client_id, client_secret: `file:${kept('secret', client_secret)}` } };
    case 'auth/basic-cimd':
      // The suite takes this one document for the client's, wherever the gateway is.
      return { connect: { client_id: 'https://conformance-test.local/client-metadata.json' } };
    default:
      return { connect: {} };
  }
}

const world = await openWorld({
  policies: `@id("all") @reason("The suite's own server.") permit (principal, action, resource);`,
  upstreams: `  suite: ${JSON.stringify({ url, credential: await credential() })}\n`,
});
const ada = await openOperator(world);
const agent = await world.register('helper', ['support'], { users: ['ada'] });
agent.use(((await (await agent.ask({ user: 'ada' })).json()) as { access_token: string }).access_token);

/** What ada's browser does: it goes where it is sent, the suite's server asks nothing, and it comes back to the console. */
async function connect(): Promise<string | undefined> {
  const begun = await ada.client.call('connections.begin', { body: { upstream: 'suite' } });
  if (begun.kind === 'failure') return JSON.stringify(begun);
  const sent = await fetch(begun.value.url, { redirect: 'manual' });
  const back = new URL(sent.headers.get('location') ?? '').searchParams;
  const body = { state: '', ...Object.fromEntries(back) };
  const finished = await ada.client.call('connections.finish', { body });
  return finished.kind === 'failure' ? JSON.stringify(finished) : undefined;
}

async function consent(): Promise<string | undefined> {
  const body = { upstream: 'suite', id_token: given['idp_id_token'] ?? '' };
  const consented = await ada.client.call('consents.give', { body });
  return consented.kind === 'failure' ? JSON.stringify(consented) : undefined;
}

/** An agent calls; where it is told that ada has to sign in at the server, she does, and it calls again. */
async function use(): Promise<string | undefined> {
  for (let signed_in = 0; signed_in < SIGN_INS_MAX; signed_in++) {
    const { body, text } = await world.call(agent, 'test-tool', {}, { server: 'suite' });
    const refused = body.error !== undefined || body.result?.isError === true;
    if (!refused) return undefined;
    if (!text.includes('connection_missing')) return text;
    const problem = await connect();
    if (problem !== undefined) return problem;
  }
  return 'it is never enough';
}

let problem = given['idp_id_token'] === undefined ? undefined : await consent();
problem ??= await use();
// The suite moves its authorization server behind the first call.
if (problem === undefined && scenario === 'auth/authorization-server-migration') problem = await use();
await world.stop();
rmSync(folder, { recursive: true });
if (problem !== undefined) {
  console.error(problem);
  process.exit(1);
}
