import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseBuildConfig } from './build-config.js';

const parse = (value: unknown) => parseBuildConfig(Buffer.from(JSON.stringify(value)));
const refusal = (code: string, path?: string) =>
  expect.objectContaining({ code, ...(path && { errors: [expect.objectContaining({ path })] }) });

test('reads all keys', () => {
  expect(
    parse({
      image: 'r.io/a:1',
      buildArgs: { A_1: 'x=y,z' },
      platforms: ['linux/amd64', 'linux/arm/v7'],
      skipPush: true,
      provenance: true,
      sbom: false,
    }),
  ).toEqual({
    image: 'r.io/a:1',
    buildArgs: { A_1: 'x=y,z' },
    platforms: ['linux/amd64', 'linux/arm/v7'],
    push: false,
    sbom: false,
    provenance: true,
    options: noOptions,
  });
});

test('an image alone is enough; unknown keys, nulls and empty platforms count as absent', () => {
  const plain = {
    image: 'a',
    buildArgs: {},
    platforms: [],
    push: true,
    sbom: false,
    provenance: false,
    options: noOptions,
  };
  expect(parse({ image: 'a' })).toEqual(plain);
  expect(parse({ image: 'a', platforms: [''], frob: 1 })).toEqual(plain);
  expect(parse({ image: 'a', buildArgs: null, platforms: null, skipPush: null, sbom: null })).toEqual(plain);
});

test('a repeated platform counts once', () => {
  expect(parse({ image: 'a', platforms: ['linux/amd64', ' linux/amd64'] }).platforms).toEqual([
    'linux/amd64',
  ]);
});

test('platforms are in normal form', () => {
  const platforms = ['Linux/amd64', 'aarch64', 'linux/arm'];
  expect(parse({ image: 'a', platforms }).platforms).toEqual(['linux/amd64', 'linux/arm64', 'linux/arm/v7']);
  expect(() => parse({ image: 'a', platforms: ['linux/x86_64', 'linux/amd64'] })).toThrow(
    '"linux/x86_64" and "linux/amd64" are linux/amd64',
  );
});

const noOptions = {
  dockerfile: 'Dockerfile',
  target: undefined,
  tags: [],
  labels: {},
  annotations: {},
  noCache: false,
  pull: false,
};

describe('refuses', () => {
  test.each([
    ['/dockerfile', { dockerfile: '/etc/passwd' }],
    ['/dockerfile', { dockerfile: 'a/../../b' }],
    ['/target', { target: '--push' }],
    ['/labels', { labels: { 'a=b': 'x' } }],
    ['/labels', { labels: { a: 'x\ny' } }],
    ['/annotations', { annotations: { 'Org.x': 'x' } }],
    ['/annotations', { annotations: { '': 'x' } }],
    ['/tags', { tags: Array.from({ length: 17 }, (_, at) => `r.io/a:${at}x`) }],
  ])('the option at %s', (path, options) => {
    expect(() => parse({ image: 'a', ...options })).toThrow(refusal('request_invalid', path));
  });

  test.each(['UPPER', '--help', 'a b', `a@sha256:${'0'.repeat(64)}`])('the tag %j', (tag) => {
    expect(() => parse({ image: 'a', tags: [tag] })).toThrow(refusal('image_invalid'));
  });

  test('invalid JSON', () => {
    expect(() => parseBuildConfig(Buffer.from('{"image"'))).toThrow(refusal('json_invalid'));
  });

  test.each([null, 1, [], 'x', {}, { image: 1 }])('%j, which names no image', (value) => {
    expect(() => parse(value)).toThrow(refusal('request_invalid'));
  });

  test.each(['', 'UPPER', 'a b', 'a,push=false', '--help', 'a:b:c', 'r.io/', 'a"'])(
    'the image %j',
    (image) => {
      expect(() => parse({ image })).toThrow(refusal('image_invalid'));
    },
  );

  test('to push to a digest', () => {
    const image = `a@sha256:${'0'.repeat(64)}`;
    expect(() => parse({ image })).toThrow(refusal('image_invalid'));
    expect(parse({ image, skipPush: true }).image).toBe(image);
  });

  test.each(['', 'A=B', 'BUILDKIT_SYNTAX=x', '-a', 'a b', 'a,b', 'a\n', '1a'])(
    'the argument name %j',
    (name) => {
      expect(() => parse({ image: 'a', buildArgs: { [name]: 'x' } })).toThrow(refusal('request_invalid'));
    },
  );

  test.each([
    ['/buildArgs/A', { image: 'a', buildArgs: { A: 'x\ud83d' } }],
    ['/image', { image: 'a\udc00' }],
    ['/frob/1', { image: 'a', frob: ['x', '\ud83dy'] }],
    ['/buildArgs', { image: 'a', buildArgs: { '\ud83d': 'x' } }],
  ])('half of a surrogate pair at %s', (path, value) => {
    expect(() => parse(value)).toThrow(refusal('request_invalid', path));
  });

  test('a zero byte in an argument', () => {
    expect(() => parse({ image: 'a', buildArgs: { A: 'x\0y' } })).toThrow(
      refusal('request_invalid', '/buildArgs/A'),
    );
  });

  test.each(['linux', 'linux/amd64,linux/arm64', '--x/y', 'linux/amd64 ; x', 'linux/\namd64'])(
    'the platform %j',
    (name) => {
      expect(() => parse({ image: 'a', platforms: [name] })).toThrow(
        refusal('request_invalid', '/platforms'),
      );
    },
  );
});

test('any bytes yield a config or a coded error', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.json().map((text) => Buffer.from(text)),
        fc.uint8Array().map(Buffer.from),
      ),
      (content) => {
        try {
          parseBuildConfig(content);
        } catch (error) {
          expect(error).toHaveProperty('code');
        }
      },
    ),
  );
});
