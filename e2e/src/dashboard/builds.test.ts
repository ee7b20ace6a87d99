import type { Job } from '@slipway/shared/contracts';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stack, startStack } from '../stack.js';
import { openChromium, picture, type SignedIn, seriousFindings, signedIn } from './signed-in.js';
import { build as buildJob, isTooWide, submit as submitJob } from './submit.js';

let stack: Stack;
let browser: Browser;
beforeAll(async () => {
  stack = await startStack({ builders: 1 });
  browser = await openChromium();
});
afterAll(async () => {
  await browser?.close();
  await stack?.stop();
});

const open = (options: { colours?: 'light' | 'dark'; width?: number } = {}) =>
  signedIn({ browser, url: stack.url, token: stack.token, ...options });

const submit = (name: string, lines: readonly string[], spec: object = {}) =>
  submitJob({ stack, name, lines, spec });
const build = (name: string, lines: readonly string[], spec: object = {}) =>
  buildJob({ stack, name, lines, spec });

const failingTest = [
  'RUN echo "added 214 packages in 2s"',
  'RUN printf "\\033[32mPASS\\033[0m src/util.test.js\\n\\033[31mFAIL\\033[0m src/handler.test.js\\n  Expected: 200\\n  Received: 500\\n"; exit 1',
];

describe('the page of a job', () => {
  it('opens a failed build at the step that failed, in light, dark and narrow', async () => {
    const job = await build('orders', failingTest, { labels: { team: 'core' } });
    expect(job.state).toBe('failed');
    for (const look of [{}, { colours: 'dark' }, { width: 390 }] as const) {
      const { page, errors, goTo } = await open(look);
      await goTo(`/jobs/${job.id}`);
      await page.getByRole('heading', { name: 'The build failed' }).waitFor();
      await page.getByText('Read the failing step in the log.').waitFor();
      const log = page.getByRole('region', { name: 'Log', exact: true });
      await log.getByRole('button', { name: /^failed .*RUN printf/, expanded: true }).waitFor();
      await log.getByText('Received: 500', { exact: false }).last().waitFor();
      await log.getByRole('button', { name: /added 214/, expanded: false }).waitFor();
      expect(await seriousFindings(page)).toEqual([]);
      if (look.width === undefined) await picture(page, `dashboard-job-failed-${look.colours ?? 'light'}`);
      expect(errors).toEqual([]);
      await page.context().close();
    }
  });

  it('shows the log of a running build live, and its end, without a reload', async () => {
    const job = await submit(
      'live',
      ['RUN for n in $(busybox seq 1 16); do echo count $n; sleep 0.5; done'],
      {
        force: true,
      },
    );
    const { page, goTo } = await open();
    await goTo(`/jobs/${job.id}`);
    await page.evaluate("document.title = 'not loaded again'; window.stays = true");
    const log = page.getByRole('region', { name: 'Log', exact: true });
    await log.getByText('count 2', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Following' }).waitFor();
    await log.getByText('count 16', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Build again' }).waitFor();
    await page.getByRole('button', { name: 'Following' }).waitFor({ state: 'detached' });
    expect(await page.evaluate('window.stays')).toBe(true);
    await page.context().close();
  });

  it('keeps all steps of a running build open or closed, also steps that begin later', async () => {
    const job = await submit(
      'folded',
      ['RUN echo first; sleep 2', 'RUN echo second; sleep 2', 'RUN echo third'],
      {
        force: true,
      },
    );
    const { page, goTo } = await open();
    await goTo(`/jobs/${job.id}`);
    const log = page.getByRole('region', { name: 'Log', exact: true });
    const step = (name: string, expanded: boolean) =>
      log.getByRole('button', { name: new RegExp(`RUN echo ${name}`), expanded }).waitFor();
    await log.getByText('first', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Unfold all' }).click();
    await page.getByRole('button', { name: 'Fold all' }).click();
    await step('first', false);
    await step('second', false);
    await page.getByRole('button', { name: 'Unfold all' }).click();
    await step('first', true);
    await step('third', true);
    await page.getByRole('button', { name: 'Build again' }).waitFor();
    await page.getByRole('button', { name: 'Fold all' }).click();
    await log.getByText('third', { exact: true }).waitFor({ state: 'detached' });
    await page.context().close();
  });

  it('follows a log until the reader scrolls up, and again by the button; wraps long lines', async () => {
    const long = 'x'.repeat(1_000);
    const lines = `echo ${long}; busybox seq 1 150; n=150; while true; do n=$((n+1)); echo $n; sleep 0.2; done`;
    const job = await submit('scrolled', [`RUN ${lines}`], { force: true });
    const { page, errors, goTo } = await open();
    await goTo(`/jobs/${job.id}`);
    const log = page.getByRole('region', { name: 'Log', exact: true });
    // The first has the name of the step.
    const row = log.locator('[data-index]').filter({ hasText: long }).last();
    const box = () =>
      log.evaluate((element: Record<'scrollTop' | 'scrollHeight' | 'clientHeight', number>) => ({
        top: element.scrollTop,
        height: element.scrollHeight,
        left: element.scrollHeight - element.scrollTop - element.clientHeight,
      }));
    await log.locator('span').getByText('151', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Following', pressed: true }).waitFor();
    await expect.poll(async () => (await box()).left).toBeLessThan(10);

    await log.hover();
    await page.mouse.wheel(0, -100_000);
    await page.getByRole('button', { name: 'Follow', pressed: false }).waitFor();
    await row.waitFor();
    const before = await box();
    expect(before.top).toBe(0);
    await expect.poll(async () => (await box()).height).toBeGreaterThan(before.height + 40);
    expect((await box()).top).toBe(0);

    const next = log.locator(`[data-index="${Number(await row.getAttribute('data-index')) + 1}"]`);
    /** From the line to the one below it. */
    const pitch = async () => {
      const [here, below] = [await row.boundingBox(), await next.boundingBox()];
      return here && below ? Math.round(below.y - here.y) : 0;
    };
    const tall = async () => Math.round((await row.boundingBox())?.height ?? 0);
    expect([await pitch(), await tall(), await isTooWide(log)]).toEqual([22, 22, true]);
    await page.getByRole('button', { name: 'Wrap lines' }).click();
    await expect.poll(tall).toBeGreaterThan(100);
    await expect.poll(async () => (await pitch()) - (await tall())).toBe(0);
    expect(await isTooWide(log)).toBe(false);
    await page.getByRole('button', { name: 'Unwrap lines' }).click();
    await expect.poll(pitch).toBe(22);
    expect(await isTooWide(log)).toBe(true);

    await page.getByRole('button', { name: 'Follow', pressed: false }).click();
    await page.getByRole('button', { name: 'Following', pressed: true }).waitFor();
    await expect.poll(async () => (await box()).left).toBeLessThan(10);
    const { height: then } = await box();
    await expect.poll(async () => (await box()).height).toBeGreaterThan(then);
    await expect.poll(async () => (await box()).left).toBeLessThan(10);

    // The wheel turns in the same frame as a scroll of the viewer: the browser adds both and sends one scroll event.
    await page.evaluate(`{
      const scrollTo = Element.prototype.scrollTo;
      let turned = false;
      Element.prototype.scrollTo = function (...given) {
        if (this.ariaLabel !== 'Log') return scrollTo.apply(this, given);
        if (turned) return;
        const before = this.scrollTop;
        scrollTo.apply(this, given);
        if (this.scrollTop === before) return;
        turned = true;
        queueMicrotask(() => { this.scrollTop -= before; });
        addEventListener('scroll', () => { Element.prototype.scrollTo = scrollTo; }, { capture: true, once: true });
      };
    }`);
    await page.getByRole('button', { name: 'Follow', pressed: false }).waitFor();
    expect((await box()).top).toBe(0);
    expect((await stack.call(`/v1/jobs/${job.id}/cancel`, { method: 'POST' })).status).toBe(202);
    await page.getByRole('heading', { name: 'The job was canceled' }).waitFor();
    expect(errors).toEqual([]);
    await page.context().close();
  });

  it('cancels a build after a confirmation, and builds it again', async () => {
    const job = await submit('endless', ['RUN echo begun; sleep 600'], { force: true });
    const { page, goTo } = await open();
    await goTo(`/jobs/${job.id}`);
    await page.getByText('begun', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    await page.getByRole('button', { name: 'Not now' }).click();
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    await page.getByRole('button', { name: 'Cancel the job' }).click();
    await page.getByRole('heading', { name: 'The job was canceled' }).waitFor();
    await page.getByRole('button', { name: 'Build again' }).click();
    await page.waitForURL((url) => url.pathname.startsWith('/jobs/') && !url.pathname.endsWith(job.id));
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    await page.getByRole('button', { name: 'Cancel the job' }).click();
    await page.getByRole('heading', { name: 'The job was canceled' }).waitFor();
    await page.context().close();
  });

  it('reports a job that does not exist', async () => {
    const { page, goTo } = await open();
    await goTo(`/jobs/job_${'0'.repeat(26)}`);
    await page.getByText('There is no job').waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    await page.context().close();
  });
});

describe('a log of 100,000 lines', () => {
  let job: Job;
  let shown: SignedIn;
  beforeAll(async () => {
    // BuildKit accepts 200 KiB of output a second from a step.
    const line = 'for i in 0 1 2 3; do busybox seq $((i*25000+1)) $(((i+1)*25000)); busybox sleep 1.1; done';
    job = await build('big', [`RUN ${line}`]);
    expect(job.state).toBe('succeeded');
    shown = await open();
    await shown.goTo(`/jobs/${job.id}`);
    await shown.page.getByText(/^100,00\d lines/).waitFor();
  });
  afterAll(() => shown?.page.context().close());
  const log = () => shown.page.getByRole('region', { name: 'Log', exact: true });
  const elements = () => log().locator('*').count();

  it('renders only visible lines at any scroll position', async () => {
    expect(await elements()).toBeLessThan(1_000);
    for (const share of [0.25, 0.5, 0.75, 1]) {
      await log().evaluate((box: { scrollTop: number; scrollHeight: number }, part) => {
        box.scrollTop = box.scrollHeight * part;
      }, share);
      const near = share === 1 ? '100000' : String(100_000 * share + 5);
      await log().locator('span').getByText(near, { exact: true }).waitFor();
      expect(await elements()).toBeLessThan(1_000);
    }
  });

  it('is searched, and goes from match to match by keyboard', async () => {
    await log().focus();
    await shown.page.keyboard.press('/');
    await shown.page.keyboard.type('7777');
    await shown.page.getByText('1 of 19').waitFor();
    await log().locator('mark').first().waitFor();
    await shown.page.keyboard.press('Enter');
    await shown.page.getByText('2 of 19').waitFor();
    await log().getByText('17777').first().waitFor();
    await shown.page.keyboard.press('Shift+Enter');
    await shown.page.keyboard.press('Shift+Enter');
    await shown.page.getByText('19 of 19').waitFor();
    await shown.page.keyboard.press('Escape');
    await log().locator('mark').first().waitFor({ state: 'detached' });
  });

  it('scrolls to the lines in the URL, and puts chosen lines into the URL', async () => {
    const { page } = shown;
    await page.getByRole('searchbox', { name: 'Search the log' }).fill(':50000');
    await page.keyboard.press('Enter');
    await log().getByRole('link', { name: 'Line 50000', exact: true }).waitFor();
    await page.waitForURL(/#L50000$/);
    await log()
      .getByRole('link', { name: 'Line 50003', exact: true })
      .click({ modifiers: ['Shift'] });
    await page.waitForURL(/#L50000-L50003$/);
    await page.reload();
    await log().getByRole('link', { name: 'Line 50003', exact: true }).waitFor();
    expect(await elements()).toBeLessThan(1_000);
  });

  it('is folded by step, and downloaded whole', async () => {
    const { page } = shown;
    await page.getByRole('button', { name: 'Unfold all' }).click();
    await page.getByRole('button', { name: 'Fold all' }).click();
    await log().getByRole('link').first().waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Unfold all' }).waitFor();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download' }).click(),
    ]);
    expect(download.suggestedFilename()).toBe(`${job.id}.log`);
    const text = (await (await download.createReadStream()).toArray()).join('');
    expect(text.split('\n').length).toBeGreaterThan(100_000);
    expect(shown.errors).toEqual([]);
  });
});

describe('the pages of jobs and functions', () => {
  it('list jobs by the filters in the URL, and show new jobs automatically', async () => {
    const { page, goTo } = await open();
    await goTo('/jobs?state=failed');
    const table = page.getByRole('region', { name: 'Jobs' });
    await table.getByRole('link', { name: 'openfaas-fn/orders' }).waitFor();
    expect(await table.getByText('succeeded').count()).toBe(0);
    await page.getByRole('searchbox', { name: 'Label' }).fill('team=none');
    await page.getByRole('heading', { name: 'No job matches these filters' }).waitFor();
    await page.waitForURL(/\?state=failed&label=team%3Dnone$/);
    await page.getByRole('button', { name: 'Clear filters' }).click();
    await table.getByRole('link', { name: 'openfaas-fn/big' }).waitFor();
    await build('hello', ['RUN echo hello']);
    await table.getByRole('link', { name: 'openfaas-fn/hello' }).waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    await page.context().close();
  });

  it('rebuild functions after showing a plan with reasons', async () => {
    await build('hello', ['RUN echo hello']);
    const { page, errors, goTo } = await open();
    const asked = new Set<string>();
    page.on('request', (request) => asked.add(new URL(request.url()).pathname));
    await goTo('/functions');
    await page.getByRole('link', { name: 'openfaas-fn/hello' }).waitFor();
    await page
      .getByRole('img', { name: /^Last \d+ jobs?: / })
      .first()
      .waitFor();
    expect([...asked].filter((path) => path.startsWith('/v1/functions'))).toEqual(['/v1/functions']);
    expect(await seriousFindings(page)).toEqual([]);
    await picture(page, 'dashboard-functions');
    const chart = page.getByRole('row', { name: /openfaas-fn\/hello/ }).getByRole('img');
    const jobs = async () => Number(/^Last (\d+)/.exec((await chart.getAttribute('aria-label')) ?? '')?.[1]);
    const shown = await jobs();
    await page.locator('[data-live="live"]').waitFor();
    await build('hello', ['RUN echo hello']);
    await expect.poll(jobs).toBe(shown + 1);
    await page.getByRole('link', { name: 'openfaas-fn/hello' }).click();
    await page.getByRole('heading', { name: 'Last good image' }).waitFor();
    await page.getByRole('table').waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    await page.getByRole('link', { name: 'Rebuild…' }).click();
    await page.getByRole('textbox', { name: 'Functions' }).fill('');
    await page.getByRole('button', { name: 'Show the plan', disabled: true }).waitFor();
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('hel*');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: '1 function would be built' }).waitFor();
    await page.getByText('name matches hel*').waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    await picture(page, 'dashboard-rebuild');
    const before = await (await stack.call('/v1/batches')).json();
    expect(before).toEqual({ batches: [] });
    await page.getByRole('button', { name: 'Build 1 function' }).click();
    const link = page.getByRole('link', { name: /^Watch the batch batch_/ });
    const id = (await link.getAttribute('href'))?.split('/').at(-1);
    const answer = await stack.call(`/v1/batches/${id}`);
    expect(await answer.json()).toMatchObject({ id, total: 1 });
    expect(errors).toEqual([]);
    await page.context().close();
  });
});
