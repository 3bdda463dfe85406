/**
 * The gateway as a client of the suite's server: a whole gateway whose upstream is the address that the suite gives, shown a token
 * of the suite's authorization server; agents then list and call a tool. What an operator writes into the file stands here.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openWorld } from '../support/world.ts';

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

async function credential(): Promise<object> {
  const { client_id, client_secret, private_key_pem, valid_jwt } = given;
  const client = { ...(await tokenEndpoint()), client_id };
  switch (scenario) {
    case 'auth/client-credentials-jwt':
      return { client_credentials: { ...client, client_key: `file:${kept('client.pem', private_key_pem)}` } };
    case 'auth/wif-jwt-bearer':
      return { workload: { ...client, method: 'none', assertion: kept('workload.jwt', valid_jwt) } };
    default:
      return { client_credentials: { ...client, client_secret: `file:${kept('secret', client_secret)}` } };
  }
}

const world = await openWorld({
  policies: `@id("all") @reason("The suite's own server.") permit (principal, action, resource);`,
  upstreams: `  suite: ${JSON.stringify({ url, credential: await credential() })}\n`,
});
const { status, text } = await world.call(world.triage, 'test-tool', {}, { server: 'suite' });
await world.stop();
rmSync(folder, { recursive: true });
if (status !== 200 || text.includes('upstream_')) {
  console.error(text);
  process.exit(1);
}
