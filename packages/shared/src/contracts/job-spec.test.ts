import { describe, expect, it } from 'vitest';
import { jobRequestSchema, jobSpecSchema } from './job-spec.js';

const digest = `sha256:${'0'.repeat(64)}`;
const least = { image: 'r.example/x:1', source: { digest } };
const paths = (spec: object) =>
  (jobSpecSchema.safeParse(spec).error?.issues ?? []).map(({ path }) => path.join('/'));

describe('a job spec', () => {
  it('needs an image and a source, and says what the rest is', () => {
    expect(jobSpecSchema.parse(least)).toEqual({
      ...least,
      build_args: {},
      force: false,
      skip_if_unchanged: false,
      platforms: [],
      priority: 'normal',
      push: true,
      sbom: false,
      provenance: false,
      labels: {},
    });
    expect(paths({})).toEqual(['image', 'source']);
  });

  it('puts a function without a namespace into the default one', () => {
    expect(jobSpecSchema.parse({ ...least, function: 'hello' }).function).toBe('openfaas-fn/hello');
    expect(jobSpecSchema.parse({ ...least, function: 'dev/hello' }).function).toBe('dev/hello');
  });

  it.each([
    ['an unknown field', { imge: 'x' }, ''],
    ['a digest in the image', { image: `x@${digest}` }, 'image'],
    ['a source that is no digest', { source: { digest: 'sha256:1' } }, 'source/digest'],
    ['a build argument that is no name', { build_args: { 'A=B': '1' } }, 'build_args/A=B'],
    ['a build argument that is no text', { build_args: { A: 1 } }, 'build_args/A'],
    [
      'too many build arguments',
      { build_args: Object.fromEntries([...Array(257).keys()].map((n) => [`A${n}`, ''])) },
      'build_args',
    ],
    ['a platform that is none', { platforms: ['linux'] }, 'platforms/0'],
    ['a function in upper case', { function: 'Hello' }, 'function'],
    ['a callback that is no web address', { callback: { url: 'file:///etc/passwd' } }, 'callback/url'],
    ['a callback with credentials', { callback: { url: 'https://a:b@ci.example/' } }, 'callback/url'],
    [
      'a weak callback secret',
      { callback: { url: 'https://ci.example/', secret: 'whsec_YQ==' } },
      'callback/secret',
    ],
    ['a timeout of no time', { timeout: 0 }, 'timeout'],
    ['a label with a line break', { labels: { a: 'x\ny' } }, 'labels/a'],
  ])('refuses %s', (_what, change, path) => {
    expect(paths({ ...least, ...change })).toEqual([path]);
  });

  it.each([
    [['linux/amd64', 'linux/amd64'], '"linux/amd64"'],
    [['linux/x86_64', 'amd64'], '"linux/x86_64" and "amd64" are linux/amd64'],
  ])('is not requested with a platform twice: %j', (platforms, spellings) => {
    const issues = jobRequestSchema.safeParse({ ...least, platforms }).error?.issues;
    expect(issues).toMatchObject([
      { path: ['platforms'], message: `must not name a platform twice: ${spellings}` },
    ]);
  });
});
