import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { findTool } from '@slipway/local';

interface OnbuildBase {
  /** `host:port/name:tag`, in a registry that speaks plain http. */
  readonly image: string;
  /** An instruction that builds on top of the image run first. */
  readonly trigger: string;
}

/** Pushes an image with a shell and an ONBUILD trigger, in Docker's format: OCI images have no field for triggers. */
export async function pushOnbuildBase({ image, trigger }: OnbuildBase): Promise<void> {
  const [, host, name, tag] = /^([^/]+)\/(.+):([^:]+)$/.exec(image) ?? [];
  const busybox = readFileSync(findTool('busybox') ?? 'busybox');
  const tar = Buffer.concat([
    entry('bin/busybox', busybox),
    entry('bin/sh', busybox),
    entry('bin/cat', busybox),
    Buffer.alloc(1024),
  ]);
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config: { Env: ['PATH=/bin'], OnBuild: [trigger] },
      rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
      history: [{ created_by: 'a test' }],
    }),
  );
  const layer = gzipSync(tar);
  const url = `http://${host}/v2/${name}`;
  for (const blob of [layer, config]) await upload(url, blob);
  const type = 'application/vnd.docker.distribution.manifest.v2+json';
  const manifest = {
    schemaVersion: 2,
    mediaType: type,
    config: {
      mediaType: 'application/vnd.docker.container.image.v1+json',
      size: config.length,
      digest: digestOf(config),
    },
    layers: [
      {
        mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
        size: layer.length,
        digest: digestOf(layer),
      },
    ],
  };
  const answer = await fetch(`${url}/manifests/${tag}`, {
    method: 'PUT',
    headers: { 'content-type': type },
    body: JSON.stringify(manifest),
  });
  if (!answer.ok) throw new Error(`the registry answered ${answer.status}: ${await answer.text()}`);
}

const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

async function upload(url: string, blob: Buffer): Promise<void> {
  const begun = await fetch(`${url}/blobs/uploads/`, { method: 'POST' });
  const location = new URL(begun.headers.get('location') ?? '', url);
  location.searchParams.set('digest', digestOf(blob));
  const answer = await fetch(location, { method: 'PUT', body: new Uint8Array(blob) });
  if (!answer.ok) throw new Error(`the registry answered ${answer.status}: ${await answer.text()}`);
}

/** A file that may be run, as an entry of a tar archive. */
function entry(path: string, content: Buffer): Buffer {
  const header = Buffer.alloc(512);
  const octal = (value: number, at: number, length: number) =>
    header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  header.write(path, 0, 'latin1');
  octal(0o755, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(content.length, 124, 12);
  octal(0, 136, 12);
  header.write('        0', 148, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512);
  return Buffer.concat([header, content, padding]);
}
