/** What an image says of how it is run: the part of its OCI configuration that these tests use. */
export interface ImageConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Cmd?: readonly string[];
  readonly WorkingDir: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly ExposedPorts?: Readonly<Record<string, unknown>>;
  readonly Healthcheck?: { readonly Test: readonly string[] };
}

const manifestTypes = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];

/** Reads the configuration of an image of one platform from a registry. `image` is `host/repository:tag`. */
export async function readImageConfig(image: string): Promise<ImageConfig> {
  const [, host, repository, tag] = image.match(/^([^/]+)\/(.+):([^:/]+)$/) ?? [];
  const manifest = await get(`http://${host}/v2/${repository}/manifests/${tag}`);
  const { config } = (await manifest.json()) as { config: { digest: string } };
  const blob = await get(`http://${host}/v2/${repository}/blobs/${config.digest}`);
  return ((await blob.json()) as { config: ImageConfig }).config;
}

async function get(url: string): Promise<Response> {
  const response = await fetch(url, { headers: { accept: manifestTypes.join(', ') } });
  if (!response.ok) throw new Error(`GET ${url} answered ${response.status}`);
  return response;
}
