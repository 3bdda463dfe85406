import assert from 'node:assert/strict';
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright-core';
import type { Operator } from './person.ts';
import { totp } from './totp.ts';

const PHONE_PX = 390;

/** Signs in where the page asks for it. */
export async function signIn(page: Page, url: string, { name, password }: Operator): Promise<void> {
  await page.goto(url);
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('banner').waitFor();
}

/** Shows that somebody is here, if the page asks: a code counts once, so each is of another half minute. */
export class Codes {
  readonly #authenticator: string;
  #next = 0;

  constructor({ authenticator }: Operator) {
    this.#authenticator = authenticator;
  }

  /** After a click that may need presence; `done` is there when it was not asked for, or has been shown. */
  async show(page: Page, done: () => Promise<unknown>): Promise<void> {
    const question = page.getByRole('dialog', { name: 'Are you here?' });
    const asked = question.waitFor().then(() => true);
    const went = done().then(() => false);
    if (await Promise.race([asked, went])) {
      await question.getByLabel('Code').fill(totp(this.#authenticator, Date.now() + this.#next));
      await question.getByRole('button', { name: 'Go on' }).click();
      this.#next += 30_000;
    }
    asked.catch(() => undefined);
    await went;
  }
}

/** Every violation of WCAG 2.2 AA on what is shown now. */
export async function violationsOf(page: Page, what: string, onlyColours = false): Promise<string[]> {
  const axe = new AxeBuilder({ page });
  if (onlyColours) axe.withRules(['color-contrast']);
  else axe.withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']);
  const { violations } = await axe.analyze();
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${what}: ${id}: ${html}`));
}

/** Pages in light and in dark, on a screen and on a phone. What stands there is the same; colours and width differ. */
export async function readableByAll(page: Page, origin: string, paths: readonly string[]): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    for (const path of paths) {
      await page.setViewportSize({ width: 1280, height: 800 });
      await page.goto(origin + path);
      await page.getByRole('banner').waitFor();
      await page.waitForLoadState('networkidle');
      assert.deepEqual(await violationsOf(page, `${path} in ${colorScheme}`, colorScheme === 'dark'), []);
      await page.setViewportSize({ width: PHONE_PX, height: 844 });
      assert.ok(Number(await page.evaluate('document.documentElement.scrollWidth')) <= PHONE_PX, `${path} is too wide`);
    }
  }
}
