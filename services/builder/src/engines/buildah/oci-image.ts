import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

interface OciImageOptions {
  /** The output of `buildah inspect --type=image` for an image in Docker's format. */
  readonly inspected: string;
  /**
   * Laid over those of the image. With `--label`, buildah would keep them in its last layer, and later builds that find this layer would have them instead of
   * their own.
   */
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Made here, for it must be new. */
  readonly folder: string;
}

/**
 * Writes an image in Docker's format as an OCI image, for the transport `dir:`, without its layers: buildah finds these in its storage by their digests.
 *
 * The configuration of OCI images, as buildah knows it, has no HEALTHCHECK, ONBUILD and SHELL, so that buildah builds in Docker's format. That format has
 * no annotations, and its configuration names a container and a host that are others in each build. The image written here has
 * the manifest of OCI and all fields of Docker's configuration that are for a runtime or a build upon it, as BuildKit's images do.
 */
export async function writeOciImage({
  inspected,
  labels,
  annotations,
  folder,
}: OciImageOptions): Promise<void> {
  const { Config, Manifest } = JSON.parse(inspected) as { Config: string; Manifest: string };
  const config = Buffer.from(JSON.stringify(portableConfig(JSON.parse(Config), labels)));
  const { layers } = JSON.parse(Manifest) as { layers: readonly { digest: string; size: number }[] };
  const hex = createHash('sha256').update(config).digest('hex');
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: `sha256:${hex}`,
      size: config.length,
    },
    layers: layers.map(({ digest, size }) => ({
      mediaType: 'application/vnd.oci.image.layer.v1.tar',
      digest,
      size,
    })),
    ...(Object.keys(annotations).length > 0 && { annotations }),
  };
  await mkdir(folder);
  await writeFile(join(folder, hex), config);
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
  await writeFile(join(folder, 'version'), 'Directory Transport Version: 1.1\n');
}

const imageFields = new Set([
  ...['created', 'author', 'architecture', 'variant', 'os', 'os.version', 'os.features'],
  ...['config', 'rootfs', 'history'],
]);

/** Fields that describe the container that the image was made in. */
const containerFields = new Set(['Hostname', 'Domainname', 'Image', 'MacAddress']);

/** Returns the configuration of an image without the fields that name where it was made, and without empty ones. */
function portableConfig(
  image: Readonly<Record<string, unknown>>,
  labels: OciImageOptions['labels'],
): Record<string, unknown> {
  const fields = Object.entries(image).filter(([name]) => imageFields.has(name));
  const changed = { config: runtimeConfig(image.config, labels), history: portableHistory(image.history) };
  return { ...Object.fromEntries(fields), ...changed };
}

/** Leaves out comments that name an image of this machine by its id. */
function portableHistory(history: unknown): unknown[] {
  const steps = Array.isArray(history) ? (history as Readonly<Record<string, unknown>>[]) : [];
  return steps.map(({ comment, ...step }) =>
    comment === undefined || /^FROM [0-9a-f]{12,64}$/.test(String(comment)) ? step : { ...step, comment },
  );
}

function runtimeConfig(config: unknown, labels: OciImageOptions['labels']): Record<string, unknown> {
  const own = (config ?? {}) as Readonly<Record<string, unknown>>;
  const labelled = { ...own, Labels: { ...(own.Labels as object | null), ...labels } };
  return Object.fromEntries(
    Object.entries(labelled).filter(([name, value]) => !containerFields.has(name) && !isEmpty(value)),
  );
}

function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return !value;
}
