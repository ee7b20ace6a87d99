import { type Client, createClient } from '@slipway/client';
import { test as anyTest, expect, onTestFinished } from 'vitest';
import { canUse } from '../../engines.js';
import { type Stack, startStack } from '../../stack.js';
import { openArena } from '../isolation/arena.js';
import { begunBuilds } from './begun-builds.js';

const test = anyTest.runIf(canUse('buildkit'));

/** Builds an image with one step, and returns whether its step came from the cache. */
async function build(client: Client, stack: Stack, image: string) {
  const files = { Dockerfile: `FROM ${stack.registry}/isolation/base:1\nRUN echo ${image} > /name\n` };
  const { id } = await client.submitJob({ spec: { image, source: { files } } });
  const { state } = await client.waitForEnd({ id });
  expect(state).toBe('succeeded');
  const log = await stack.call(`/v1/jobs/${id}/logs`, { headers: { accept: 'text/plain' } });
  return (await log.text()).includes('CACHED [2/2] RUN');
}

test('a build that takes its step from the cache counts as begun', async () => {
  const stack = await startStack({ engine: 'buildkit' });
  onTestFinished(stack.stop);
  await openArena(stack);
  const client = createClient({ url: stack.url, token: stack.token });
  const [once, twice] = [`${stack.registry}/begun/once:1`, `${stack.registry}/begun/twice:1`];
  const cached = [];
  for (const image of [once, twice, twice]) cached.push(await build(client, stack, image));
  expect(cached).toEqual([false, false, true]);
  const begun = await begunBuilds(stack);
  expect([once, twice].map((image) => begun.get(image))).toEqual([1, 2]);
});
