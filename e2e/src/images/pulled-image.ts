import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createGunzip } from 'node:zlib';

const exec = promisify(execFile);

/** The part of an image's OCI configuration that these tests use. */
export interface ImageConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Cmd?: readonly string[];
  readonly WorkingDir: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly ExposedPorts?: Readonly<Record<string, unknown>>;
  readonly Healthcheck?: { readonly Test: readonly string[]; readonly Interval?: number };
}

interface Manifest {
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string; readonly mediaType: string }[];
}

const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const dockerManifestType = 'application/vnd.docker.distribution.manifest.v2+json';

/**
 * Pulls an image of one platform and unpacks its layers, owners and modes kept, into a new folder.
 * `image` is `host/repository:tag`.
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

/** A file of this name in a layer hides the rest of its folder's content in the layers below (OCI image specification, layer.md). */
const opaque = '.wh..wh..opq';

async function unpack({ body, gzip, folder }: Layer): Promise<void> {
  const archive = `${folder}.layer`;
  await pipeline([Readable.fromWeb(body), ...(gzip ? [createGunzip()] : []), createWriteStream(archive)]);
  try {
    const { stdout } = await exec('tar', ['--list', `--file=${archive}`], { maxBuffer: 64 * 1024 * 1024 });
    for (const path of stdout.split('\n').filter((line) => basename(line).startsWith('.wh.'))) {
      const place = join(folder, dirname(path));
      if (basename(path) !== opaque) await remove(join(place, basename(path).slice('.wh.'.length)));
      else for (const entry of await readdir(place)) await remove(join(place, entry));
    }
    const flags = ['--same-owner', '--same-permissions', '--numeric-owner', '--exclude=.wh.*'];
    await exec('tar', ['--extract', ...flags, `--file=${archive}`, `--directory=${folder}`]);
  } finally {
    await remove(archive);
  }
}

const remove = (path: string) => rm(path, { recursive: true, force: true });
