import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@slipway/local';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type Answer, json, serve, slipway } from '../testing/command-line.js';
import { writeFiles } from '../testing/stack-project.js';
import { furtherTags } from './options.js';

const image = 'r.example/team/app:1';
let folder: string;
beforeEach(async () => {
  const temporary = await temporaryFolder();
  const before = process.cwd();
  onTestFinished(() => {
    process.chdir(before);
    return temporary.remove();
  });
  folder = temporary.path;
  process.chdir(folder);
  writeFiles(folder, { 'app/Dockerfile': 'FROM scratch\n', 'app/docker/prod.Dockerfile': 'FROM scratch\n' });
});

const batch = { id: `batch_${'0'.repeat(26)}`, state: 'running', total: 1, counts: {}, labels: {} };
const taking: Record<string, Answer> = {
  'POST /v1/sources': json(201, { digest: 'sha256:d', files: 1, bytes: 13 }),
  'POST /v1/jobs': json(202, { id: 'job_1', state: 'queued', image, source: {}, attempts: [] }),
  'POST /v1/batches': json(202, batch),
  'POST /v1/rebuilds': json(202, { functions: [], left_out: [], batch }),
};

/** Returns the request that a command line submits. */
async function submitted(...argv: string[]) {
  const { env, asked } = await serve(taking);
  const { exit, err } = await slipway([...argv, '--detach', '--quiet'], env);
  expect({ exit, err }).toEqual({ exit: 0, err: '' });
  return JSON.parse(String(asked.at(-1)?.body)) as Record<string, unknown> & { items: unknown[] };
}

/** Returns the output of a command line that sends nothing. */
async function refused(...argv: string[]) {
  const { env, asked } = await serve(taking);
  const { exit, out, err } = await slipway(argv, env);
  expect({ exit, out, asked }).toEqual({ exit: 2, out: '', asked: [] });
  return err;
}

const flags = [
  ...['--target', 'release', '--image-label', 'org.example.a=b=c', '--image-label', 'd='],
  ...['--annotation', 'e=f g', '--annotation', 'manifest:h=i', '--no-cache', '--pull'],
];
const fields = {
  ...{ target: 'release', image_labels: { 'org.example.a': 'b=c', d: '' } },
  ...{ annotations: { e: 'f g', h: 'i' }, no_cache: true, pull: true },
};

