import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jobRequestSchema, jobSpecSchema } from '../contracts/index.js';
import { parsePlatform, repeatedPlatform } from './index.js';

/** Results of `platforms.Parse` and `platforms.Normalize` of containerd/platforms v1 on Linux. */
const normalForms: readonly (readonly [string, string])[] = [
  ['linux/amd64', 'linux/amd64'],
  ['linux/x86_64', 'linux/amd64'],
  ['linux/x86-64', 'linux/amd64'],
  ['Linux/X86_64', 'linux/amd64'],
  ['linux/amd64/v1', 'linux/amd64'],
  ['linux/x86_64/V1', 'linux/amd64'],
  ['linux/amd64/v2', 'linux/amd64/v2'],
  ['linux/amd64/v3', 'linux/amd64/v3'],
  ['linux/arm64', 'linux/arm64'],
  ['linux/aarch64', 'linux/arm64'],
  ['linux/arm64/v8', 'linux/arm64'],
  ['linux/aarch64/8', 'linux/arm64'],
  ['linux/arm64/v9', 'linux/arm64/v9'],
  ['linux/arm', 'linux/arm/v7'],
  ['linux/arm/7', 'linux/arm/v7'],
  ['linux/arm/v7', 'linux/arm/v7'],
  ['linux/arm/5', 'linux/arm/v5'],
  ['linux/arm/6', 'linux/arm/v6'],
  ['linux/arm/8', 'linux/arm/v8'],
  ['linux/armhf', 'linux/arm/v7'],
  ['linux/armhf/v6', 'linux/arm/v7'],
  ['linux/armel', 'linux/arm/v6'],
  ['linux/armel/v7', 'linux/arm/v6'],
  ['linux/i386', 'linux/386'],
  ['linux/i386/v1', 'linux/386'],
  ['linux/386', 'linux/386'],
  ['linux/s390x', 'linux/s390x'],
  ['linux/ppc64le', 'linux/ppc64le'],
  ['linux/riscv64', 'linux/riscv64'],
  ['linux/mips64le', 'linux/mips64le'],
  ['windows/amd64', 'windows/amd64'],
  ['macOS/arm64', 'darwin/arm64'],
  ['macos/aarch64/v8', 'darwin/arm64'],
  ['amd64', 'linux/amd64'],
  ['x86_64', 'linux/amd64'],
  ['Aarch64', 'linux/arm64'],
  ['arm', 'linux/arm/v7'],
  ['armhf', 'linux/arm/v7'],
  ['armel', 'linux/arm/v6'],
  ['i386', 'linux/386'],
  ['s390x', 'linux/s390x'],
  ['wasm', 'linux/wasm'],
];

describe('a platform', () => {
  test.each(normalForms)('%s is %s', (text, normal) => {
    expect(parsePlatform(text)).toBe(normal);
    expect(parsePlatform(normal)).toBe(normal);
  });

  test.each([
    ...['', '/', 'linux', 'macos', 'windows', 'x64', 'linux/', '/amd64', '/linux/arm', 'linux/arm/'],
    ...['linux //arm', 'linux/&arm', 'linux/arm/foo/bar', 'linux/*', '*', 'windows(10.0)/amd64', '--x/y'],
    ...['linux/amd64,linux/arm64', ' linux/amd64', 'linux/amd64\n', 'linux/-a', `linux/${'a'.repeat(40)}`],
  ])('refuses %j', (text) => {
    expect(parsePlatform(text)).toBeUndefined();
  });

  test('keeps its normal form', () => {
    const word = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,8}$/);
    fc.assert(
      fc.property(
        fc.array(fc.oneof(word, fc.constantFrom('linux', 'arm', 'amd64', 'v1')), {
          minLength: 1,
          maxLength: 3,
        }),
        (parts) => {
          const normal = parsePlatform(parts.join('/'));
          if (normal !== undefined) expect(parsePlatform(normal)).toBe(normal);
        },
      ),
    );
  });

  test('may appear once in a list, in any spelling', () => {
    expect(repeatedPlatform(['amd64', 'arm64'])).toBeUndefined();
    expect(repeatedPlatform(['linux/x86_64', 'arm', 'linux/amd64'])).toBe(
      'must not name a platform twice: "linux/x86_64" and "linux/amd64" are linux/amd64',
    );
  });
});

describe('the platforms of a job', () => {
  const image = 'r.example/a:1';
  const digest = `sha256:${'1'.repeat(64)}`;
  const spec = (platforms: readonly string[]) =>
    jobSpecSchema.parse({ image, source: { digest }, platforms });

  test('are stored in normal form', () => {
    const request = { image, source: { digest }, platforms: ['linux/x86_64', 'aarch64'] };
    expect(jobRequestSchema.parse(request).platforms).toEqual(['linux/amd64', 'linux/arm64']);
  });

  test('of a record with two spellings of one count once', () => {
    expect(spec(['linux/arm64', 'linux/arm64/v8']).platforms).toEqual(['linux/arm64']);
  });
});
