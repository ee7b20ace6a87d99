import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dockerfile, makeContext } from '../../context.js';
import { imageDigest } from '../../registry.js';
import { type Stack, startStack } from '../../stack.js';
import { publishedClients } from './published.js';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ slots: 2 });
});
afterAll(() => stack?.stop());

describe.each([
  { server: 'a builder alone', tag: 'alone', url: () => stack.part('builder 1').address },
  { server: 'Slipway', tag: 'slipway', url: () => stack.url },
])('$server', ({ tag, url }) => {
  test.each(Object.entries(publishedClients))('%s reports a failed build', async (name, build) => {
    const own = `${stack.registry}/published/${name.toLowerCase().replaceAll(/\W/g, '-')}`;
    const target = { url: url(), payloadSecret: `${stack.folder}/secrets/payload-secret` };
    const bad = {
      image: `${own}:${tag}-bad`,
      context: makeContext({ Dockerfile: dockerfile('RUN exit 9') }),
    };
    expect(await build({ ...target, ...bad })).toMatchObject({ ok: false });
    expect(await imageDigest(bad.image)).toBeNull();
    const good = {
      image: `${own}:${tag}`,
      context: makeContext({ Dockerfile: dockerfile('RUN echo good') }),
    };
    expect(await build({ ...target, ...good })).toMatchObject({ ok: true });
    expect(await imageDigest(good.image)).toMatch(/^sha256:/);
    // A refusal has a `status` with text too, because the examples print it.
    const refused = await build({ ...target, ...good, image: 'UPPER/Case' });
    expect(refused.ok).toBe(false);
    if (name.endsWith('example') && !name.includes('Go')) expect(refused.said).toBe('failed');
  });
});
