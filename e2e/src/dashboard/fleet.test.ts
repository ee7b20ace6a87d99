import { type Client, createClient } from '@slipway/client';
import { type Fleet, setFaults } from '@slipway/simulator';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestFleet } from '../fleet.js';
import { openChromium, picture, seriousFindings, signedIn } from './signed-in.js';

let fleet: Fleet;
let client: Client;
let browser: Browser;
beforeAll(async () => {
  fleet = await startTestFleet({
    replicas: [{ slots: 8 }, { slots: 8 }, { slots: 4 }],
    durations: { meanMs: 150, sigma: 0.6 },
    env: { worker: { MAX_ATTEMPTS: '1' } },
  });
  client = createClient({ url: urlOf(), token: fleet.token });
  const faults = [{ fault: 'failed' as const, image: 'broken' }];
  await Promise.all(fleet.replicas.map(({ url }) => setFaults(url, faults)));
  browser = await openChromium();
});
afterAll(async () => {
  await browser?.close();
  await fleet?.stop();
});

const urlOf = () => fleet.apis[0]?.url ?? '';
const open = (options: { colours?: 'light' | 'dark'; width?: number; token?: string } = {}) =>
  signedIn({ browser, url: urlOf(), token: fleet.token, ...options });
const live = (page: Page) => page.locator('[data-live="live"]').waitFor();
const looks = [{}, { colours: 'dark' }, { width: 390 }] as const;

interface SubmitOptions {
  /** The number of jobs that fail. */
  readonly broken?: number;
  readonly max_running?: number;
}

function submit(name: string, count: number, { broken = 0, ...rest }: SubmitOptions = {}) {
  const items = Array.from({ length: count }, (_item, at) => ({
    image: `registry.test/${name}/${at < broken ? 'broken' : 'good'}-${at}:1`,
    function: `${name}-${at}`,
  }));
  const defaults = { source: { digest: fleet.source }, force: true };
  return client.submitBatch({ batch: { items, defaults, labels: { pipeline: name }, ...rest } });
}

describe('the queue', () => {
  it('is shown as held until an operator releases it', async () => {
    await client.holdQueue();
    const { page, goTo } = await open();
    await goTo('/fleet');
    await page.getByRole('heading', { name: 'No job starts' }).waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    await client.releaseQueue({ jobs: 'run' });
    await page.getByRole('heading', { name: 'No job starts' }).waitFor({ state: 'detached' });
    await page.context().close();
  });
});

