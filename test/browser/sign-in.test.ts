import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core';
import { openEgress } from '../../src/enforcement/index.ts';
import { systemClock } from '../../src/main/clock.ts';
import { buildPages, complaintsOf, openBrowser, withoutBrowser } from '../support/browser.ts';
import { type CompanyProvider, openCompany } from '../support/company.ts';
import { type ControlPlane, openControlPlane } from '../support/control-plane.ts';

/** Signing in as a person meets it: a passkey of Chromium's virtual authenticator, and a real OpenID provider. */
describe('signing in, in a browser', { skip: withoutBrowser }, () => {
  let company: CompanyProvider;
  let plane: ControlPlane;
  let egress: ReturnType<typeof openEgress>;
  let pages: Awaited<ReturnType<typeof buildPages>>;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let devtools: CDPSession;
  let authenticatorId: string;
  let complaints: string[];

  before(async () => {
    pages = await buildPages();
    egress = openEgress({ clock: systemClock, environment: {} });
    company = await openCompany({ redirect_uris: () => [`${plane.url}/signed-in`] });
    company.user = { sub: 'cleo', email: 'cleo@acme.example', email_verified: true, groups: ['admins'] };
    plane = await openControlPlane({
      pages_folder: pages.folder,
      documents: egress.documents,
      localhost: true,
      people: {
        oidc: {
          name: 'Acme',
          issuer: company.issuer,
          client_id: 'sallyport',
          scopes: ['openid', 'email'],
          name_claim: 'email',
          groups_claim: 'groups',
          roles: { admins: ['admin'] },
          session_minutes_max: 60,
        },
      },
    });
    browser = await openBrowser();
    context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    page = await context.newPage();
    page.setDefaultTimeout(5_000);
    complaints = complaintsOf(page);
    devtools = await context.newCDPSession(page);
    await devtools.send('WebAuthn.enable');
    const options = {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
    } as const;
    const added = await devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: { ...options, isUserVerified: true, automaticPresenceSimulation: true },
    });
    authenticatorId = added.authenticatorId;
  });
  after(async () => {
    await browser?.close();
    await plane?.close();
    await egress?.close();
    company?.close();
    pages?.remove();
  });

  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const verified = (isUserVerified: boolean) =>
    devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified });

  test('a passkey is added in place of an authenticator, right after the account was made', async () => {
    const made = await plane.identity.people.setupLink({ roles: ['admin'], by: 'local' });
    assert.ok('secret' in made);
    await page.goto(`${plane.url}/setup#${made.secret.reveal()}`);
    await page.getByLabel('Name').fill('ada');
    await page.getByLabel('Password').fill('correct horse battery staple');
    await button('Make account').click();
    await page.getByRole('link', { name: 'Use a passkey instead' }).click();
    await page.getByLabel('Name of a new passkey').fill('laptop');
    await button('Add a passkey').click();
    await page.getByRole('list', { name: 'Passkeys' }).getByText('laptop').waitFor();
    const { credentials } = await devtools.send('WebAuthn.getCredentials', { authenticatorId });
    assert.equal(credentials.length, 1);
    assert.equal(credentials[0]!.rpId, 'localhost');
    assert.equal(credentials[0]!.isResidentCredential, true);
  });

  test('it shows presence where a code would', async () => {
    await page.goto(`${plane.url}/people`);
    await button('Add someone').click();
    await button('Make a link').click();
    await button('Use a passkey').click();
    await page.getByRole('heading', { name: 'Give them this link' }).waitFor();
    await button('Done').click();
  });

  test('it signs in without a name or a password', async () => {
    await context.clearCookies();
    await page.goto(`${plane.url}/people`);
    await button('Sign in with a passkey').click();
    await page.getByText('(you)').waitFor();
    await page.getByText('passkey', { exact: true }).waitFor();
  });

  test('it is refused where the person was not verified', async () => {
    await context.clearCookies();
    await verified(false);
    await page.goto(`${plane.url}/live`);
    await button('Sign in with a passkey').click();
    await page.getByRole('alert').waitFor();
    await verified(true);
  });

  test('a copy whose counter is behind is refused', async () => {
    const { credentials } = await devtools.send('WebAuthn.getCredentials', { authenticatorId });
    const [credential] = credentials;
    const { credentialId } = credential!;
    await devtools.send('WebAuthn.removeCredential', { authenticatorId, credentialId });
    await devtools.send('WebAuthn.addCredential', { authenticatorId, credential: { ...credential!, signCount: 0 } });
    await page.reload();
    await button('Sign in with a passkey').click();
    await page.getByRole('alert').getByText('This passkey is not accepted.').waitFor();
    await devtools.send('WebAuthn.removeCredential', { authenticatorId, credentialId });
    await devtools.send('WebAuthn.addCredential', { authenticatorId, credential: { ...credential!, signCount: 100 } });
  });

  test('at an IP address, where browsers know none, the page says where they work', async () => {
    await page.goto(plane.url.replace('localhost', '127.0.0.1'));
    await page.getByRole('link', { name: plane.url }).waitFor();
    assert.equal(await button('Sign in with a passkey').count(), 0);
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    test(`the door fits a phone and can be read by everybody, ${colorScheme}`, async () => {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width: 390, height: 844 });
      await page.goto(`${plane.url}/live`);
      await button('Sign in with Acme').waitFor();
      const wide = await page.evaluate('document.documentElement.scrollWidth');
      assert.ok(Number(wide) <= 390, `${wide} px`);
      const { violations } = await new AxeBuilder({ page }).analyze();
      assert.deepEqual(
        violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`),
        [],
      );
      await page.setViewportSize({ width: 1280, height: 800 });
    });
  }

  test('by the keyboard alone, one goes to the company and comes back to the page that one wanted', async () => {
    await page.goto(`${plane.url}/people`);
    await button('Sign in with Acme').focus();
    await page.keyboard.press('Enter');
    await page.getByRole('listitem').getByText('cleo@acme.example').waitFor();
    assert.equal(new URL(page.url()).pathname, '/people');
    assert.equal(new URL(page.url()).search, '');
    await page.getByText('company', { exact: true }).waitFor();
  });

  test('the company shows presence too, and one does again what one had begun', async () => {
    await button('Add someone').click();
    await button('Make a link').click();
    await button('Sign in again with Acme').click();
    await page.getByRole('heading', { name: 'People' }).waitFor();
    await button('Add someone').click();
    await button('Make a link').click();
    await page.getByRole('heading', { name: 'Give them this link' }).waitFor();
    await button('Done').click();
  });

  test('what another page sends to the address that one comes back to signs nobody in, and leads nowhere else', async () => {
    await context.clearCookies();
    await page.goto(`${plane.url}/live`);
    await page.evaluate(
      `sessionStorage.setItem('sallyport-away', '{"for":"sign-in","from":"https://elsewhere.example/"}')`,
    );
    await page.goto(`${plane.url}/signed-in?code=stolen&state=planted&iss=${encodeURIComponent(company.issuer)}`);
    await page.getByRole('heading', { name: 'That did not work' }).waitFor();
    assert.equal(new URL(page.url()).search, '');
    await button('Begin again').click();
    await button('Sign in with Acme').waitFor();
    assert.equal(new URL(page.url()).origin, plane.url);
  });

  test('a passkey is removed with presence, and then signs nobody in', async () => {
    await button('Sign in with a passkey').click();
    await page.getByRole('status').first().waitFor();
    await page.goto(`${plane.url}/passkeys`);
    await button('Remove laptop').click();
    await button('Use a passkey').click();
    await page.getByText('laptop').waitFor({ state: 'detached' });
    await context.clearCookies();
    await page.goto(`${plane.url}/live`);
    await button('Sign in with a passkey').click();
    await page.getByRole('alert').getByText('This passkey is not accepted.').waitFor();
  });

  test('and nothing was blocked or thrown on the way', () => {
    // Chromium writes a line for each answer that is a refusal.
    assert.deepEqual(
      complaints.filter((line) => !/^Failed to load resource: .*(401|403)/.test(line)),
      [],
    );
    assert.deepEqual(plane.problems, []);
  });
});
