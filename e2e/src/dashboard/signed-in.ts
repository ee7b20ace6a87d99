import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { findTool } from '@slipway/local';
import axe from 'axe-core';
import { type Browser, chromium, type Page } from 'playwright-core';

interface SignedInOptions {
  readonly browser: Browser;
  /** The URL of the API, which serves the dashboard. */
  readonly url: string;
  readonly token: string;
  readonly colours?: 'light' | 'dark';
  readonly width?: number;
}

/** Debian's Chromium. Rejects when it is not there. */
export function openChromium(): Promise<Browser> {
  const executablePath = findTool('chromium');
  if (executablePath === undefined) throw new Error('chromium is missing: apt-get install chromium');
  return chromium.launch({ executablePath, args: ['--no-sandbox'] });
}

export interface SignedIn {
  readonly page: Page;
  /** Unexpected errors of the page and of its requests. */
  readonly errors: readonly string[];
  goTo(path: string): Promise<void>;
}

/** Opens a page in its own browser context, with a signed-in user. */
export async function signedIn(options: SignedInOptions): Promise<SignedIn> {
  const { browser, url, token, colours = 'light', width = 1280 } = options;
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: colours });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  await page.addInitScript(`sessionStorage.setItem('slipway.token', ${JSON.stringify(token)})`);
  return { page, errors, goTo: async (path) => void (await page.goto(url + path)) };
}

/** Returns the serious and critical findings of axe, as `rule: element`. */
export async function seriousFindings(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = (await page.evaluate('axe.run()')) as axe.AxeResults;
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 120)}`));
}

/** Takes a picture for the docs. Only `npm run pictures` sets `SCREENSHOTS`. */
export async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env.SCREENSHOTS;
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), animations: 'disabled' });
}
