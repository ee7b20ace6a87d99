import { randomUUID } from 'node:crypto';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import { archive, inChunks, makeSources, tarEntry } from '@slipway/source/testing';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { readTemplate, TemplateStore } from './index.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

async function read(yaml: string | Buffer | undefined, dockerfile = 'Dockerfile') {
  const { sources } = await makeSources();
  const entries = [
    tarEntry({ path: dockerfile }, Buffer.from('FROM node\n')),
    ...(yaml === undefined ? [] : [tarEntry({ path: 'template.yml' }, Buffer.from(yaml))]),
    tarEntry({ path: 'other' }),
  ];
  const { digest } = await sources.ingest(inChunks(archive(...entries)));
  return await readTemplate({ sources, digest });
}

describe('a template folder', () => {
  it('names the handler folder and the packages of its build options', async () => {
    const yaml = `
language: node20
fprocess: node index.js
welcome_message: |
  hello
handler_folder: src/handler
build_options:
  - name: dev
    packages: [make, g++]
  - name: empty
    packages:
`;
    expect(await read(yaml)).toEqual({
      handler_folder: 'src/handler',
      build_options: [
        { name: 'dev', packages: ['make', 'g++'] },
        { name: 'empty', packages: [] },
      ],
    });
  });

  it.each([
    ['language: x', 'function'],
    ['', 'function'],
    ['handler_folder: ""', 'function'],
    ['handler_folder:', 'function'],
    ['handler_folder: .', ''],
    ['handler_folder: ./', ''],
    ['handler_folder: ./src//app/', 'src/app'],
    ['handler_folder: /src', 'src'],
    ['handler_folder: a/../b', 'b'],
  ])('with %j takes handlers at %j, as faas-cli does', async (yaml, handler_folder) => {
    expect(await read(yaml)).toEqual({ handler_folder, build_options: [] });
  });

  it.each([
    ['no template.yml', undefined, 'template.yml'],
    ['a folder that leads out', 'handler_folder: ../x', 'handler_folder'],
    ['a folder that leads out at its end', 'handler_folder: a/../..', 'handler_folder'],
    ['a folder too long for a payload', `handler_folder: ${'x'.repeat(148)}`, 'handler_folder'],
    ['a folder that is no text', 'handler_folder: [a]', 'handler_folder'],
    ['options of another shape', 'build_options: {a: b}', 'build_options'],
    ['an option without a name', 'build_options: [{packages: [a]}]', 'build_options.0.name'],
    ['a list for a document', '- a', 'template.yml'],
    ['bad YAML', 'a: [b', 'cannot be read'],
    ['bytes that are no text', Buffer.from([0x61, 0xff]), 'cannot be read'],
    ['nesting without end', `a: ${'['.repeat(16_000)}`, 'nested more than 100 levels deep'],
    [
      'aliases of aliases',
      `a: &a [x]\n${[...'bcdefghijk'].map((n, i) => `${n}: &${n} [${`*${'abcdefghijk'[i]},`.repeat(9)}]`).join('\n')}`,
      'cannot be read',
    ],
    [
      'options that aliases make large',
      `x: &a [${'p,'.repeat(1_000)}]\nbuild_options:\n${'  - {name: a, packages: *a}\n'.repeat(19)}`,
      'build_options',
    ],
    ['too much of it', `# ${'x'.repeat(64 * 1024)}`, 'larger than'],
  ])('is refused with %s', async (_what, yaml, says) => {
    await expect(read(yaml)).rejects.toMatchObject({
      code: 'template_invalid',
      message: expect.stringContaining(says),
    });
  });

  it('may have its Dockerfile in lower case', async () => {
    expect(await read('handler_folder: src', 'dockerfile')).toMatchObject({ handler_folder: 'src' });
  });

  it('is refused without a Dockerfile', async () => {
    await expect(read('language: x', 'Containerfile')).rejects.toMatchObject({
      code: 'template_invalid',
      message: expect.stringContaining('Dockerfile'),
    });
  });
});

describe('the templates of a tenant', () => {
  const settings = { handler_folder: 'function', build_options: [] };
  const digest = (digit: string) => `sha256:${digit.repeat(64)}`;
  const newStore = () => new TemplateStore({ redis, keys: redisKeys(`test-${randomUUID()}`) });
  const put = (store: TemplateStore, name: string, digit: string, tenant = 'one') =>
    store.put({ tenant, name, digest: digest(digit), settings });

  it('have a version that grows only when their files change', async () => {
    const store = newStore();
    const first = await put(store, 'node', 'a');
    expect(first).toMatchObject({ created: true, changed: true, template: { version: 1 } });
    expect(await put(store, 'node', 'a')).toEqual({ ...first, created: false, changed: false });
    const second = await put(store, 'node', 'b');
    expect(second).toMatchObject({ created: false, changed: true, template: { version: 2 } });
    expect(await store.get('one', 'node')).toEqual(second.template);
  });

  it('grow one version per change when many changes come at once', async () => {
    const store = newStore();
    await Promise.all([...'0123456789abcdef'].map((digit) => put(store, 'node', digit)));
    expect((await store.get('one', 'node'))?.version).toBe(16);
  });

  it('have at most 1,000 names, also when many come at once', async () => {
    const store = newStore();
    const names = Array.from({ length: 1_005 }, (_, number) => `name-${number}`);
    const puts = await Promise.allSettled(names.map((name) => put(store, name, 'a')));
    const refused = puts.filter((each) => each.status === 'rejected').map(({ reason }) => reason);
    expect(refused.map(({ code }) => code)).toEqual(Array.from({ length: 5 }, () => 'template_limit'));
    expect(refused[0].message).toContain('1000');
    expect(await store.get('one', 'name-1004')).toBeUndefined();
    // An existing name takes new files.
    expect((await put(store, 'name-0', 'b')).template.version).toBe(2);
    expect((await put(store, 'name-1004', 'a', 'two')).created).toBe(true);
    await store.remove('one', 'name-0');
    expect((await put(store, 'name-1004', 'a')).created).toBe(true);
    await expect(put(store, 'name-0', 'a')).rejects.toMatchObject({ code: 'template_limit' });
  });

  it('are listed by name, and belong to one tenant', async () => {
    const store = newStore();
    for (const name of ['c', 'a', 'b']) await put(store, name, 'a');
    await put(store, 'z', 'a', 'two');
    const names = async (options: { limit: number; after?: string }, tenant = 'one') =>
      (await store.list(tenant, options)).map(({ name }) => name);
    expect(await names({ limit: 2 })).toEqual(['a', 'b']);
    expect(await names({ limit: 2, after: 'b' })).toEqual(['c']);
    expect(await names({ limit: 9 }, 'two')).toEqual(['z']);
    expect(await store.get('two', 'a')).toBeUndefined();
    expect(await store.remove('two', 'a')).toBe(false);
    expect(await store.remove('one', 'a')).toBe(true);
    expect(await names({ limit: 9 })).toEqual(['b', 'c']);
    expect(await store.get('one', 'a')).toBeUndefined();
  });
});
