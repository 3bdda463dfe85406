import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { buildPages, complaintsOf, openBrowser, withoutBrowser } from '../support/browser.ts';
import { Codes, readableByAll, signIn, violationsOf } from '../support/console-page.ts';
import { type Operator, openOperator } from '../support/person.ts';
import { openWorld, type World } from '../support/world.ts';

/** A policy that knows nothing of the agent: its first day. */
const POLICIES = `
@id("echoes-nothing")
@reason("Nobody has things said again that look like a command.")
forbid (principal, action == Action::"tool.call", resource == Tool::"journal/echo")
when { context.args.text like "rm *" };
`;
const RUNS = 6;
const HOUR_MS = 3_600_000;
const CLOCK_HEARD_MS_MAX = 20_000;

/** A clock that can be set forward, in this process and in every thread of it. */
async function forwardClock() {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-clock-'));
  const file = join(folder, 'ahead_ms');
  const before = { date: globalThis.Date, options: process.env['NODE_OPTIONS'] ?? '' };
  const set = (ms: number) => writeFileSync(file, String(ms));
  set(0);
  const module = new URL('../support/forward-clock.ts', import.meta.url);
  process.env['SALLYPORT_TEST_CLOCK'] = file;
  process.env['NODE_OPTIONS'] = `${before.options} --import=${module}`;
  await import(module.href);
  return {
    set,
    back: () => {
      globalThis.Date = before.date;
      process.env['NODE_OPTIONS'] = before.options;
      delete process.env['SALLYPORT_TEST_CLOCK'];
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * From an agent of which nobody knows what it needs to the least that it needs, and a refusal that a person understands and
 * lifts for an hour: by clicks that a newcomer finds, each by the words on it (acceptance 7 of least privilege).
 */
describe('least privilege by a newcomer’s clicks', { skip: withoutBrowser, timeout: 240_000 }, () => {
  let clock: Awaited<ReturnType<typeof forwardClock>>;
  let world: World;
  let ada: Operator;
  let codes: Codes;
  let pages: Awaited<ReturnType<typeof buildPages>>;
  let browser: Browser;
  let page: Page;
  let complaints: string[];

  before(async () => {
    clock = await forwardClock();
    pages = await buildPages();
    world = await openWorld({ pages_folder: pages.folder, policies: POLICIES, policy: 'source: console' });
    ada = await openOperator(world);
    codes = new Codes(ada);
    browser = await openBrowser();
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    page = await context.newPage();
    page.setDefaultTimeout(15_000);
    complaints = complaintsOf(page);
    await signIn(page, `${world.running.console_url}/live`, ada);
  });
  after(async () => {
    await browser?.close();
    await world?.stop();
    pages?.remove();
    clock?.back();
  });

  const bar = () => page.getByRole('banner');
  const dialog = () => page.getByRole('dialog');
  const section = (name: string) =>
    bar().getByRole('navigation', { name: 'Pages' }).getByRole('link', { name, exact: true }).click();
  const tab = (name: string) => page.getByRole('navigation', { name: 'Policies' }).getByRole('link', { name }).click();

  /** Each with a token of its own: a run is one doing of the job. */
  async function called(tool: string, args: object): Promise<boolean> {
    const agent = await world.register('triage');
    const { body } = await world.call(agent, tool, args);
    return body.error === undefined && body.result?.isError !== true;
  }

  /** The gateway reads the database's clock with each poll; until then a token of the new hour is one of the future to it. */
  async function heardOf(work: () => Promise<boolean>): Promise<boolean> {
    const until = performance.now() + CLOCK_HEARD_MS_MAX;
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (performance.now() > until) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  test('observe: what policy refuses goes through for a while, and the bar says so on every page', async () => {
    assert.equal(await called('read_text', { path: 'reports/monday' }), false);
    await section('Policies');
    await tab('Suggestions');
    await page.getByRole('button', { name: 'Observe for a while…' }).click();
    await dialog().getByLabel('Why').fill('The first day of triage');
    await dialog().getByRole('button', { name: 'Observe', exact: true }).click();
    await codes.show(page, () =>
      bar()
        .getByText(/^Observing, \d+ min left$/)
        .waitFor(),
    );
    for (let run = 0; run < RUNS; run += 1) {
      assert.equal(await called('read_text', { path: `reports/2026-11-${10 + run}` }), true);
      assert.equal(await called('append', { line: `ok run ${run}` }), true);
    }
  });

  test('suggestion: the least that would have let it through, with its evidence, to accept clause by clause', async () => {
    await page.reload();
    await page.getByRole('button', { name: /triage.*support/ }).click();
    const pane = page.getByRole('complementary', { name: 'triage in support' });
    await pane.getByText('What it needs (2)').waitFor();
    assert.equal(await pane.getByRole('checkbox', { checked: true }).count(), 2);
    await pane
      .getByRole('link', { name: /^Example 1/ })
      .first()
      .waitFor();
    assert.deepEqual(await violationsOf(page, 'a suggestion'), []);
    await pane.getByRole('button', { name: 'Simulate…' }).click();
  });

  test('simulate: what was really asked for, decided by it', async () => {
    await page.getByRole('button', { name: 'Simulate', exact: true }).click();
    await page.getByText(/exchanges would come out otherwise/).waitFor({ timeout: 30_000 });
    const permitted = page
      .getByRole('region', { name: 'Newly permitted' })
      .or(page.getByText(/newly permitted/))
      .first();
    assert.match((await permitted.textContent()) ?? '', /[1-9]\d* newly permitted/);
    assert.deepEqual(await violationsOf(page, 'a simulation'), []);
  });

  test('accept: proposed with a reason, and put in force by somebody who is here', async () => {
    await page.getByRole('button', { name: 'Propose…' }).click();
    await dialog().getByLabel('Why').fill('What triage was seen to need');
    await dialog().getByRole('button', { name: 'Propose', exact: true }).click();
    await dialog().getByRole('button', { name: 'Activate…' }).click();
    await codes.show(page, () => page.getByRole('heading', { name: /2 policies permit, 1 forbids/ }).waitFor());
    await section('Status');
    await page.getByRole('button', { name: 'Enforce again' }).click();
    await bar().getByText('Enforcing').waitFor();
    assert.equal(await called('read_text', { path: 'reports/2026-11-30' }), true);
  });

  test('a call outside is refused, and why is one click away: the clause, and what it saw', async () => {
    assert.equal(await called('read_text', { path: 'secret/keys' }), false);
    await section('Live');
    const newest = page.getByRole('option').first();
    await newest.getByText('policy denied').waitFor();
    await newest.click();
    const story = page.getByRole('complementary', { name: 'Why' });
    await story.getByText('does not hold').first().waitFor();
    await story.getByText('"secret/keys"').first().waitFor();
    await story.getByText('What would have permitted it').first().waitFor();
    assert.deepEqual(await violationsOf(page, 'a refusal'), []);
  });

  test('grant for 1 h: from there, for that call alone', async () => {
    await page.getByRole('button', { name: 'Grant for 1 h…' }).click();
    await dialog().getByLabel('Why').fill('The incident of this morning');
    assert.deepEqual(await violationsOf(page, 'a grant'), []);
    await dialog().getByRole('button', { name: 'Grant for 1h' }).click();
    await codes.show(page, () => dialog().waitFor({ state: 'detached' }));
    assert.equal(await called('read_text', { path: 'secret/keys' }), true);
    assert.equal(await called('read_text', { path: 'secret/others' }), false);
    await section('Policies');
    await page.getByText('Open for a while (1)').waitFor();
    await tab('Grants');
    await page.getByText('The incident of this morning').waitFor();
    await page.getByText(/^(?:60|59) min left$/).waitFor();
  });

  test('expires: an hour later it is refused again, and nothing stands open', async () => {
    clock.set(HOUR_MS);
    assert.equal(await heardOf(() => called('read_text', { path: 'secret/keys' })), false);
    // Whoever did nothing for an hour signs in again.
    await signIn(page, `${world.running.console_url}/policies/grants`, ada);
    await page.getByText('Nothing stands open').waitFor();
  });

  test('can be read by everyone on the way', async () => {
    await readableByAll(page, world.running.console_url, [
      '/policies',
      '/policies/suggestions?agent=triage&job=support',
      '/policies/simulate',
      '/policies/grants?ended=yes',
      '/agents?agent=triage',
      '/status',
    ]);
  });

  test('without a complaint of the browser', () => {
    assert.deepEqual(
      complaints.filter((line) => !/status of 401|status of 403/.test(line)),
      [],
    );
  });
});
