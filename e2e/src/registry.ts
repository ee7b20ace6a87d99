/** What the registry says the digest of an image is; null where it has none. */
export async function imageDigest(image: string): Promise<string | null> {
  const [, host, repository, tag] = /^([^/]+)\/(.+):([^:]+)$/.exec(image) ?? [];
  const answer = await fetch(`http://${host}/v2/${repository}/manifests/${tag}`, {
    method: 'HEAD',
    headers: {
      accept:
        'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json',
    },
  });
  return answer.status === 200 ? answer.headers.get('docker-content-digest') : null;
}
