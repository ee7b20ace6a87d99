import { describe, expect, it } from 'vitest';
import { buildOptionsOf, jobRequestSchema, jobSpecSchema } from './job-spec.js';

const digest = `sha256:${'0'.repeat(64)}`;
const least = { image: 'r.example/x:1', source: { digest } };
const paths = (spec: object) =>
  (jobSpecSchema.safeParse(spec).error?.issues ?? []).map(({ path }) => path.join('/'));

describe('a job spec', () => {
  it('needs an image and a source, and has defaults for the rest', () => {
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

  it('adds the default namespace to a function without one', () => {
    expect(jobSpecSchema.parse({ ...least, function: 'hello' }).function).toBe('openfaas-fn/hello');
    expect(jobSpecSchema.parse({ ...least, function: 'dev/hello' }).function).toBe('dev/hello');
  });

  it.each([
    ['an unknown field', { imge: 'x' }, ''],
    ['a digest in the image', { image: `x@${digest}` }, 'image'],
    ['an invalid source digest', { source: { digest: 'sha256:1' } }, 'source/digest'],
    ['an invalid name of a build argument', { build_args: { 'A=B': '1' } }, 'build_args/A=B'],
    ['a build argument that is not text', { build_args: { A: 1 } }, 'build_args/A'],
    [
      'too many build arguments',
      { build_args: Object.fromEntries([...Array(257).keys()].map((n) => [`A${n}`, ''])) },
      'build_args',
    ],
    ['an invalid platform', { platforms: ['linux'] }, 'platforms/0'],
    ['a function in upper case', { function: 'Hello' }, 'function'],
    ['a callback without a web address', { callback: { url: 'file:///etc/passwd' } }, 'callback/url'],
    ['a callback with credentials', { callback: { url: 'https://a:b@ci.example/' } }, 'callback/url'],
    [
      'a weak callback secret',
      { callback: { url: 'https://ci.example/', secret: 'whsec_YQ==' } },
      'callback/secret',
    ],
    ['a timeout of zero', { timeout: 0 }, 'timeout'],
    ['a Dockerfile outside of the context', { dockerfile: '../Dockerfile' }, 'dockerfile'],
    ['the context itself as Dockerfile', { dockerfile: './' }, 'dockerfile'],
    ['the root as Dockerfile', { dockerfile: '/' }, 'dockerfile'],
    ['a Dockerfile with a line break', { dockerfile: 'a\nb' }, 'dockerfile'],
    ['a Dockerfile without a name', { dockerfile: '' }, 'dockerfile'],
    ['a stage that looks like an option', { target: '--x' }, 'target'],
    ['a stage with a comma', { target: 'a,b' }, 'target'],
    ['a stage of 129 characters', { target: 'a'.repeat(129) }, 'target'],
    ['a tag that is not an image reference', { tags: ['r.example/x:2', 'X'] }, 'tags/1'],
    ['a tag with a digest', { tags: [`r.example/x@${digest}`] }, 'tags/0'],
    ['a tag twice', { tags: ['r.example/x:2', 'r.example/x:2'] }, 'tags'],
    ['a tag twice in two spellings', { tags: ['x', 'docker.io/library/x:latest'] }, 'tags'],
    ['17 tags', { tags: [...Array(17).keys()].map((n) => `r.example/x:${n + 2}`) }, 'tags'],
    ['an image label with an equals sign', { image_labels: { 'a=b': 'x' } }, 'image_labels/a=b'],
    ['an image label with a line break', { image_labels: { a: 'x\ny' } }, 'image_labels/a'],
    ['an image label of 4,097 characters', { image_labels: { a: 'x'.repeat(4_097) } }, 'image_labels/a'],
    [
      '65 image labels',
      { image_labels: Object.fromEntries([...Array(65).keys()].map((n) => [`a${n}`, ''])) },
      'image_labels',
    ],
    ['an annotation with a comma', { annotations: { 'a,b': 'x' } }, 'annotations/a,b'],
    ['an annotation in upper case', { annotations: { 'org.Example': 'x' } }, 'annotations/org.Example'],
    ['an annotation with a zero byte', { annotations: { a: 'x\0' } }, 'annotations/a'],
    ['no_cache that is not a boolean', { no_cache: 'yes' }, 'no_cache'],
    ['pull that is not a boolean', { pull: 1 }, 'pull'],
    ['a label with a line break', { labels: { a: 'x\ny' } }, 'labels/a'],
  ])('refuses %s', (_what, change, path) => {
    expect(paths({ ...least, ...change })).toEqual([path]);
  });

  it.each([
    [['linux/amd64', 'linux/amd64'], '"linux/amd64"'],
    [['linux/x86_64', 'amd64'], '"linux/x86_64" and "amd64" are linux/amd64'],
  ])('refuses a platform twice: %j', (platforms, spellings) => {
    const issues = jobRequestSchema.safeParse({ ...least, platforms }).error?.issues;
    expect(issues).toMatchObject([
      { path: ['platforms'], message: `must not name a platform twice: ${spellings}` },
    ]);
  });

  it('may set build options, and returns those with an effect', () => {
    const options = {
      ...{ dockerfile: 'docker/Dockerfile.prod', target: 'release', tags: ['r.example/x:latest', 'x:2'] },
      image_labels: { 'org.opencontainers.image.title': 'a "b", c=d', é1x: '' },
      ...{ annotations: { 'org.opencontainers.image.url': 'https://x/?a=b' }, no_cache: true, pull: true },
    };
    const { é1x: _other, ...image_labels } = options.image_labels;
    expect(paths({ ...least, ...options })).toEqual(['image_labels/é1x']);
    const spec = jobSpecSchema.parse({ ...least, ...options, image_labels });
    expect(buildOptionsOf(spec)).toEqual({ ...options, image_labels });
    const nothing = {
      dockerfile: 'Dockerfile',
      tags: [],
      image_labels: {},
      annotations: {},
      no_cache: false,
      pull: false,
    };
    expect(buildOptionsOf(jobSpecSchema.parse({ ...least, ...nothing }))).toEqual({});
  });
});
