import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dockerfile, makeContext, tarOf } from '../context.js';
import { type Stack, startStack } from '../stack.js';
import { openChromium, signedIn } from './signed-in.js';

let stack: Stack;
let browser: Browser;
beforeAll(async () => {
  stack = await startStack();
  browser = await openChromium();
});
afterAll(async () => {
  await browser?.close();
  await stack?.stop();
});

describe('the pages', () => {
  it('find a job of a batch by its function, however many came after it', async () => {
    const source = await stack.call('/v1/sources', {
      method: 'POST',
      body: tarOf(makeContext({ Dockerfile: dockerfile() })),
    });
    const { digest } = (await source.json()) as { digest: string };
    const items = Array.from({ length: 60 }, (_, at) => ({
      function: `many-${at}`,
      image: `${stack.registry}/team/many:${at}`,
      source: { digest },
    }));
    const answer = await stack.call('/v1/batches', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ items }),
    });
    const { id } = (await answer.json()) as { id: string };
    const { page, goTo } = await signedIn({ browser, ...stack });
    for (const name of ['many-0', 'many-59']) {
      await goTo(`/jobs?batch=${id}&function=${name}`);
      const table = page.getByRole('region', { name: 'Jobs' });
      await table.getByRole('link', { name: `openfaas-fn/${name}` }).waitFor();
      expect(await table.getByRole('row').count()).toBe(2);
    }
    await stack.call(`/v1/batches/${id}/cancel`, { method: 'POST' });
    await page.context().close();
  });

  it('lead to the documentation of the API and back', async () => {
    const { page, goTo } = await signedIn({ browser, ...stack });
    await goTo('/jobs');
    await page.getByRole('link', { name: 'API' }).click();
    await page
      .getByRole('heading', { name: /Slipway/ })
      .first()
      .waitFor();
    await page.getByRole('link', { name: 'Dashboard' }).click();
    await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Fleet' }).waitFor();
    await page.context().close();
  });

  it('are loaded again when the server has other files since an update', async () => {
    const { page, goTo } = await signedIn({ browser, ...stack });
    await goTo('/jobs');
    await page.getByRole('heading', { name: 'Jobs' }).waitFor();
    let refused = 0;
    await page.route(/\/assets\/functions-page-.*\.(js|css)$/, (route) =>
      refused++ === 0 ? route.fulfill({ status: 404 }) : route.continue(),
    );
    await page.getByRole('link', { name: 'Functions' }).click();
    await page.getByRole('heading', { name: 'Functions' }).waitFor();
    expect(refused).toBeGreaterThan(1);
    await page.context().close();
  });
});
