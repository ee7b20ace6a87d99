import { gunzipSync } from 'node:zlib';
import { ownPlatform } from '../engines/platform.js';

interface Manifest {
  readonly config?: { readonly digest: string };
  readonly manifests?: readonly {
    readonly platform: { readonly os: string; readonly architecture: string };
  }[];
}

interface ImageConfig {
  readonly os: string;
  readonly architecture: string;
  /** As the specification of Docker's images has it, which is more than that of OCI. */
  readonly config: Readonly<Record<string, unknown>>;
}

/** Both formats of images and indexes: a registry turns a manifest of a type that was not asked for into another one. */
const accept = [
  ...['manifest', 'index'].map((kind) => `application/vnd.oci.image.${kind}.v1+json`),
  ...['manifest', 'manifest.list'].map((kind) => `application/vnd.docker.distribution.${kind}.v2+json`),
].join(', ');

/** Returns what a registry holds under an image reference: the reported digest, the manifest or index, the image's config. */
export async function inRegistry(image: string, headers: Readonly<Record<string, string>> = {}) {
  const [, host, name, tag] = /^([^/]+)\/(.+):([^:]+)$/.exec(image) ?? [];
  const url = `http://${host}/v2/${name}`;
  const answer = await fetch(`${url}/manifests/${tag}`, { headers: { Accept: accept, ...headers } });
  const manifest = (await answer.json()) as Manifest;
  const blob = manifest.config && (await fetch(`${url}/blobs/${manifest.config.digest}`, { headers }));
  const config = (await blob?.json()) as ImageConfig | undefined;
  return { status: answer.status, digest: answer.headers.get('docker-content-digest'), manifest, config };
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface AnyManifest {
  readonly manifests?: readonly Descriptor[];
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
}

/** A blob or manifest of an image, unpacked if it was packed. */
export interface RegistryObject extends Descriptor {
  readonly content: Buffer;
}

/** All that a registry has of an image: the index and the manifests, down to every config and layer. */
export async function objectsOf(image: string): Promise<RegistryObject[]> {
  const [, host, name, tag = ''] = /^([^/]+)\/(.+):([^:]+)$/.exec(image) ?? [];
  const url = `http://${host}/v2/${name}`;
  const objects: RegistryObject[] = [];
  const blob = async (descriptor: Descriptor) => {
    const packed = Buffer.from(await (await fetch(`${url}/blobs/${descriptor.digest}`)).arrayBuffer());
    const content = packed[0] === 0x1f && packed[1] === 0x8b ? gunzipSync(packed) : packed;
    objects.push({ ...descriptor, content });
  };
  const manifest = async (reference: string, annotations = {}) => {
    const answer = await fetch(`${url}/manifests/${reference}`, { headers: { Accept: accept } });
    const content = Buffer.from(await answer.arrayBuffer());
    const digest = answer.headers.get('docker-content-digest') ?? '';
    objects.push({ mediaType: answer.headers.get('content-type') ?? '', digest, annotations, content });
    const parsed = JSON.parse(content.toString()) as AnyManifest;
    for (const part of parsed.manifests ?? []) await manifest(part.digest, part.annotations);
    for (const part of [parsed.config ?? [], parsed.layers ?? []].flat()) await blob(part);
  };
  await manifest(tag);
  return objects;
}

/** Pushes an index with one manifest, that of another tag, for this machine's platform. Returns its digest. */
export async function pushIndex(image: {
  readonly host: string;
  readonly name: string;
  /** The tag of the manifest. */
  readonly from: string;
  /** The tag of the index. */
  readonly to: string;
  /** An annotation of the index. */
  readonly note: string;
}): Promise<string> {
  const { host, name, from, to, note } = image;
  const url = `http://${host}/v2/${name}/manifests`;
  const answer = await fetch(`${url}/${from}`, { headers: { Accept: accept } });
  const content = Buffer.from(await answer.arrayBuffer());
  const [os, architecture] = ownPlatform.split('/');
  const mediaType = 'application/vnd.oci.image.index.v1+json';
  const manifest = {
    mediaType: answer.headers.get('content-type'),
    digest: answer.headers.get('docker-content-digest'),
    size: content.length,
    platform: { os, architecture },
  };
  const body = JSON.stringify({ schemaVersion: 2, mediaType, manifests: [manifest], annotations: { note } });
  const pushed = await fetch(`${url}/${to}`, { method: 'PUT', headers: { 'Content-Type': mediaType }, body });
  if (!pushed.ok) throw new Error(`the registry answered ${pushed.status}: ${await pushed.text()}`);
  return pushed.headers.get('docker-content-digest') ?? '';
}
