import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { AxeBuilder } from '@axe-core/playwright';
import { Client, type OAuthClientProvider, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { Browser, Page } from 'playwright-core';
import { buildPages, complaintsOf, openBrowser, withoutBrowser } from '../support/browser.ts';
import { type ClientSite, openClientSite } from '../support/client-site.ts';
import { type Operator, openOperator } from '../support/person.ts';
import { openWorld, type World } from '../support/world.ts';

const POLICY = `
@id("reads-reports")
@reason("Whoever signed in may read below reports/.")
@public("Paths below reports/ may be read.")
permit (principal, action == Action::"tool.call", resource == Tool::"journal/read_text")
when { context.args.path like "reports/*" };
`;
const REASON = 'It reads more than it said it would';
/** Acceptance 10 of identity. What the test itself waits for is in it. */
const JOURNEY_MS_MAX = 60_000;

type Redirected = { url: URL };

/** The listener of a desktop client, which waits for the browser to come back, and what the SDK keeps between its steps. */
async function openClientDesk(metadata: string) {
  const kept: { tokens?: unknown; verifier?: string; url?: URL } = {};
  let arrived: (back: Redirected) => void = () => undefined;
  const back = new Promise<Redirected>((resolve) => {
    arrived = resolve;
  });
  const server = createServer((request, response) => {
    response
      .writeHead(200, { 'content-type': 'text/html' })
      .end('<title>Done</title><p>You can go back to the editor.</p>');
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    if (url.pathname === '/callback') arrived({ url });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const redirectUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`;
  const provider: OAuthClientProvider = {
    redirectUrl,
    clientMetadataUrl: metadata,
    clientMetadata: { redirect_uris: [redirectUrl], token_endpoint_auth_method: 'none' },
    clientInformation: () => ({ client_id: metadata }),
    tokens: () => kept.tokens as never,
    saveTokens: (tokens) => {
      kept.tokens = tokens;
    },
    redirectToAuthorization: (url) => {
      kept.url = url;
    },
    saveCodeVerifier: (verifier) => {
      kept.verifier = verifier;
    },
    codeVerifier: () => kept.verifier!,
  };
  return { provider, kept, back, close: () => server.close() };
}

/** Somebody's editor signs in, works, is stopped, and is told why: one story, in its order. */
describe('a client signs in, and an admin revokes it', { skip: withoutBrowser, timeout: 120_000 }, () => {
  let world: World;
  let site: ClientSite;
  let ada: Operator;
  let pages: { folder: string; remove: () => void };
  let browser: Browser;
  let page: Page;
  let complaints: string[];
  let desk: Awaited<ReturnType<typeof openClientDesk>>;
  let client: Client;
  let began = 0;

  before(async () => {
    pages = await buildPages();
    site = await openClientSite();
    const id = `${site.origin}/editor.json`;
    site.documents.set('/editor.json', {
      client_id: id,
      client_name: 'An Editor',
      redirect_uris: ['http://127.0.0.1/callback'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    });
    world = await openWorld({
      pages_folder: pages.folder,
      network: site.network,
      policies: POLICY,
      extra: `authorization:\n  sign_in:\n    - { clients: ["${site.origin}/*"], jobs: [support], roles: [admin] }\n`,
    });
    ada = await openOperator(world);
    desk = await openClientDesk(id);
    browser = await openBrowser();
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    page = await context.newPage();
    page.setDefaultTimeout(10_000);
    complaints = complaintsOf(page);
  });
  after(async () => {
    await browser?.close();
    desk?.close();
    await client?.close().catch(() => undefined);
    await world?.stop();
    site?.close();
    pages?.remove();
  });

  const transport = () =>
    new StreamableHTTPClientTransport(new URL(`${world.public_url}/mcp/journal`), { authProvider: desk.provider });
  const read = (path: string) => client.callTool({ name: 'read_text', arguments: { path } });

  test('the client is turned away, and opens the browser at the question', async () => {
    began = performance.now();
    const first = transport();
    await assert.rejects(new Client({ name: 'editor', version: '1' }).connect(first));
    await page.goto(String(desk.kept.url));
    await page.getByLabel('Name').fill(ada.name);
    await page.getByLabel('Password').fill(ada.password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('heading', { name: 'Let this client act for you?' }).waitFor();
    await page.getByText('Verified as learned.example').waitFor();
    await readableByAll('the question');
    await page.getByRole('button', { name: 'Allow' }).click();
    const { url } = await desk.back;
    await first.finishAuth(url.searchParams);
  });

  test('it calls a tool, in the name of the person', async () => {
    client = new Client({ name: 'editor', version: '1' });
    await client.connect(transport());
    const { tools } = await client.listTools();
    assert.deepEqual(
      tools.map(({ name }) => name),
      ['read_text'],
    );
    await read('reports/today');
    assert.match(JSON.stringify(await read('secret/keys')), /Paths below reports\/ may be read/);
  });

  test('the admin finds it among the agents: who let it in, what it may do, what it did', async () => {
    await page.goto(`${world.running.console_url}/live`);
    await page.getByRole('link', { name: 'Identities' }).click();
    await page.getByRole('button', { name: /learned\.example/ }).click();
    const pane = page.getByRole('complementary', { name: /learned\.example/ });
    await pane.getByText('answers for it. It may do').waitFor();
    await pane.getByText('It is shown 1 tool').waitFor();
    await pane.getByText('read_text', { exact: true }).waitFor();
    await pane.getByText('Consent of ada to a client').waitFor();
    await pane.getByRole('link', { name: '1 refused' }).waitFor();
    await page.getByRole('link', { name: 'Runs', exact: true }).click();
    await page.getByRole('button', { name: /learned\.example.*in the name of ada/ }).click();
    await page.getByRole('complementary', { name: /^run_/ }).getByText('in the name of ada').waitFor();
  });

  test('the admin stops it, and the client is told why in words', async (t) => {
    await page.getByRole('link', { name: 'Agents', exact: true }).click();
    await page.getByRole('button', { name: /learned\.example/ }).click();
    const pane = page.getByRole('complementary', { name: /learned\.example/ });
    await pane.getByRole('button', { name: 'Stop…' }).first().click();
    const dialog = page.getByRole('dialog', { name: 'Stop' });
    await dialog.getByLabel('Why').fill(REASON);
    await dialog.getByRole('button', { name: /^Stop learned/ }).click();
    await pane.getByText(REASON).waitFor();
    await assert.rejects(read('reports/today'), /stopped by an operator/);
    const took = performance.now() - began;
    t.diagnostic(`from the first request to the refusal: ${Math.round(took)} ms`);
    assert.ok(took < JOURNEY_MS_MAX, `${took} ms`);
    // The client's open stream was cut with it.
    await pane.getByRole('link', { name: '1 of the permitted failed' }).waitFor({ timeout: 20_000 });
  });

  test('its pages can be read by everyone, in light and in dark, on a screen and on a phone', async () => {
    const run = (await world.local.call('runs.list', {})) as { value: { runs: { id: string; agent: string }[] } };
    const [{ id, agent }] = run.value.runs as [{ id: string; agent: string }];
    const paths = [`/agents?agent=${agent}`, `/runs?open=no&run=${id}`, '/runs?q=nobody', '/people', '/vault'];
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      for (const path of paths) {
        await page.setViewportSize({ width: 1280, height: 800 });
        await page.goto(`${world.running.console_url}${path}`);
        await page.getByRole('heading').first().waitFor();
        await page.waitForLoadState('networkidle');
        await readableByAll(`${path} in ${colorScheme}`, colorScheme === 'dark');
        await page.setViewportSize({ width: 390, height: 800 });
        assert.ok(Number(await page.evaluate('document.documentElement.scrollWidth')) <= 390, path);
      }
    }
  });

  test('without a complaint of the browser', () => {
    assert.deepEqual(
      complaints.filter((line) => !/401|404/.test(line)),
      [],
    );
  });

  /** What stands there is the same in both; only its colours differ. */
  async function readableByAll(what: string, onlyColours = false): Promise<void> {
    const axe = new AxeBuilder({ page });
    if (onlyColours) axe.withRules(['color-contrast']);
    else axe.withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']);
    const { violations } = await axe.analyze();
    const found = violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${what}: ${id}: ${html}`));
    assert.deepEqual(found, []);
  }
});
