import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stack, startStack } from '../stack.js';
import { type Receiver, startReceiver } from './receiver.js';
import { openChromium, picture, seriousFindings, signedIn } from './signed-in.js';

let stack: Stack;
let browser: Browser;
let receiver: Receiver;
beforeAll(async () => {
  stack = await startStack({ builders: 1, env: { worker: { WEBHOOK_RETRY_SECONDS: '1,1,1' } } });
  browser = await openChromium();
  receiver = await startReceiver();
});
afterAll(async () => {
  await receiver?.close();
  await browser?.close();
  await stack?.stop();
});

const open = () => signedIn({ browser, url: stack.url, token: stack.token });

describe('the pages of webhooks', () => {
  it('create an endpoint, show its secret once, test it and send the message again', async () => {
    const { page, errors, goTo } = await open();
    await goTo('/webhooks');
    await page.getByRole('heading', { name: 'No endpoints yet' }).waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    await page.getByRole('button', { name: 'New endpoint' }).click();
    await page.getByRole('textbox', { name: 'URL' }).fill(receiver.url);
    await page.getByRole('textbox', { name: 'Description' }).fill('CI of the team');
    await page.getByRole('checkbox', { name: 'job.started' }).check();
    const format = page.getByRole('combobox', { name: 'Format' });
    await format.selectOption('GitHub repository_dispatch');
    const type = page.getByRole('textbox', {
      name: 'Event type',
      exact: true,
      description: 'the type of the event; default: slipway',
    });
    expect(await type.getAttribute('placeholder')).toBe('slipway');
    expect(await type.getAttribute('maxlength')).toBe('100');
    expect(await seriousFindings(page)).toEqual([]);
    await format.selectOption('Standard Webhooks');
    expect(await seriousFindings(page)).toEqual([]);
    await page.getByRole('button', { name: 'Create' }).click();
    const secret = await page.getByText(/^whsec_/).textContent();
    await page.getByRole('button', { name: 'I have stored it' }).click();
    await page.getByRole('link', { name: 'CI of the team' }).click();
    await page.getByRole('button', { name: 'Send a test' }).click();
    await page.getByText('HTTP 500').waitFor();
    await page.getByText('the database is away').waitFor();
    // The next attempt follows automatically, and the page updates without a reload.
    await page.getByText('HTTP 204').waitFor({ timeout: 60_000 });
    await page.getByText('"type": "webhook.test"').waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    await picture(page, 'dashboard-delivery');
    const first = page.url();
    await page.getByRole('button', { name: 'Send again' }).click();
    await page.waitForURL((url) => url.href !== first);
    await page.getByText('Sent again from').waitFor();
    await page.getByText('HTTP 204').waitFor();
    expect(receiver.ids).toHaveLength(3);
    expect(new Set(receiver.ids).size).toBe(1);
    expect(await page.content()).not.toContain(secret);
    expect(errors).toEqual([]);
    await page.context().close();
  });

  it('edit, switch off, enable, rotate, recover and delete', async () => {
    const { page, errors, goTo } = await open();
    await goTo('/webhooks');
    await page.getByRole('link', { name: 'CI of the team' }).click();
    await page.getByRole('button', { name: 'Edit' }).click();
    await page.getByRole('textbox', { name: 'Description' }).fill('CI');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('heading', { name: 'CI', exact: true }).waitFor();
    await page.getByRole('button', { name: 'Rotate secret' }).click();
    await page.getByRole('button', { name: 'Rotate the secret' }).click();
    await page.getByText(/^whsec_/).waitFor();
    await page.keyboard.press('Escape');
    await page.getByText('Signed with the one before as well').waitFor();
    await page.getByRole('button', { name: 'Recover…' }).click();
    await page.getByRole('button', { name: 'Recover', exact: true }).click();
    await page.getByText('0 messages being sent').waitFor();
    await page.getByRole('button', { name: 'Close' }).click();
    await page.getByRole('button', { name: 'Disable' }).click();
    await page.getByRole('button', { name: 'Switch it off' }).click();
    await page.getByText('Off', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Enable' }).click();
    await page.getByText('On', { exact: true }).waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    // The page handles a 404 for the endpoint during its deletion without an error.
    expect(errors).toEqual([]);
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('button', { name: 'Delete it' }).click();
    await page.getByRole('heading', { name: 'No endpoints yet' }).waitFor();
    await page.context().close();
  });
});
