/** Events as their registries send them, shortened. */

const digest = `sha256:${'5'.repeat(64)}`;

export const dockerHub = (name: string, tag: string) => ({
  callback_url:
    'https://registry.hub.docker.com/u/svendowideit/testhook/hook/2141b5bi5i5b02bec211i4eeih0242eg11000a/',
  push_data: { pushed_at: 1_417_566_161, pusher: 'trustedbuilder', tag },
  repository: {
    ...{ name: name.split('/').at(-1), namespace: name.split('/')[0], owner: 'trustedbuilder' },
    ...{ repo_name: name, repo_url: `https://registry.hub.docker.com/r/${name}`, status: 'Active' },
  },
});

export const github = (owner: string, name: string, tag: string) => ({
  action: 'published',
  package: {
    ...{ id: 1, name, namespace: owner, ecosystem: 'CONTAINER', package_type: 'CONTAINER' },
    owner: { login: owner, type: 'Organization' },
    package_version: {
      ...{ id: 2, version: digest, package_url: `ghcr.io/${owner}/${name}:${tag}` },
      container_metadata: { tag: { name: tag, digest }, labels: {}, manifest: {} },
    },
  },
  sender: { login: owner },
});

const harborResources = (repository: string, tag: string) => ({
  resources: [{ digest, tag, resource_url: `${repository}:${tag}` }],
  repository: { name: 'base', namespace: 'tools', repo_full_name: 'tools/base', repo_type: 'private' },
});

export const harbor = (repository: string, tag: string) => ({
  ...{ type: 'PUSH_ARTIFACT', occur_at: 1_680_501_893, operator: 'robot$ci' },
  event_data: harborResources(repository, tag),
});

export const harborCloudEvent = (repository: string, tag: string) => ({
  ...{ specversion: '1.0', id: '66aed2cf', source: '/projects/2/webhook/policies/1' },
  ...{ type: 'harbor.artifact.pushed', datacontenttype: 'application/json', operator: 'robot$ci' },
  data: harborResources(repository, tag),
});

export const acr = (host: string, repository: string, tag: string) => ({
  ...{
    id: 'cb8c3971-9adc-488b-xxxx-43cbb4974ff5',
    timestamp: '2017-11-17T16:52:01.343145347Z',
    action: 'push',
  },
  target: {
    mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
    ...{ size: 524, digest, length: 524, repository, tag },
  },
  request: {
    id: '3cbb6949-7549-4fa1-xxxx-a6d5451dffc7',
    host,
    method: 'PUT',
    useragent: 'docker/17.09.0-ce',
  },
});

export const distribution = (
  host: string,
  ...images: readonly (readonly [repository: string, tag: string])[]
) => ({
  events: images.map(([repository, tag]) => ({
    ...{ id: 'asdf-asdf-asdf-asdf-0', timestamp: '2006-01-02T15:04:05Z', action: 'push' },
    target: {
      mediaType: 'application/vnd.oci.image.index.v1+json',
      ...{ length: 1, digest, repository, tag },
      url: `https://${host}/v2/${repository}/manifests/${digest}`,
    },
    request: { id: 'asdfasdf', addr: 'client.local', host, method: 'PUT', useragent: 'test/0.1' },
    ...{ actor: { name: 'test-actor' }, source: { addr: 'hostname.local:port' } },
  })),
});
