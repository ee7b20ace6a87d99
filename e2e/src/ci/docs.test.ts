import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Webhook } from '@slipway/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { scratchFolder } from '../context.js';
import { type Stack, startStack } from '../stack.js';
import { runSteps } from './runner.js';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack?.stop());

/** Returns the shell commands of a page that create an endpoint. */
function commandsOf(page: string): string[] {
  const text = readFileSync(fileURLToPath(new URL(`../../../docs/ci/${page}`, import.meta.url)), 'utf8');
  return [...text.matchAll(/^```sh\n(.*?)^```$/gms)]
    .map(([, script = '']) => script)
    .filter((script) => /webhooks create|\/v1\/webhooks/.test(script));
}

const webhooks = async (): Promise<Webhook[]> =>
  ((await (await stack.call('/v1/webhooks')).json()) as { webhooks: Webhook[] }).webhooks;

describe.each([
  { page: 'github-actions.md', formats: ['github_commit_status', 'github_dispatch'] },
  { page: 'gitlab-ci.md', formats: ['gitlab_commit_status', 'gitlab_pipeline'] },
  { page: 'jenkins.md', formats: ['jenkins'] },
])('docs/ci/$page', ({ page, formats }) => {
  test('creates the same endpoint by the command line and by curl, one of each format', async () => {
    const made: string[] = [];
    const commands = commandsOf(page);
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
