import { describe, expect, it } from 'vitest';
import { BaseImageCache } from './base-image-cache.js';
import { baseImages } from './base-images.js';

const dockerfile = [
  'ARG VERSION=1',
  'FROM registry.test/a:$VERSION AS a',
  'FROM registry.test/b-$TARGETARCH:1',
].join('\n');
const options = { dockerfile, buildArgs: {}, platforms: ['linux/amd64'] };

describe('a cache of base images', () => {
  it.each([
    options,
    { ...options, buildArgs: { VERSION: '2' } },
    { ...options, platforms: ['linux/arm64'] },
    { ...options, target: 'a' },
    { ...options, dockerfile: 'FROM registry.test/c:1' },
  ])('has other images for another Dockerfile, argument, platform or target %#', (other) => {
    const cache = new BaseImageCache();
    expect(cache.of(options)).toEqual(baseImages(options));
    for (let time = 0; time < 2; time++) expect(cache.of(other)).toEqual(baseImages(other));
    expect(cache.of(options)).toEqual(baseImages(options));
  });

  it('finds images once', () => {
    const cache = new BaseImageCache();
    expect(cache.of({ ...options })).toBe(cache.of({ ...options }));
  });

  it('keeps no images of a long Dockerfile', () => {
    const cache = new BaseImageCache();
    const long = { ...options, dockerfile: `${dockerfile}\n# ${'x'.repeat(64 * 1024)}` };
    expect(cache.of(long)).not.toBe(cache.of(long));
    expect(cache.of(long)).toEqual(baseImages(options));
  });
});
