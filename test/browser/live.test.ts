import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { buildPages, complaintsOf, openBrowser, withoutBrowser } from '../support/browser.ts';
import { totp } from '../support/totp.ts';
import { openWorld, type World } from '../support/world.ts';

const PASSWORD = 'correct horse battery staple';
const HOSTILE =
  '<img src=x onerror=alert(1)><script>alert(2)</script> \u202egnp.exe\u202c \u001b[31mred\u001b]0;title\u0007 zero\u200bwidth';

const POLICIES = `
@id("writes-ok")
@reason("Triage may append lines that begin with ok.")
@public("Lines may begin with ok.")
permit (principal == Agent::"triage", action == Action::"tool.call", resource == Tool::"journal/append")
when { context.args.line like "ok*" };

@id("reads-reports")
@reason("Triage may read below reports/.")
@public("Paths below reports/ may be read.")
permit (principal == Agent::"triage", action == Action::"tool.call", resource == Tool::"journal/read_text")
when { context.args.path like "reports/*" };

@id("may-echo")
@reason("Triage may have things said again.")
@public("Anything may be said again.")
permit (principal == Agent::"triage", action == Action::"tool.call", resource == Tool::"journal/echo");
`;

/** The console as a person meets it, in front of the whole gateway (acceptance 13). One story, in its order. */
describe('the console in a browser', { skip: withoutBrowser }, () => {
  let world: World;
  let pages: Awaited<ReturnType<typeof buildPages>>;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let complaints: string[];

  before(async () => {
    pages = await buildPages();
    world = await openWorld({ pages_folder: pages.folder, policies: POLICIES });
    browser = await openBrowser();
    context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    page = await context.newPage();
    page.setDefaultTimeout(4_000);
    complaints = complaintsOf(page);
  });
  after(async () => {
    await browser?.close();
    await world?.stop();
    pages?.remove();
  });

  /** The row of the newest exchange. */
  const newest = () => page.getByRole('option').first();

  test('asks a stranger to sign in, and shows nothing else', async () => {
    await page.goto(`${world.running.console_url}/live`);
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    assert.equal(await page.getByRole('option').count(), 0);
    await page.getByLabel('Name').fill('nobody');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').getByText('The name or the password is wrong.').waitFor();
  });

  test('makes an account from the set-up link, whose secret leaves the address bar', async () => {
    const made = await world.local.call('setup.link', {});
    assert.equal(made.kind, 'ok');
    await page.goto(made.kind === 'ok' ? made.value.link : '');
    await page.getByRole('heading', { name: 'Make your account' }).waitFor();
    assert.equal(new URL(page.url()).hash, '');
    await page.getByLabel('Name').fill('ada');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Make account' }).click();
    await page.getByRole('heading', { name: 'Enrol an authenticator' }).waitFor();
  });

  test('enrols an authenticator by QR code or by hand', async () => {
    await page.getByRole('button', { name: 'Show the code to scan' }).click();
    await page.getByRole('img', { name: 'QR code for your authenticator' }).waitFor();
    const secret = (await page.getByText(/^[A-Z2-7]{26,}$/).textContent()) ?? '';
    await page.getByLabel('Code', { exact: true }).fill(totp(secret, Date.now()));
    await page.getByRole('button', { name: 'Finish' }).click();
    await page.getByText('No agent has asked for anything yet').waitFor();
  });

  test('shows a call made outside within a second', async () => {
    await page.getByRole('status').getByText('Live').waitFor();
    await page.mouse.move(2, 2);
    const started = performance.now();
    const called = await world.call(world.triage, 'append', { line: 'ok from outside' });
    assert.equal(called.status, 200);
    await newest().getByText('journal/append').waitFor({ timeout: 1_000 });
    const took = performance.now() - started;
    assert.ok(took < 1_000, `${took} ms`);
    await newest().getByText('permit').waitFor();
    await newest().getByText('completed').waitFor({ timeout: 2_000 });
  });

  test("says why a call was refused, in the policy's words and in those that the agent was told", async () => {
    const called = await world.call(world.triage, 'read_text', { path: 'secret/keys' });
    assert.notEqual(called.body.error ?? called.body.result?.isError, undefined);
    await newest().getByText('deny').waitFor({ timeout: 1_000 });
    await page.keyboard.press('j');
    await page.keyboard.press('w');
    const story = page.getByRole('complementary', { name: 'Why' });
    await story.getByText('No policy permits that, so it was refused.').waitFor();
    await story.getByText('policy_denied', { exact: true }).waitFor();
    await story.getByText('Paths below reports/ may be read.', { exact: true }).first().waitFor();
    assert.match(page.url(), /receipt=rcp_/);
    assert.ok(await story.getByText(/^sallyport why rcp_/).isVisible());
  });

  test('keeps markup, bidirectional and terminal escapes in an answer as text', async () => {
    await page.keyboard.press('Escape');
    const called = await world.call(world.triage, 'echo', { text: HOSTILE });
    assert.equal(called.status, 200, called.text);
    assert.ok(JSON.stringify(called.body).includes('onerror=alert'));
    await newest().getByText('journal/echo').waitFor({ timeout: 1_000 });
    await newest().getByText('completed').waitFor({ timeout: 2_000 });
    await newest().click();
    const story = page.getByRole('complementary', { name: 'Why' });
    await story.getByText('What came back').waitFor();
    const shown = await story.textContent();
    assert.ok(shown!.includes('<img src=x onerror=alert(1)>'), 'markup stands there as it was written');
    assert.ok(shown!.includes('\\u202e') && shown!.includes('\\u001b') && shown!.includes('\\u200b'));
    const html = await page.content();
    assert.equal(await page.locator('img').count(), 0);
    assert.equal(await page.locator('script:not([src])').count(), 0);
    assert.doesNotMatch(html, /[\u001b\u0007\u202a-\u202e\u200b]/);
  });

  test('goes on live while one reads, without moving what is read', async () => {
    const first = await newest().getAttribute('data-receipt');
    await world.call(world.triage, 'append', { line: 'ok while reading' });
    await page.getByRole('button', { name: '1 new' }).waitFor({ timeout: 2_000 });
    assert.equal(await newest().getAttribute('data-receipt'), first);
    await page.getByRole('button', { name: '1 new' }).click();
    assert.notEqual(await newest().getAttribute('data-receipt'), first);
  });

  test('filters by the address, and the address by the filter', async () => {
    await page.goto(`${world.running.console_url}/live?decision=deny`);
    await newest().getByText('deny').waitFor();
    assert.equal(await page.getByRole('option').getByText('permit').count(), 0);
    await page.keyboard.press('/');
    await page.keyboard.type(' agent:nobody');
    await page.keyboard.press('Enter');
    await page.getByText('Nothing matches').waitFor();
    assert.match(page.url(), /agent=nobody/);
  });

  test('names what it stops before it does, and lifts it for someone who is here', async () => {
    await page.getByRole('button', { name: 'Stop…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('Agent triage stops.', { exact: false }).waitFor();
    await dialog.getByLabel('Why').fill('a test');
    await dialog.getByRole('button', { name: 'Stop triage' }).click();
    await page.getByRole('banner').getByText('1 stop').waitFor();
    const refused = await world.call(world.triage, 'append', { line: 'ok after the stop' });
    assert.equal(refused.status, 403);
    await page.goto(`${world.running.console_url}/status`);
    await page.getByRole('button', { name: 'Lift…' }).click();
    await page.getByText('What is stopped').waitFor({ state: 'detached' });
    assert.equal((await world.call(world.triage, 'append', { line: 'ok again' })).status, 200);
  });

  test('can be read on a phone', async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    for (const path of ['/live', '/agents', '/status']) {
      await page.goto(world.running.console_url + path);
      await page.getByRole('button', { name: 'Stop…' }).waitFor();
      const wide = await page.evaluate<boolean>('document.documentElement.scrollWidth > innerWidth');
      assert.equal(wide, false, `${path} is wider than the phone`);
    }
  });

  test('can be read by everyone: WCAG 2.2 AA, in light and in dark', async () => {
    await page.setViewportSize({ width: 1280, height: 800 });
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      for (const path of ['/live', '/agents?agent=triage', '/status', '/authenticator']) {
        await page.goto(world.running.console_url + path);
        await page
          .getByText(path === '/authenticator' ? 'Enrolled' : 'Enforcing')
          .first()
          .waitFor();
        if (path === '/live') {
          await newest().click();
          await page.getByText('Evidence').waitFor();
        }
        const axe = new AxeBuilder({ page });
        // What stands there is the same in both; only its colours differ.
        if (colorScheme === 'dark') axe.withRules(['color-contrast']);
        else axe.withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']);
        const { violations } = await axe.analyze();
        const found = violations.flatMap(({ id, nodes }) =>
          nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`),
        );
        assert.deepEqual(found, [], `${path} in ${colorScheme}`);
      }
    }
  });

  test('without a complaint of the browser', () => {
    // A refused sign-in is a failed request to the browser.
    assert.deepEqual(
      complaints.filter((text) => !/status of 401|status of 403/.test(text)),
      [],
    );
  });
});
