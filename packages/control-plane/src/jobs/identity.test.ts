import { type JobSpec, jobSpecSchema } from '@slipway/shared/contracts';
import { describe, expect, it } from 'vitest';
import { buildKey } from './identity.js';

const digest = (character: string) => `sha256:${character.repeat(64)}`;
const least = { image: 'r.example/a:1', source: { digest: digest('a') } };
const keyOf = (changes: object = {}, pool = 'default') =>
  buildKey(jobSpecSchema.parse({ ...least, ...changes }), pool);

describe('the build key', () => {
  it('equals the key of earlier versions for a job without later fields', () => {
    expect(keyOf()).toBe('edbf53d9173f218f87b8fb21b0ec05ad429134974b38980709348ae998ea38d6');
    expect(keyOf({}, 'arm')).toBe('488b06e4469619f72d1fcda73db28c918924792602bdff6c07638d3534381d3b');
    const old = {
      ...{
        build_args: { B: '2', A: '1' },
        platforms: ['linux/arm64', 'linux/amd64'],
        sbom: true,
        push: false,
      },
      template: { name: 't', digest: digest('b'), handler_folder: 'function' },
      secrets: { key_id: 'k', names: ['n'], sealed: 's' },
    };
    expect(keyOf(old)).toBe('24c1b6fd2c4eeab5424d28bf58d99355bc87bd52801f1efa3ef43fdabb092fe9');
  });

  it('is the same for all spellings of a platform', () => {
    const key = (platforms: readonly string[]) => keyOf({ platforms });
    expect(key(['linux/x86_64', 'arm64/v8'])).toBe(key(['arm64/v8', 'linux/amd64']));
    expect(key(['linux/arm/v7'])).toBe(key(['linux/armhf']));
    expect(key(['linux/arm/v6'])).not.toBe(key(['linux/armhf']));
  });

  const fields: Partial<JobSpec>[] = [
    { dockerfile: 'a/Dockerfile' },
    { dockerfile: 'test' },
    { target: 'test' },
    { tags: ['r.example/a:2'] },
    { tags: ['r.example/a:2', 'r.example/a:3'] },
    { image_labels: { a: 'b' } },
    { annotations: { a: 'b' } },
    { annotations: { a: 'c' } },
    { no_cache: true },
    { pull: true },
    { no_cache: true, pull: true },
  ];

  it('differs for each build option and each of its values', () => {
    const keys = [keyOf(), ...fields.map((changes) => keyOf(changes))];
    expect(new Set(keys).size).toBe(fields.length + 1);
    expect(new Set(keys.concat(fields.map((changes) => keyOf(changes, 'arm')))).size).toBe(
      2 * fields.length + 1,
    );
  });

  it('does not depend on an order or on unset options', () => {
    expect(keyOf({ tags: [], image_labels: {}, annotations: {}, no_cache: false, pull: false })).toBe(
      keyOf(),
    );
    expect(keyOf({ image_labels: { a: '1', b: '2' } })).toBe(keyOf({ image_labels: { b: '2', a: '1' } }));
    const tags = ['r.example/a:2', 'r.example/a:3'];
    expect(keyOf({ tags })).toBe(keyOf({ tags: tags.toReversed() }));
  });

  const template = { name: 't', digest: digest('b'), handler_folder: 'function' };
  const secrets = { key_id: 'k', names: ['n'], sealed: 's' };
  const git = { url: 'https://git.example/a.git', ref: 'main', commit: 'c'.repeat(40) };

  /** Changes of each field that goes into the image. The type fails when a field is in neither list. */
  const into = {
    ...{ source: [{ digest: digest('b') }], build_args: [{ A: '1' }], platforms: [['linux/arm64']] },
    template: [template, { ...template, digest: digest('c') }, { ...template, handler_folder: '' }],
    ...{ push: [false], sbom: [true], provenance: [true], secrets: [secrets, { ...secrets, sealed: 't' }] },
    ...{ dockerfile: ['a/Dockerfile'], target: ['test'], tags: [['r.example/a:2']], no_cache: [true] },
    ...{ pull: [true], image_labels: [{ a: 'b' }], annotations: [{ a: 'b' }] },
  };
  /** Changes of each field that only says where, when or for whom the image is built. */
  const beside = {
    ...{ image: ['r.example/b:2'], function: ['fn'], pool: ['arm'], priority: ['low'], timeout: [5] },
    ...{ labels: [{ a: 'b' }], callback: [{ url: 'https://ci.example/' }], force: [true] },
    ...{ skip_if_unchanged: [true], vcs: [{ repo: 'acme/shop', sha: 'a'.repeat(40) }] },
  };
  const all = { ...into, ...beside } satisfies Record<keyof JobSpec, unknown[]>;

  it('differs for each field that goes into the image, and for no other', () => {
    const changes = Object.entries(all).flatMap(([name, values]) =>
      values.map((value) => ({ name, key: keyOf({ [name]: value }) })),
    );
    const same = changes.filter(({ key }) => key === keyOf()).map(({ name }) => name);
    expect(same.toSorted()).toEqual(Object.keys(beside).toSorted());
    const others = changes.filter(({ name }) => name in into);
    expect(new Set(others.map(({ key }) => key)).size).toBe(others.length);
  });

  it('does not depend on the names of what goes into the image', () => {
    expect(keyOf({ source: { ...least.source, git } })).toBe(keyOf());
    expect(keyOf({ template: { ...template, name: 'other', uploaded: true } })).toBe(keyOf({ template }));
    expect(keyOf({ secrets: { ...secrets, key_id: 'l', names: ['m'] } })).toBe(keyOf({ secrets }));
  });
});
