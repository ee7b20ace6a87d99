const accept =
  'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json';

/** Returns the URLs of an image's repository and manifest. */
function placeOf(image: string) {
  const [, host, repository, tag] = /^([^/]+)\/(.+):([^:]+)$/.exec(image) ?? [];
  const url = `http://${host}/v2/${repository}`;
  return { url, manifest: `${url}/manifests/${tag}` };
}

/** Resolves to the digest of an image in the registry, or null when the registry has no such image. */
export async function imageDigest(image: string): Promise<string | null> {
  const answer = await fetch(placeOf(image).manifest, { method: 'HEAD', headers: { accept } });
  return answer.status === 200 ? answer.headers.get('docker-content-digest') : null;
}

interface Manifest {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string }[];
}

/** Resolves to the digest, manifest and labels of a single-platform image. Rejects when the registry has no such image. */
export async function inRegistry(image: string) {
  const { url, manifest: place } = placeOf(image);
  const answer = await fetch(place, { headers: { accept } });
  if (!answer.ok) throw new Error(`${image} answered ${answer.status}`);
  const manifest = (await answer.json()) as Manifest;
  const config = await (await fetch(`${url}/blobs/${manifest.config.digest}`)).json();
  const { Labels: labels = {} } = (config as { config: { Labels?: Record<string, string> } }).config;
  return { digest: answer.headers.get('docker-content-digest'), manifest, labels };
}
