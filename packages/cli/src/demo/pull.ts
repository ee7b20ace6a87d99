import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract } from 'tar';

/** The part of an image's configuration (OCI image specification) that is needed to run it. */
export interface ImageConfig {
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly WorkingDir?: string;
  readonly User?: string;
}

interface Descriptor {
  readonly digest: string;
  readonly platform?: { readonly os: string; readonly architecture: string };
}
interface Manifest {
  readonly manifests?: readonly Descriptor[];
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

const manifestTypes = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];

interface PullOptions {
  /** `host:port` of a registry that speaks plain HTTP. */
  readonly registry: string;
  readonly repository: string;
  /** Digest of the manifest, or of an index of several platforms. */
  readonly digest: string;
  /** The folder for the files; it is created. */
  readonly into: string;
  readonly signal: AbortSignal;
}

/** Fetches an image from a registry (OCI distribution specification), checks every digest, and unpacks its files. */
export async function pullImage(options: PullOptions): Promise<ImageConfig> {
  const { into } = options;
  const manifest = await fetchManifest(options, options.digest);
  await mkdir(into, { recursive: true, mode: 0o755 });
  for (const { digest } of manifest.layers) {
    const { body } = await get(options, `blobs/${digest}`);
    if (!body) throw new Error(`the registry sent no layer ${digest}`);
    await pipeline(
      Readable.fromWeb(body),
      checkDigest(digest),
      extract({
        cwd: into,
        strict: true,
        filter(path) {
          // Whiteouts are not supported; the images of the demo have none.
          if (/(^|\/)\.wh\./.test(path)) throw new Error(`the image removes ${path} in a layer`);
          return true;
        },
      }),
    );
  }
  const response = await get(options, `blobs/${manifest.config.digest}`);
  const { config = {} } = await checkedJson<{ config?: ImageConfig }>(response, manifest.config.digest);
  return config;
}

async function fetchManifest(options: PullOptions, digest: string): Promise<Manifest> {
  const response = await get(options, `manifests/${digest}`, { Accept: manifestTypes.join(', ') });
  const manifest = await checkedJson<Manifest>(response, digest);
  if (!manifest.manifests) return manifest;
  const architecture = { x64: 'amd64', ia32: '386' }[process.arch as string] ?? process.arch;
  const own = manifest.manifests.find(
    ({ platform }) => platform?.os === 'linux' && platform.architecture === architecture,
  );
  if (!own) throw new Error(`the image is not for linux/${architecture}`);
  return fetchManifest(options, own.digest);
}

async function get(
  { registry, repository, signal }: PullOptions,
  path: string,
  headers = {},
): Promise<Response> {
  const response = await fetch(`http://${registry}/v2/${repository}/${path}`, { headers, signal });
  if (!response.ok) throw new Error(`the registry answered ${response.status} for ${repository}/${path}`);
  return response;
}

const sha256 = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

async function checkedJson<T>(response: Response, digest: string): Promise<T> {
  const bytes = Buffer.from(await response.arrayBuffer());
  if (sha256(bytes) !== digest) throw new Error(`the answer of the registry does not match ${digest}`);
  return JSON.parse(bytes.toString()) as T;
}

function checkDigest(digest: string): Transform {
  const hash = createHash('sha256');
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
    flush(done) {
      const found = `sha256:${hash.digest('hex')}`;
      done(
        found === digest ? null : new Error(`the layer that the registry sent is ${found}, not ${digest}`),
      );
    },
  });
}
