import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Webhook } from '@slipway/client';
import { webhookFormats } from '@slipway/shared/contracts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { scratchFolder } from '../context.js';
import { type Stack, startStack } from '../stack.js';
import { runSteps } from './runner.js';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack?.stop());

const folder = fileURLToPath(new URL('../../../docs/ci/', import.meta.url));
const textOf = (page: string) => readFileSync(folder + page, 'utf8');
const pages = readdirSync(folder).filter((name) => name.endsWith('.md') && name !== 'README.md');

/** Returns the shell commands of a page that create an endpoint. */
function commandsOf(page: string): string[] {
  return [...textOf(page).matchAll(/^```sh\n(.*?)^```$/gms)]
    .map(([, script = '']) => script)
    .filter((script) => /webhooks create|\/v1\/webhooks/.test(script));
}

/** Returns the formats of the command lines of a page, in its order. */
const formatsOf = (page: string) =>
  commandsOf(page).flatMap((script) => [...script.matchAll(/--format (\w+)/g)].map(([, type = '']) => type));

const webhooks = async (): Promise<Webhook[]> =>
  ((await (await stack.call('/v1/webhooks')).json()) as { webhooks: Webhook[] }).webhooks;

test('docs/ci has a page with each format except standard, and its README names it', () => {
  const types = webhookFormats.map(({ type }) => type).filter((type) => type !== 'standard');
  expect(pages.flatMap(formatsOf).sort()).toEqual(types.sort());
  for (const type of types) expect(textOf('README.md')).toContain(`\`${type}\``);
});

describe.each(pages)('docs/ci/%s', (page) => {
  test('creates the same endpoint by the command line and by curl, one of each format', async () => {
    const made: string[] = [];
    const [commands, formats] = [commandsOf(page), formatsOf(page)];
    expect(commands).toHaveLength(2 * formats.length);
    const settings: object[] = [];
    for (const script of commands) {
      const before = new Set((await webhooks()).map(({ id }) => id));
      const { exit, log } = await runSteps({
        steps: [{ script, env: {} }],
        repository: scratchFolder(),
        env: {
          SLIPWAY_DATA: '/no/such/folder',
          ...{ SLIPWAY_URL: stack.url, SLIPWAY_TOKEN: stack.token },
          ...{ SLIPWAY: stack.url, TOKEN: stack.token },
        },
      });
      expect({ exit, log }).toMatchObject({ exit: 0 });
      const [endpoint] = (await webhooks()).filter(({ id }) => !before.has(id));
      made.push(endpoint?.format.type ?? 'none');
      const { url, format, events, labels, max_in_flight } = endpoint as Webhook;
      settings.push({ url, format, events, labels, max_in_flight });
    }
    expect(made).toEqual(formats.flatMap((format) => [format, format]));
    for (let at = 0; at < settings.length; at += 2) expect(settings[at + 1]).toEqual(settings[at]);
  });
});
