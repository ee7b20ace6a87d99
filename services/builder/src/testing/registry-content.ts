interface Manifest {
  readonly config?: { readonly digest: string };
  readonly manifests?: readonly {
    readonly platform: { readonly os: string; readonly architecture: string };
  }[];
}

interface ImageConfig {
  readonly os: string;
  readonly architecture: string;
  readonly config: { readonly Entrypoint?: string[] };
}

/** What a registry has under an image reference: the digest that it reports, the manifest or index, the image's config. */
export async function inRegistry(image: string, headers: Readonly<Record<string, string>> = {}) {
  const [, host, name, tag] = /^([^/]+)\/(.+):([^:]+)$/.exec(image) ?? [];
  const accept = ['manifest', 'index'].map((kind) => `application/vnd.oci.image.${kind}.v1+json`).join(', ');
  const url = `http://${host}/v2/${name}`;
  const answer = await fetch(`${url}/manifests/${tag}`, { headers: { Accept: accept, ...headers } });
  const manifest = (await answer.json()) as Manifest;
  const blob = manifest.config && (await fetch(`${url}/blobs/${manifest.config.digest}`, { headers }));
  const config = (await blob?.json()) as ImageConfig | undefined;
  return { status: answer.status, digest: answer.headers.get('docker-content-digest'), manifest, config };
}
