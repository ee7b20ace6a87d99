import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { slipway } from '../cli/command.js';
import { dockerfile, makeContext } from '../context.js';
import { type Stack, startStack } from '../stack.js';
import { openChromium, seriousFindings, signedIn } from './signed-in.js';

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

/** Builds with the command line. Returns the id of the job. */
async function build(name: string, ...args: string[]): Promise<string> {
  const context = makeContext({
    'docker/prod.Dockerfile': `${dockerfile()}FROM scratch AS last\n`,
    Dockerfile: dockerfile(),
  });
  process.chdir(context);
  const env = { SLIPWAY_URL: stack.url, SLIPWAY_TOKEN: stack.token, SLIPWAY_DATA: '/no/such/folder' };
  const command = [
    'build',
    '.',
    '--image',
    `${stack.registry}/shown/${name}:1`,
    '--function',
    name,
    '--json',
  ];
  const { exit, out, err } = await slipway([...command, ...args], env);
  expect([exit, err]).toEqual([0, '']);
  return (JSON.parse(out) as { id: string }).id;
}

const names = [
  'Further tags',
  'Dockerfile',
  'Stage',
  'Cached layers',
  'Pull',
  'Labels of the image',
  'Annotations',
];

describe('the options of a job', () => {
  const before = process.cwd();
  afterAll(() => process.chdir(before));

  it.each([{}, { colours: 'dark' }, { width: 390 }] as const)(
    'are on its page and on that of its function: %j',
    async (look) => {
      const tag = `${stack.registry}/shown/mirror:2`;
      const name = `options-${look.width ?? look.colours ?? 'light'}`;
      const long = 'x'.repeat(300);
      const id = await build(
        name,
        ...['-f', 'docker/prod.Dockerfile', '--target', 'last', '-t', tag, '--no-cache', '--pull'],
        ...[
          '--image-label',
          'org.example.a=b c',
          '--image-label',
          `long=${long}`,
          '--annotation',
          'd=e\u202ef',
        ],
      );
      const { page, errors, goTo } = await signedIn({ browser, url: stack.url, token: stack.token, ...look });
      for (const path of [`/jobs/${id}`, `/functions/openfaas-fn/${name}`]) {
        await goTo(path);
        const fact = async (term: string) => {
          const all = page
            .locator('dl > div')
            .filter({ has: page.getByText(term, { exact: true }).and(page.locator('dt')) });
          return await all.locator('dd').textContent();
        };
        await page.getByText('Labels of the image', { exact: true }).waitFor();
        expect(await fact('Further tags')).toBe(tag);
        expect(await fact('Dockerfile')).toBe('docker/prod.Dockerfile');
        expect(await fact('Stage')).toBe('last');
        expect(await fact('Cached layers')).toBe('Not used: every step runs again');
        expect(await fact('Pull')).toBe('Always: base images are looked up in their registry');
        expect(await fact('Labels of the image')).toMatch(
          /^long=x{300}org\.example\.a=b c$|^org\.example\.a=b clong=x{300}$/,
        );
        expect(await fact('Annotations')).toBe('d=e\\u202ef');
        const wide = await page.evaluate(
          'document.documentElement.scrollWidth > document.documentElement.clientWidth',
        );
        expect(wide).toBe(false);
        expect(await seriousFindings(page)).toEqual([]);
      }
      expect(errors).toEqual([]);
      await page.context().close();
    },
  );

  it('are not on the page of a job with default options', async () => {
    const id = await build('usual');
    const { page, goTo } = await signedIn({ browser, url: stack.url, token: stack.token });
    await goTo(`/jobs/${id}`);
    await page.getByText('Digest', { exact: true }).waitFor();
    for (const name of names)
      expect(await page.locator('dt').getByText(name, { exact: true }).count()).toBe(0);
    await page.context().close();
  });
});
