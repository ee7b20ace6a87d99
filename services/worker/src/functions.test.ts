// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Dockerfiles write variables that way too.
import { FunctionStore } from '@slipway/control-plane/functions';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { type Files, filesOf } from './testing/archive.js';
import { type Replica, startReplica, stream, success } from './testing/replica.js';
import { createInstallation, type Installation, payloadSecret, tenant } from './testing/start-worker.js';

let installation: Installation;
let builder: Replica;
beforeEach(async () => {
  installation = await createInstallation(inject('redisUrl'));
  builder = await startReplica(payloadSecret, { features: 'build-options' });
  await installation.startWorker([builder.url]);
});
afterEach(async () => {
  await installation.dispose();
  await builder.stop();
});

const template = {
  Dockerfile: 'ARG V=22\nFROM node:${V}-alpine AS run\nFROM run\n',
  'template.yml': 'language: node\n',
  'index.js': 'of the template',
  'function/handler.js': 'of the template',
  'function/package.json': 'of the template',
  'src/fn/handler.js': 'of the template',
};
const handler = { 'handler.js': 'of the function', 'index.js': 'of the function' };
/** Names images in each way. */
const from =
  'FROM golang:1 AS build\nRUN --mount=from=r.example/tools:1,target=/t /t/make\nFROM scratch\nCOPY --from=build /x /x\nCOPY --from=r.example/cache:1 / /\n';
const kept = Object.entries(template).map(([path, text]): [string, string] => [`context/${path}`, text]);

async function built(folder: string, changes: object = {}): Promise<[string, string][]> {
  const [digest, source] = [await installation.upload(template), await installation.upload(handler)];
  const id = await installation.submit({
    source: { digest: source },
    template: { name: 'node', digest, handler_folder: folder },
    ...changes,
  });
  expect((await installation.ended(id)).state).toBe('succeeded');
  const files = await filesOf(builder.payloads.at(-1) ?? Buffer.alloc(0));
  return files.filter(([path]) => path.startsWith('context/'));
}

describe('a job with a template', () => {
  it.each([
    ['function', ['context/function/handler.js', 'context/function/index.js']],
    ['src/fn', ['context/src/fn/handler.js', 'context/src/fn/index.js']],
    ['new/deep/folder', ['context/new/deep/folder/handler.js', 'context/new/deep/folder/index.js']],
    ['', ['context/handler.js', 'context/index.js']],
  ])('has its handler at %j over the template’s files', async (folder, handlers) => {
    const laid = handlers.map((path): [string, string] => [path, 'of the function']);
    const shadowed = new Set(handlers);
    const expected = [...kept.filter(([path]) => !shadowed.has(path)), ...laid];
    expect((await built(folder)).toSorted()).toEqual(expected.toSorted());
  });
});

