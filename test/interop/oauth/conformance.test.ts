import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type ClientSite, openClientSite } from '../../support/client-site.ts';
import { type ConsolePerson, consentTo, consolePerson } from '../../support/console-person.ts';
import { freePort, openWorld, type World } from '../../support/world.ts';

const SUITE = fileURLToPath(
  new URL('../../../node_modules/@modelcontextprotocol/conformance/dist/index.js', import.meta.url),
);
let world: World;
let site: ClientSite;
let maria: ConsolePerson;

before(async () => {
  site = await openClientSite();
  const client_id = `${site.origin}/suite.json`;
  const redirect_uris = ['http://127.0.0.1/callback', 'http://localhost/callback'];
  site.documents.set('/suite.json', { client_id, client_name: 'The suite', redirect_uris });
  world = await openWorld({
    network: site.network,
    extra: `authorization: { sign_in: [{ clients: ["${site.origin}/*"], jobs: [support], roles: [admin] }] }\n`,
  });
  maria = await consolePerson(world);
});
after(async () => {
  await world.stop();
  site.close();
});

/** The official suite, with a person who says yes to whatever address it asks to be opened. */
async function run(): Promise<{ code: number | null; said: string }> {
  const port = String(await freePort());
  const target = ['--url', world.public_url, '--resource', `${world.public_url}/mcp/journal`];
  const client = ['--client-id', `${site.origin}/suite.json`, '--port', port];
  const child = spawn(process.execPath, [SUITE, 'authorization', ...target, ...client], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  let opened = false;
  const hear = (chunk: Buffer): void => {
    said += chunk;
    const address = /https?:\/\/\S+\/oauth\/authorize\?\S+/.exec(said)?.[0];
    if (opened || address === undefined) return;
    opened = true;
    void consentTo(maria, address).then((back) => fetch(back));
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  const code = await new Promise<number | null>((resolve) => child.on('exit', resolve));
  return { code, said };
}

test('the official suite’s authorization scenarios pass: metadata, and the code grant on what that found', async () => {
  const { code, said } = await run();
  assert.equal(code, 0, said);
  for (const scenario of ['authorization-server-metadata-endpoint', 'authorization-code-grant']) {
    assert.match(said, new RegExp(`${scenario}: [1-9]\\d* passed, 0 failed`), said);
  }
});
