import { gunzipSync } from 'node:zlib';

interface Descriptor {
  readonly digest: string;
}

interface Manifest {
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
}

const accept =
  'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json';
/** The base of all images is one large layer, which is not relevant here. */
const maxLayerBytes = 64 * 1024;

/** The text of an image in a registry: its configuration, and its layers without the base. */
export async function imageText(image: string): Promise<string> {
  const [, host, repository, tag] = /^([^/]+)\/(.+):([^:]+)$/.exec(image) ?? [];
  const url = `http://${host}/v2/${repository}`;
  const answer = await fetch(`${url}/manifests/${tag}`, { headers: { accept } });
  if (!answer.ok) throw new Error(`the registry answers ${answer.status} for ${image}`);
  const { config, layers = [] } = (await answer.json()) as Manifest;
  const blobs = await Promise.all(
    [...(config ? [config] : []), ...layers].map(async ({ digest }) => {
      const packed = Buffer.from(await (await fetch(`${url}/blobs/${digest}`)).arrayBuffer());
      return packed[0] === 0x1f && packed[1] === 0x8b ? gunzipSync(packed) : packed;
    }),
  );
  return blobs
    .filter(({ length }) => length < maxLayerBytes)
    .map((blob) => blob.toString('latin1').replaceAll('\0', ''))
    .join('\n');
}