describe('build', () => {
  test('accepts the options of docker build', async () => {
    const tags = ['r.example/team/app:latest', 'other.example/app:1'];
    const job = await submitted(
      ...['build', 'app', '--image', image, '-f', 'app/docker/prod.Dockerfile', ...flags],
      ...['-t', tags[0] ?? '', '--tag', tags[1] ?? ''],
    );
    expect(job).toMatchObject({ image, tags, dockerfile: 'docker/prod.Dockerfile', ...fields });
  });

  test('sends only the given options', async () => {
    expect(await submitted('build', 'app', '--image', image)).toEqual({
      image,
      source: { digest: 'sha256:d' },
      push: true,
    });
  });

  test('uses the first tag as the image, and each name once', async () => {
    expect(await submitted('build', 'app', '-t', image)).not.toHaveProperty('tags');
    const tags = ['-t', 'app', '-t', 'docker.io/library/app:latest', '-t', 'app:2', '-t', 'app:2'];
    expect(await submitted('build', 'app', ...tags)).toMatchObject({ image: 'app', tags: ['app:2'] });
  });

  test.each([
    ['a relative path', 'app', 'app/docker/prod.Dockerfile', 'docker/prod.Dockerfile'],
    ['a path with ./', './app/', './app/./docker/prod.Dockerfile', 'docker/prod.Dockerfile'],
    ['the usual one', 'app', 'app/Dockerfile', undefined],
    ['a neighbour of the working directory', '.', 'app/Dockerfile', 'app/Dockerfile'],
  ])('finds the Dockerfile from the working directory: %s', async (_how, context, file, expected) => {
    const job = await submitted('build', context, '-t', image, '--file', file);
    expect(job.dockerfile).toBe(expected);
  });

  test('finds the Dockerfile by an absolute path, through a link to the folder, and in lower case', async () => {
    const file = join(folder, 'app/docker/prod.Dockerfile');
    expect(await submitted('build', 'app', '-t', image, '-f', file)).toMatchObject({
      dockerfile: 'docker/prod.Dockerfile',
    });
    writeFiles(folder, { linked: '-> app', 'lower/dockerfile': 'FROM scratch\n' });
    expect(await submitted('build', 'app', '-t', image, '-f', 'linked/docker/prod.Dockerfile')).toMatchObject(
      {
        dockerfile: 'docker/prod.Dockerfile',
      },
    );
    expect(await submitted('build', 'lower', '-t', image)).not.toHaveProperty('dockerfile');
  });

  test.each([
    [[], /no image name is given\n {2}What to do: Add --image/],
    [['-t', 'Foo Bar'], /--tag <reference>' argument 'Foo Bar' is invalid\. "Foo Bar" is not an image ref/],
    [['-t', `a@sha256:${'a'.repeat(64)}`], /--tag.*must not carry a digest/],
    [
      ['-t', image, '--target', 'a b'],
      /--target <stage>' argument 'a b' is invalid\. "a b" must be the name/,
    ],
    [['-t', image, '--image-label', 'nothing'], /--image-label.*NAME=VALUE/],
    [['-t', image, '--image-label', '-a=b'], /--image-label.*The name "-a" must be letters/],
    [['-t', image, '--image-label', 'a=\u0007'], /--image-label.*"\\u0007" must not hold control/],
    [['-t', image, '--annotation', 'Upper=b'], /--annotation.*The name "Upper" must be lower-case/],
    [['-t', image, '--annotation', 'index:a=b'], /--annotation.*of the manifest: write "a=b"/],
    [['-t', image, '--annotation', 'manifest-descriptor[linux/amd64]:a=b'], /--annotation.*write "a=b"/],
    [['-t', image, '--image-label', `${'x'.repeat(256)}=a`], /The name "x{256}": Too big: .*255/],
    [Array.from({ length: 18 }, (_, at) => ['-t', `r.example/a:${at}`]).flat(), /--tag: Too big: .*16/],
    [
      ['-t', image, '-f', 'none'],
      /the Dockerfile "none" was not found\n.*working directory, as with `docker build`\./,
    ],
    [['-t', image, '-f', 'docker/prod.Dockerfile'], /did you mean app\/docker\/prod\.Dockerfile\?/],
    [['-t', image, '-f', 'app/docker'], /the Dockerfile "app\/docker" was not found/],
    [['-t', image, '-f', 'outer'], /the Dockerfile "outer" is outside of app/],
  ])('with %j is refused before anything is sent', async (argv, message) => {
    writeFileSync(join(folder, 'outer'), 'FROM scratch\n');
    expect(await refused('build', 'app', ...argv)).toMatch(message);
  });
});

describe('publish', () => {
  beforeEach(() => {
    writeFiles(folder, {
      'stack.yml':
        'provider: { name: openfaas }\nfunctions:\n' +
        '  one: { lang: dockerfile, handler: ./app, image: "r.example:5000/one:1" }\n',
    });
    mkdirSync(join(folder, 'app/deep'));
  });

  test('accepts the options of docker build and those of faas-cli, for all functions', async () => {
    const { items } = await submitted(
      ...['publish', ...flags, '--dockerfile', './docker/prod.Dockerfile', '--build-label', 'x=y'],
      ...['--build-label', 'd=of faas-cli', '--extra-tag', 'edge', '--extra-tag', '1'],
    );
    expect(items[0]).toMatchObject({
      ...{ image: 'r.example:5000/one:1', tags: ['r.example:5000/one:edge'] },
      ...{ ...fields, image_labels: { ...fields.image_labels, x: 'y' } },
      dockerfile: 'docker/prod.Dockerfile',
    });
  });

  test('sends only the given options', async () => {
    const { items } = await submitted('publish');
    for (const name of ['tags', 'dockerfile', ...Object.keys(fields)])
      expect(items[0]).not.toHaveProperty(name);
  });

  test('overrides the options of the file', async () => {
    const own =
      '{ dockerfile: docker/prod.Dockerfile, target: debug, tags: [edge, "1", other.example/one], ' +
      'image_labels: { d: file, own: file }, annotations: { e: file, own: file } }';
    writeFiles(folder, {
      'stack.yml':
        'provider: { name: openfaas }\nfunctions:\n' +
        `  one: { lang: dockerfile, handler: ./app, image: "r.example:5000/one:1", slipway: ${own} }\n` +
        '  two: { lang: dockerfile, handler: ./app, image: r.example/two, slipway: { no_cache: true } }\n',
    });
    const alone = await submitted('publish');
    expect(alone.items[0]).toMatchObject({
      ...{ dockerfile: 'docker/prod.Dockerfile', target: 'debug' },
      tags: ['r.example:5000/one:edge', 'other.example/one'],
      ...{ image_labels: { d: 'file', own: 'file' }, annotations: { e: 'file', own: 'file' } },
    });
    expect(alone.items[1]).toMatchObject({ image: 'r.example/two:latest', no_cache: true });
    expect(alone.items[1]).not.toHaveProperty('target');
    const { items } = await submitted(
      'publish',
      ...flags,
      '--dockerfile',
      'Dockerfile',
      '--extra-tag',
      'edge',
    );
    expect(items[0]).toMatchObject({
      ...{ ...fields, dockerfile: 'Dockerfile', tags: ['r.example:5000/one:edge', 'other.example/one'] },
      image_labels: { ...fields.image_labels, own: 'file' },
      annotations: { ...fields.annotations, own: 'file' },
    });
    expect(items[1]).toMatchObject({ ...fields, tags: ['r.example/two:edge'] });
  });

  test('names the function whose Dockerfile is missing, and shows the options with --dry-run', async () => {
    const stack = (own: string) =>
      writeFiles(folder, {
        'stack.yml': `provider: { name: openfaas }\nfunctions:\n  one: { lang: dockerfile, handler: ./app, image: one, slipway: ${own} }\n`,
      });
    stack('{ dockerfile: none }');
    expect(await refused('publish')).toMatch(/the function 'one': its build context has no none/);
    stack('{ tags: [edge], pull: true }');
    const { env } = await serve({});
    const { out } = await slipway(['publish', '--dry-run', '--json'], env);
    expect(JSON.parse(out)).toMatchObject({ function: 'one', tags: ['one:edge'], pull: true });
  });

  test.each([
    [['--extra-tag', 'r.example/x:1'], /--extra-tag <tag>' argument 'r\.example\/x:1' is invalid/],
    [
      Array.from({ length: 17 }, (_, at) => ['--extra-tag', `v${at}`]).flat(),
      /the function 'one': its tags cannot be used: Too big: .*16/,
    ],
    [['--build-label', 'a'], /--build-label.*NAME=VALUE/],
    [['--dockerfile', '../x'], /--dockerfile.*"\.\.\/x" must be a path inside/],
    [['--dockerfile', 'deep'], /the function 'one': its build context has no deep/],
    [['-t', 'x'], /unknown option '-t'/],
  ])('with %j is refused before anything is sent', async (argv, message) => {
    expect(await refused('publish', ...argv)).toMatch(message);
  });
});

describe('rebuild', () => {
  test('accepts the options of docker build, with placeholders in tags', async () => {
    const tag = '{registry}/{repository}:{release}';
    const body = await submitted(
      ...['rebuild', '--name', '*', '-t', tag, '--value', 'release=2', '-f', 'a/./b', ...flags],
    );
    expect(body).toMatchObject({ ...fields, tags: [tag], values: { release: '2' }, dockerfile: 'a/b' });
  });

  test('changes only the given options', async () => {
    const body = await submitted('rebuild', '--name', '*');
    for (const name of ['tags', 'dockerfile', ...Object.keys(fields)]) expect(body).not.toHaveProperty(name);
  });
});

test('further tags are distinct images', () => {
  expect(
    furtherTags('node', ['docker.io/library/node:latest', 'node:1', 'index.docker.io/library/node:1']),
  ).toEqual(['node:1']);
  expect(furtherTags('node', [])).toBeUndefined();
});
