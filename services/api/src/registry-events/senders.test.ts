import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pushedImages } from './senders.js';
import { acr, distribution, dockerHub, github, harbor, harborCloudEvent } from './testing/events.js';

const digest = `sha256:${'1'.repeat(64)}`;

describe('a push event', () => {
  it.each<[string, unknown, string[]]>([
    ['Docker Hub', dockerHub('library/node', '22-alpine'), ['docker.io/library/node:22-alpine']],
    ['GitHub', github('Octo-Org', 'tools/base', 'v1'), ['ghcr.io/octo-org/tools/base:v1']],
    [
      'GitHub, as registry_package',
      { action: 'published', registry_package: github('o', 'b', '1').package },
      ['ghcr.io/o/b:1'],
    ],
    [
      'GitHub, without the URL of the package',
      {
        action: 'updated',
        package: {
          ...github('o', 'b', '1').package,
          package_version: { container_metadata: { tag: { name: '1' } } },
        },
      },
      ['ghcr.io/o/b:1'],
    ],
    ['Harbor', harbor('harbor.example:8443/tools/base', '1'), ['harbor.example:8443/tools/base:1']],
    [
      'Harbor, as a CloudEvent',
      harborCloudEvent('harbor.example/tools/base', '1'),
      ['harbor.example/tools/base:1'],
    ],
    ['Azure', acr('team.azurecr.io', 'tools/base', '1'), ['team.azurecr.io/tools/base:1']],
    [
      'distribution',
      distribution('Registry.example:5000', ['tools/base', '1'], ['tools/base', '1'], ['tools/other', '2']),
      ['registry.example:5000/tools/base:1', 'registry.example:5000/tools/other:2'],
    ],
    [
      'distribution behind another name',
      {
        events: [
          {
            action: 'push',
            target: { repository: 'a/b', tag: '1', url: 'https://registry.example/v2/a/b/manifests/x' },
            request: { host: 'inner:5000' },
          },
        ],
      },
      ['inner:5000/a/b:1', 'registry.example/a/b:1'],
    ],
  ])('of %s names images', (_sender, body, images) => {
    expect(pushedImages(body)).toEqual(images);
  });

  it.each<[string, unknown]>([
    [
      'a pull',
      {
        events: [{ action: 'pull', target: { repository: 'a/b', tag: '1' }, request: { host: 'r.example' } }],
      },
    ],
    [
      'a push by digest',
      { events: [{ action: 'push', target: { repository: 'a/b', digest }, request: { host: 'r.example' } }] },
    ],
    ['a push to Harbor by digest', harbor('harbor.example/tools/base', digest)],
    ['a deletion in Azure', { ...acr('r.azurecr.io', 'a/b', '1'), action: 'delete' }],
    [
      'a package of npm',
      { action: 'published', package: { ...github('o', 'b', '1').package, package_type: 'npm' } },
    ],
    ['a ping of GitHub', { zen: 'Keep it logically awesome.', hook_id: 1 }],
    ['a scan of Harbor', { ...harbor('h.example/a/b', '1'), type: 'SCANNING_COMPLETED' }],
    ['a name that is none', dockerHub('../../x', '1 2')],
    ['an empty list', []],
    ['nothing', undefined],
  ])('for %s names none', (_what, body) => {
    expect(pushedImages(body)).toEqual([]);
  });

  it('of any form names canonical images with a tag, or none', () => {
    const bodies = fc.oneof(
      fc.jsonValue(),
      fc.tuple(fc.string(), fc.string()).map(([name, tag]) => dockerHub(name, tag)),
      fc.tuple(fc.string(), fc.string(), fc.string()).map(([host, name, tag]) => acr(host, name, tag)),
      fc.tuple(fc.string(), fc.string()).map(([url, tag]) => harbor(url, tag)),
      fc.tuple(fc.string(), fc.string(), fc.string()).map(([owner, name, tag]) => github(owner, name, tag)),
    );
    fc.assert(
      fc.property(bodies, (body) => {
        for (const image of pushedImages(body)) expect(image).toMatch(/^[^\s/]+\/\S+:[^\s/:]+$/);
      }),
    );
  });
});
