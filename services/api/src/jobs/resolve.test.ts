import { type JobRequest, type JobSpec, jobRequestSchema, jobSpecSchema } from '@slipway/shared/contracts';
import { parseAllowlist } from '@slipway/shared/egress';
import { describe, expect, it } from 'vitest';
import { resolveItems } from '../batches/resolve-items.js';
import { resolveRequest, toSpec } from './resolve.js';

const digest = `sha256:${'a'.repeat(64)}`;
const commit = 'c'.repeat(40);
const git = { url: 'https://git.example/acme/shop.git', ref: 'main', commit, path: 'hello' };

/** A request with every field that needs no lookup. The type fails when a field of the spec is missing here. */
const own = {
  ...{ image: 'r.example/a:1', function: 'dev/hello', build_args: { A: '1' }, platforms: ['linux/arm64'] },
  ...{ dockerfile: 'prod.Dockerfile', target: 'release', tags: ['r.example/a:2'], pool: 'arm' },
  ...{ image_labels: { a: 'b' }, annotations: { c: 'd' }, no_cache: true, pull: true, push: false },
  ...{ sbom: true, provenance: true, timeout: 60, labels: { team: 'x' }, skip_if_unchanged: true },
  ...{ force: true, priority: 'low' as const, callback: { url: 'https://ci.example/hook' } },
} satisfies Record<keyof Omit<JobSpec, 'source' | 'template' | 'secrets' | 'vcs'>, unknown>;

const account = {
  ...{ name: 'default', weight: 1, maxStoredBytes: 1 },
  settings: { highest_priority: 'high' as const, proxy_arguments: false, limits: {}, images: ['*'] },
};
const refuse = () => Promise.reject(new Error('not asked for'));

/** Returns lookups that know one git repository and one template, and note each Dockerfile that is checked. */
function lookups(checked: (string | undefined)[] = []) {
  return {
    egressAllow: parseAllowlist(''),
    contexts: { of: () => async (dockerfile: string | undefined) => void checked.push(dockerfile) },
    templates: { get: async () => ({ digest, handler_folder: 'function' }) as never },
    git: { take: async () => ({ digest, git }) as never },
    owners: { add: refuse, has: async () => true, room: refuse as never },
    sources: { find: async () => undefined, ingest: refuse },
  };
}

const requestOf = (changes: object): JobRequest =>
  jobRequestSchema.parse({ ...own, source: { git: { url: git.url, ref: 'main' } }, ...changes });

describe('the spec of a request', () => {
  const cases: [what: string, request: object, expected: object][] = [
    ['a commit from its git source', {}, { vcs: { repo: 'acme/shop', sha: commit } }],
    [
      'its own commit',
      { vcs: { repo: 'acme/other', sha: 'd'.repeat(40) } },
      { vcs: { repo: 'acme/other', sha: 'd'.repeat(40) } },
    ],
    [
      'a template by its digest',
      { template: 'node' },
      {
        vcs: { repo: 'acme/shop', sha: commit },
        template: { name: 'node', digest, handler_folder: 'function' },
      },
    ],
    [
      'the usual priority',
      { priority: undefined },
      { priority: 'normal', vcs: { repo: 'acme/shop', sha: commit } },
    ],
  ];

  it.each(cases)('has all its fields and %s, alone and in a batch', async (_what, changes, expected) => {
    const checked: (string | undefined)[] = [];
    const deps = lookups(checked);
    const request = requestOf(changes);
    const alone = await resolveRequest(request, account, deps);
    expect(alone).toEqual({ ...own, source: { digest, git }, ...expected });
    expect(jobSpecSchema.parse(alone)).toEqual(alone);
    expect(await resolveItems([request, request], account, deps)).toEqual([alone, alone]);
    expect(checked).toEqual(Array(3).fill('prod.Dockerfile'));
  });

  it('has no field for a reference that is absent', () => {
    const spec = toSpec(own, { source: { digest }, template: undefined, secrets: undefined });
    expect(Object.keys(spec).toSorted()).toEqual([...Object.keys(own), 'source'].toSorted());
  });

  it.each([
    ['a callback that egress denies', { callback: { url: 'http://10.0.0.1/' } }, 'egress_denied'],
    ['secrets that are not sealed', { secrets: 'plain' }, 'secrets_invalid'],
  ])('is refused for %s before its files are fetched', async (_what, changes, code) => {
    const deps = { ...lookups(), git: { take: refuse } };
    await expect(resolveRequest(requestOf(changes), account, deps)).rejects.toMatchObject({ code });
  });
});