describe('signing in', () => {
  it('accepts a valid token, keeps it over a reload, and forgets it on sign-out', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${urlOf()}/`);
    await page.getByLabel('Token').fill('wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').getByText('wrong, expired or revoked').waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    await page.getByLabel('Token').fill(fleet.token);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Fleet' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Fleet' }).waitFor();
    expect(page.url()).toBe(`${urlOf()}/fleet`);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Token').waitFor();
    expect(await page.evaluate('JSON.stringify(sessionStorage)')).toBe('{}');
    await context.close();
  });

  it('ends when the token is revoked', async () => {
    const { id, token } = await client.createToken({
      request: { description: 'to be revoked', scopes: ['jobs:read'] },
    });
    const { page, goTo } = await open({ token });
    await goTo('/fleet');
    await page.getByText('Your token does not show the replicas').waitFor();
    await client.revokeToken({ id });
    await page.getByText('The token is no longer valid').waitFor();
    await page.context().close();
  });
});

describe('the batches', () => {
  it('explain how to submit one while there are none', async () => {
    const { page, goTo } = await open();
    await goTo('/batches');
    await page.getByText('No batch yet').waitFor();
    await goTo('/batches/batch_00000000000000000000000000');
    await page.getByText('Batch not found').waitFor();
    await page.context().close();
  });

  it('show five hundred jobs live without a reload, with failures', async () => {
    const before = await submit('nightly', 40, { broken: 3 });
    await client.waitForBatch({ id: before.id });
    const { page, errors, goTo } = await open();
    await goTo('/batches');
    await live(page);
    const { id } = await submit('nightly', 500, { broken: 12 });
    await page.getByRole('link', { name: id }).click();
    const cells = page.locator('[data-id]');
    await expect.poll(() => cells.count()).toBe(500);
    await page.evaluate(`(() => {
      window.longTasks = [];
      window.frames = 0;
      new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map((task) => Math.round(task.duration))))
        .observe({ type: 'longtask' });
      const frame = () => { window.frames++; requestAnimationFrame(frame); };
      requestAnimationFrame(frame);
      window.since = performance.now();
    })()`);
    await page.locator('[data-id][data-state="running"]').first().waitFor();
    await expect.poll(() => page.locator('[data-id][data-state="succeeded"]').count()).toBeGreaterThan(100);
    await picture(page, 'dashboard-batch');
    await expect.poll(() => page.locator('[data-id][data-state="succeeded"]').count()).toBe(488);
    await page.getByText('Finished', { exact: true }).waitFor();
    const smooth = await page.evaluate(
      'JSON.stringify({ longTasksMs: window.longTasks, framesPerSecond: Math.round(window.frames / (performance.now() - window.since) * 1000) })',
    );
    process.stdout.write(`a batch of 500 on screen: ${smooth}\n`);
    await expect.poll(() => page.locator('[data-id][data-state="failed"]').count()).toBe(12);
    await page.getByText('Compared with the run before').waitFor();

    await page.getByLabel('Only failures (12)').click();
    await expect.poll(() => cells.count()).toBe(12);
    await page.waitForURL(/show=failed/);
    await cells.first().focus();
    await page.keyboard.press('ArrowRight');
    await expect
      .poll(() => page.evaluate('document.activeElement.getAttribute("aria-label")'))
      .toBe('openfaas-fn/nightly-1, failed');
    await page.getByText('build_failed:').waitFor();
    await page.getByRole('button', { name: 'Retry 12 that did not succeed' }).click();
    await page.getByRole('heading', { name: 'Batch of 12 jobs' }).waitFor();
    await page.getByText('Still fail (12)').waitFor();
    await page.getByRole('heading', { name: 'Failures by cause' }).waitFor();
    const retried = page.url();
    await page.getByRole('button', { name: 'Retry these 12' }).click();
    await expect.poll(() => page.url()).not.toBe(retried);
    await page.getByRole('heading', { name: 'Batch of 12 jobs' }).waitFor();
    expect(errors).toEqual([]);
    await page.context().close();

    for (const look of looks) {
      const again = await open(look);
      for (const path of [`/batches/${id}`, '/batches']) {
        await again.goTo(path);
        await again.page
          .getByRole('img', { name: /succeeded/ })
          .first()
          .waitFor();
        // An element that fades in has less contrast for a moment.
        await expect.poll(() => again.page.getByText(/^(Loading|Comparing)/).count()).toBe(0);
        expect(await seriousFindings(again.page)).toEqual([]);
        expect(await isTooWide(again.page)).toBe(false);
        if (look === looks[2] && path !== '/batches') await walkGrid(again.page);
        if (look !== looks[1]) continue;
        const name = path === '/batches' ? 'dashboard-batches' : 'dashboard-batch-ended';
        await picture(
          again.page,
          `${name}-${look === looks[2] ? 'narrow' : look === looks[1] ? 'dark' : 'light'}`,
        );
      }
      await again.page.context().close();
    }
  });

  it('are canceled after a confirmation', async () => {
    const { id } = await submit('canceled', 300, { max_running: 1 });
    const { page, errors, goTo } = await open();
    await goTo(`/batches/${id}`);
    const cancel = page.getByRole('button', { name: 'Cancel', exact: true });
    const question = page.getByRole('alertdialog', { name: 'Cancel this batch?' });
    const focused = () => page.evaluate('document.activeElement.textContent');
    const scrolling = () => page.evaluate('getComputedStyle(document.documentElement).overflowY');
    await cancel.focus();
    await page.keyboard.press('Enter');
    await question.getByText('Finished builds stay.').waitFor();
    expect(await page.locator('dialog:modal').count()).toBe(1);
    expect([await focused(), await scrolling()]).toEqual(['Not now', 'hidden']);
    expect(await seriousFindings(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await question.waitFor({ state: 'detached' });
    expect([await focused(), await scrolling()]).toEqual(['Cancel', 'visible']);
    await cancel.click();
    await question.getByRole('button', { name: 'Not now' }).click();
    await question.waitFor({ state: 'detached' });
    expect(await focused()).toBe('Cancel');
    await cancel.click();
    await page.getByRole('button', { name: 'Cancel the batch' }).click();
    await page.getByText('Finished', { exact: true }).waitFor();
    const { counts } = await client.getBatch({ id });
    expect(counts.canceled).toBeGreaterThan(0);
    expect(errors).toEqual([]);
    await page.context().close();
  });
});

describe('the fleet', () => {
  it('shows the replicas at work, drains one and resumes it', async () => {
    const { id } = await submit('fleet', 400, { broken: 6 });
    const { page, errors, goTo } = await open();
    await goTo('/fleet');
    await live(page);
    await page.getByText(/of 3 replicas take builds/).waitFor();
    await page
      .getByText(/[1-8] of 8 slots busy/)
      .first()
      .waitFor();
    await page.getByRole('heading', { name: 'Jobs a minute' }).waitFor();
    await picture(page, 'dashboard-fleet');
    const [drain] = await page.getByRole('button', { name: /^Drain / }).all();
    await drain?.focus();
    await page.keyboard.press('Enter');
    await page.getByText('Draining').waitFor();
    expect((await client.listBuilders()).filter(({ draining }) => draining)).toHaveLength(1);
    await page.getByRole('button', { name: /^Resume / }).click();
    await page.getByText('3 of 3 replicas take builds').waitFor();
    await client.waitForBatch({ id });
    await page.getByText('0 of 20 slots busy').waitFor();
    expect(errors).toEqual([]);
    await page.context().close();
    for (const look of looks) {
      const again = await open(look);
      await again.goTo('/fleet');
      await again.page.getByRole('heading', { name: 'Jobs a minute' }).waitFor();
      await again.page.getByText('3 of 3 replicas take builds').waitFor();
      expect(await seriousFindings(again.page)).toEqual([]);
      expect(await isTooWide(again.page)).toBe(false);
      if (look === looks[1]) await picture(again.page, 'dashboard-fleet-dark');
      if (look === looks[2]) await picture(again.page, 'dashboard-fleet-narrow');
      await again.page.context().close();
    }
  });
});

/** By keyboard through the cells of a batch of 500 named nightly, of which not all fit the page. */
async function walkGrid(page: Page) {
  const cells = page.locator('[data-id]');
  const focused = (name: string) =>
    expect
      .poll(() => page.evaluate('document.activeElement.getAttribute("aria-label")'))
      .toBe(`openfaas-fn/nightly-${name}`);
  await page.locator('[data-id][tabindex="0"]').focus();
  await focused('0, failed');
  await page.keyboard.press('End');
  await focused('499, succeeded');
  expect(await cells.count()).toBeLessThan(500);
  await page.keyboard.press('ArrowLeft');
  await focused('498, succeeded');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  await focused('499, succeeded');
  // At the end, the user can scroll away and continue by keyboard.
  const list = page.getByRole('list', { name: 'Jobs' });
  await list.locator('..').evaluate((box: { scrollTop: number }) => {
    box.scrollTop = 0;
  });
  await page.locator('[aria-label^="openfaas-fn/nightly-5,"]').waitFor();
  await focused('499, succeeded');
  await page.keyboard.press('Home');
  await focused('0, failed');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowUp');
  await focused('0, failed');
}

const isTooWide = (page: Page) => page.evaluate('document.documentElement.scrollWidth > innerWidth');
