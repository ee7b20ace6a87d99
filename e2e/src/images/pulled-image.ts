import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

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

interface Manifest {
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string; readonly mediaType: string }[];
}

const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const dockerManifestType = 'application/vnd.docker.distribution.manifest.v2+json';

/**
 * Pulls an image of one platform and unpacks its layers, owners and modes kept, into a new folder.
 * `image` is `host/repository:tag`. Layers that remove files of those below are not understood.
 */
export async function pullImage({ image, rootfs }: { image: string; rootfs: string }): Promise<ImageConfig> {
  const [, host, repository, tag] = image.match(/^([^/]+)\/(.+):([^:/]+)$/) ?? [];
  const get = async (path: string) => {
    const response = await fetch(`http://${host}/v2/${repository}/${path}`, {
      headers: { accept: `${manifestType}, ${dockerManifestType}` },
    });
    if (!response.ok || !response.body) throw new Error(`${path} of ${image} answered ${response.status}`);
    return { body: response.body, json: () => response.json() };
  };
  const manifest = (await (await get(`manifests/${tag}`)).json()) as Manifest;
  await mkdir(rootfs);
  for (const { digest, mediaType } of manifest.layers) {
    const { body } = await get(`blobs/${digest}`);
    await unpack({ body, gzip: /gzip$/.test(mediaType), folder: rootfs });
  }
  return ((await (await get(`blobs/${manifest.config.digest}`)).json()) as { config: ImageConfig }).config;
}

interface Layer {
  readonly body: NonNullable<Response['body']>;
  readonly gzip: boolean;
  readonly folder: string;
}

async function unpack({ body, gzip, folder }: Layer): Promise<void> {
  const flags = ['--extract', '--same-owner', '--same-permissions', '--numeric-owner'];
  const tar = spawn('tar', [...flags, ...(gzip ? ['--gzip'] : []), `--directory=${folder}`], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const [[code]] = await Promise.all([once(tar, 'exit'), pipeline(Readable.fromWeb(body), tar.stdin)]);
  if (code !== 0) throw new Error(`tar ended with ${code}`);
}
