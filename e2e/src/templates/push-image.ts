import { createHash } from 'node:crypto';
import { sh } from '../context.js';

/** An uncompressed tar. */
export type Layer = Buffer;

/** Returns the files of a folder as a layer. All belong to root and are readable by all users. */
export const layerOf = (folder: string): Layer =>
  sh('tar', [
    '-C',
    folder,
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--sort=name',
    '--mode=a+rX',
    '-c',
    '.',
  ]);

interface PushOptions {
  /** `host:port/name:tag`, in a registry that speaks plain http. */
  readonly image: string;
  readonly layers: readonly Layer[];
  /** The image's configuration: Env, User, OnBuild and so on. */
  readonly config: object;
}

/** Pushes an image by the registry's API, without a build engine, in Docker's format, which has a field for ONBUILD triggers. */
export async function pushImage({ image, layers, config }: PushOptions): Promise<void> {
  const [, host, name, tag] = /^([^/]+)\/(.+):([^:]+)$/.exec(image) ?? [];
  const url = `http://${host}/v2/${name}`;
  const description = Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config,
      rootfs: { type: 'layers', diff_ids: layers.map(digestOf) },
      history: layers.map(() => ({ created_by: 'a test' })),
    }),
  );
  const docker = (type: string) => `application/vnd.docker.${type}`;
  const descriptor = (blob: Buffer, type: string) => ({
    mediaType: docker(type),
    size: blob.length,
    digest: digestOf(blob),
  });
  for (const blob of [...layers, description]) await upload(url, blob);
  const type = docker('distribution.manifest.v2+json');
  const answer = await fetch(`${url}/manifests/${tag}`, {
    method: 'PUT',
    headers: { 'content-type': type },
    body: JSON.stringify({
      schemaVersion: 2,
      mediaType: type,
      config: descriptor(description, 'container.image.v1+json'),
      layers: layers.map((layer) => descriptor(layer, 'image.rootfs.diff.tar')),
    }),
  });
  if (!answer.ok) throw new Error(`${image} was answered with ${answer.status}: ${await answer.text()}`);
}

const digests = new WeakMap<Buffer, string>();
function digestOf(blob: Buffer): string {
  const digest = digests.get(blob) ?? `sha256:${createHash('sha256').update(blob).digest('hex')}`;
  digests.set(blob, digest);
  return digest;
}

async function upload(url: string, blob: Buffer): Promise<void> {
  const digest = digestOf(blob);
  const begun = await fetch(`${url}/blobs/uploads/`, { method: 'POST' });
  const location = new URL(begun.headers.get('location') ?? '', url);
  location.searchParams.set('digest', digest);
  const answer = await fetch(location, { method: 'PUT', body: new Uint8Array(blob) });
  if (!answer.ok) throw new Error(`the upload was answered with ${answer.status}: ${await answer.text()}`);
}
