// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Dockerfiles write variables that way too.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { baseImages } from './base-images.js';
import { type Buildkit, startBuildkit } from './testing.js';

let buildkit: Buildkit;
beforeAll(() => {
  buildkit = startBuildkit();
});
afterAll(() => buildkit.close());

const options = { buildArgs: {}, platforms: ['linux/amd64'] };
const node = 'docker.io/library/node:22-alpine';
const [a, b, c] = ['r.example/a:1', 'r.example/b:1', 'r.example/c:1'];

describe('base images', () => {
  it('use the build arguments that the Dockerfile declares', async () => {
    const dockerfile = 'ARG V=20\nARG OS\nFROM node:${V}-${OS:-slim}${X:+-x}';
    for (const [buildArgs, image] of [
      [{ V: '22', OS: 'alpine' }, 'node:22-alpine'],
      [{ V: '22', X: '1' }, 'node:22-slim'],
      [{ OS: '$V', V: '' }, undefined],
      [{ TARGETARCH: 'x' }, 'node:20-slim'],
    ] as const) {
      const found = baseImages({ ...options, dockerfile, buildArgs });
      expect(found).toEqual(image === undefined ? [] : [`docker.io/library/${image}`]);
      expect((await buildkit.ask({ dockerfile, buildArgs })).images ?? []).toEqual(found);
    }
    expect(baseImages({ ...options, dockerfile: 'ARG toString=1\nFROM node:$toString' })).toEqual([
      'docker.io/library/node:1',
    ]);
    expect(
      baseImages({ ...options, dockerfile: 'ARG V\nFROM a:$TARGETARCH', buildArgs: { TARGETARCH: 'x' } }),
    ).toEqual(['docker.io/library/a:x']);
  });

  it('are those that the target needs', async () => {
    const dockerfile = `FROM ${a} AS x\nFROM ${b} AS Y\nCOPY --from=x / /\nFROM ${c}\nCOPY --from=${node} / /`;
    for (const [target, images] of [
      [undefined, [c, node]],
      ['x', [a]],
      ['X', [a]],
      ['y', [a, b]],
      ['Y', [a, b]],
    ] as const) {
      expect(baseImages({ ...options, dockerfile, target })).toEqual(images);
      expect((await buildkit.ask({ dockerfile, target })).images).toEqual(images.toSorted());
    }
    // buildah accepts numbers, BuildKit does not.
    expect(baseImages({ ...options, dockerfile, target: '2' })).toEqual([c, node]);
    expect(baseImages({ ...options, dockerfile, target: '3' })).toEqual([]);
    expect(baseImages({ ...options, dockerfile, target: 'z' })).toEqual([]);
  });

  it.each([
    ['linux/amd64', 'linux-amd64-', 'linux/amd64'],
    ['linux/arm64', 'linux-arm64-', 'linux/arm64'],
    ['linux/arm/v7', 'linux-arm-v7', 'linux/arm/v7'],
  ])('of %s', async (platform, tag, whole) => {
    const dockerfile = 'FROM x:${TARGETOS}-${TARGETARCH}-${TARGETVARIANT}';
    const found = baseImages({ ...options, platforms: [platform], dockerfile });
    expect(found).toEqual([`docker.io/library/x:${tag}`]);
    expect((await buildkit.ask({ dockerfile, platform })).images).toEqual(found);
    const asPath = { dockerfile: 'FROM x/${TARGETPLATFORM}', platforms: [platform] };
    expect(baseImages({ ...options, ...asPath })).toEqual([`docker.io/x/${whole}:latest`]);
  });

  it('of several platforms are all of them', () => {
    const dockerfile = `FROM ${a} AS x\nFROM x:$TARGETARCH\nCOPY --from=x / /`;
    const platforms = ['linux/amd64', 'linux/arm64'];
    expect(baseImages({ ...options, dockerfile, platforms })).toEqual([
      ...[a, 'docker.io/library/x:amd64', 'docker.io/library/x:arm64'],
    ]);
  });

  it('omit images that depend on an unknown platform', () => {
    const dockerfile = (image: string) => `FROM ${a} AS x\nFROM ${image}\nCOPY --from=x / /`;
    for (const image of ['x:$TARGETARCH', 'x:${BUILDPLATFORM##*/}', 'x:${TARGETOS:+1}', 'x${TARGETVARIANT}'])
      expect(baseImages({ ...options, platforms: [], dockerfile: dockerfile(image) })).toEqual([a]);
  });

  it.each([
    ['nothing', ''],
    ['no instruction', '# comment'],
    ['no Dockerfile', '{"a": [1, 2, 3]}'],
    ['binary', '\0\u0001\u0002FROM'],
    ['no reference', 'FROM Not/An:Image:x'],
    ['an argument of a stage', 'FROM scratch\nARG V=22\nFROM node:$V'],
    ['an error in a variable', 'FROM node:${V\nFROM node:${V;}\nFROM node:${V:?}'],
    ['COPY in front of FROM', `COPY --from=${a} / /`],
  ])('are empty with %s, which BuildKit refuses', async (_what, dockerfile) => {
    expect(baseImages({ ...options, dockerfile })).toEqual([]);
    expect((await buildkit.ask({ dockerfile })).error).not.toBe('');
  });

  it.each([
    [
      'variables behind --from',
      `FROM ${a}\nARG V=${b}\nENV W ${c}\nCOPY --from=$V / /\nRUN --mount=from=\${W},target=/x ls`,
      [a, b, c],
    ],
    ['a variable of ENV', `FROM ${a}\nARG V=${b}\nENV V=${c}\nCOPY --from="$V" / /`, [a, c]],
    [
      'a stage that comes later',
      `FROM ${a}\nCOPY --from=x / /\nFROM ${b} AS x\nCOPY --from=0 / /`,
      [a, 'docker.io/library/x:latest', b],
    ],
    ['the stage itself', `FROM ${a} AS x\nCOPY --from=x / /`, [a, 'docker.io/library/x:latest']],
  ])('follow buildah with %s, which BuildKit refuses', async (_what, dockerfile, images) => {
    expect(baseImages({ ...options, dockerfile })).toEqual(images);
    expect((await buildkit.ask({ dockerfile })).error).not.toBe('');
  });
});