describe('the end of a build', () => {
  const known = async (name: string) => {
    const { redis, keys } = installation;
    return await new FunctionStore({ redis, keys }).get(tenant.name, name);
  };

  it('says what the function was built from, by the arguments of the job', async () => {
    await built('function', { function: 'hello', build_args: { V: '20' } });
    expect((await known('openfaas-fn/hello'))?.built?.baseImages).toEqual([
      'docker.io/library/node:20-alpine',
    ]);
  });

  it('goes by the Dockerfile that is laid over the template’s', async () => {
    const source = await installation.upload({ Dockerfile: 'FROM golang:1\n' });
    await built('', { function: 'hello', source: { digest: source } });
    expect((await known('openfaas-fn/hello'))?.built?.baseImages).toEqual(['docker.io/library/golang:1']);
  });

  it.each<[what: string, template: Files, spec: object]>([
    ['named by the job', { 'docker/prod': from, Dockerfile: 'FROM x' }, { dockerfile: './docker//prod' }],
    ['in lower case', { dockerfile: from }, {}],
    ['in lower case beside a folder', { 'docker/dockerfile': from }, { dockerfile: 'docker/Dockerfile' }],
    [
      'that is a link',
      { Dockerfile: { link: '/docker/../docker/x' }, 'docker/x': { link: '../y' }, y: from },
      {},
    ],
    ['behind a linked folder', { docker: { link: 'real' }, 'real/z': from }, { dockerfile: 'docker/z' }],
    ['of the handler', { Dockerfile: { link: 'function/Dockerfile' }, 'function/Dockerfile': 'FROM x' }, {}],
  ])('goes by a Dockerfile %s', async (_what, files, spec) => {
    const source = await installation.upload({ Dockerfile: from });
    const laidOver = { name: 'any', digest: await installation.upload(files), handler_folder: 'function' };
    await built('function', { function: 'hello', template: laidOver, source: { digest: source }, ...spec });
    expect((await known('openfaas-fn/hello'))?.built?.baseImages).toEqual([
      ...['docker.io/library/golang:1', 'r.example/tools:1', 'r.example/cache:1'],
    ]);
  });

  it('goes by the target and the platforms of the job', async () => {
    const text = 'FROM a AS x\nCOPY --from=b:$TARGETARCH / /\nFROM x AS y\nFROM c:$TARGETARCH';
    const digest = await installation.upload({ Dockerfile: text });
    for (const [spec, images] of [
      [{ target: 'Y' }, ['a:latest']],
      [{ platforms: ['linux/amd64'] }, ['c:amd64']],
      [{}, []],
    ] as const) {
      const id = await installation.submit({ function: 'hello', source: { digest }, ...spec });
      expect((await installation.ended(id)).state).toBe('succeeded');
      expect((await known('openfaas-fn/hello'))?.built?.baseImages).toEqual(
        images.map((image) => `docker.io/library/${image}`),
      );
    }
  });

  it.each([
    ['what is no Dockerfile', '\0\0FROM ??'],
    ['one that is too long to be read', `FROM node:22\n${'# and so on\n'.repeat(50_000)}`],
  ])('is a success with %s too', async (_what, text) => {
    const source = await installation.upload({ Dockerfile: text });
    const id = await installation.submit({ function: 'hello', source: { digest: source } });
    expect((await installation.ended(id)).state).toBe('succeeded');
    expect((await known('openfaas-fn/hello'))?.built).toMatchObject({ job: id, baseImages: [] });
  });

  const [first, second] = [`sha256:${'1'.repeat(64)}`, `sha256:${'2'.repeat(64)}`];
  const time = '2026-01-02T03:04:05Z';
  const logOf = (prefix: string, lines: readonly string[]) =>
    lines.map((line) => ({ status: 'in_progress', log: [`${prefix}${time} ${line}`] }));

  it.each([
    ['with prefixes', 'v: '],
    ['without', ''],
  ])('has the digests that a builder logs %s, of images that the Dockerfile names', async (_what, prefix) => {
    const text =
      'FROM golang:1 AS build\nRUN make\nFROM alpine\nCOPY --from=busybox:1 / /\nCOPY --from=build /x /x\n';
    const lines = [
      '[internal] load build definition from Dockerfile 0.01s',
      `[build 1/2] FROM docker.io/library/golang:1@${first}`,
      `CACHED FROM docker.io/library/busybox:1@${first}`,
      `[build 1/2] FROM docker.io/library/golang:1@${first} 2.50s`,
      `[stage-1 1/3] FROM docker.io/library/alpine:latest@${second}`,
      `[x 1/1] FROM docker.io/library/other:1@${second}`,
      '[build 2/2] RUN make',
    ];
    const printed = [`[stage-1 1/3] FROM docker.io/library/alpine:latest@${first}`];
    const output = logOf(prefix === '' ? '' : 'l: ', printed);
    builder.next(stream(...logOf(prefix, lines), ...output, success));
    const digest = await installation.upload({ Dockerfile: text });
    const id = await installation.submit({ function: 'hello', source: { digest } });
    const bases = [
      { reference: 'docker.io/library/golang:1', digest: first },
      { reference: 'docker.io/library/alpine:latest', digest: second },
      { reference: 'docker.io/library/busybox:1', digest: first },
    ];
    expect(await installation.ended(id)).toMatchObject({ state: 'succeeded', bases });
    expect((await known('openfaas-fn/hello'))?.built).toMatchObject({
      baseImages: bases.map(({ reference }) => reference),
      bases,
    });
  });

  it('has the digests of a result, also of images that the Dockerfile does not name', async () => {
    const bases = [
      { reference: 'docker.io/library/node:20-alpine', digest: first, platform_digest: second },
      { reference: 'r.example/trigger:1', digest: second },
    ];
    const bad = [
      { reference: 'no reference', digest: first },
      { digest: first },
      7,
      { reference: 'x', digest: 'y' },
    ];
    builder.next(stream({ ...success, bases: [...bad, ...bases] }));
    await built('function', { function: 'hello', build_args: { V: '20' } });
    expect((await known('openfaas-fn/hello'))?.built?.bases).toEqual(bases);
  });

  it('that failed says nothing', async () => {
    builder.next(stream({ status: 'failed', error: 'no' }));
    const id = await installation.submit({ function: 'hello' });
    expect((await installation.ended(id)).state).toBe('failed');
    expect(await known('openfaas-fn/hello')).toMatchObject({ job: id, built: undefined });
  });
});
