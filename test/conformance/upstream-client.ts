/**
 * The gateway as a client of the suite's server: a whole gateway whose upstream is the address that the suite gives, shown a token
 * of the suite's authorization server. What the operator writes into the file (where tokens come from) is read here from the
 * suite's metadata, since it is made anew for each run; agents then list and call a tool.
 */
import { openWorld } from '../support/world.ts';

const url = process.argv.at(-1)!;
const { client_id, client_secret } = JSON.parse(process.env['MCP_CONFORMANCE_CONTEXT'] ?? '{}') as Record<
  string,
  string
>;
process.env['CONFORMANCE_SECRET'] = client_secret;

const read = async (address: string) => (await (await fetch(address)).json()) as Record<string, string | string[]>;
const { origin, pathname } = new URL(url);
const resource = await read(`${origin}/.well-known/oauth-protected-resource${pathname}`);
const issuer = String(resource['authorization_servers']?.[0]);
const server = await read(`${issuer.replace(/\/$/, '')}/.well-known/oauth-authorization-server`);
const token_endpoint = String(server['token_endpoint']);
const credential = {
  client_credentials: { token_endpoint, issuer, client_id, client_secret: 'env:CONFORMANCE_SECRET' },
};

const world = await openWorld({
  policies: `@id("all") @reason("The suite's own server.") permit (principal, action, resource);`,
  upstreams: `  suite: ${JSON.stringify({ url, credential })}\n`,
});
const { status, text } = await world.call(world.triage, 'test-tool', {}, { server: 'suite' });
await world.stop();
if (status !== 200 || text.includes('upstream_')) {
  console.error(text);
  process.exit(1);
}
