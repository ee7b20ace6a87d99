import { SlipwayError } from '@slipway/shared/errors';
import { z } from 'zod';

/** The registry's content for a part: the manifest of an image, or an index of several. */
export interface PartManifest {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly body: unknown;
  /** Platforms that the part was requested for. */
  readonly platforms: readonly string[];
}

/** Fields copied from a part's index into the joint index. They are validated, because a registry's answer is not trusted. */
const descriptorSchema = z.looseObject({
  mediaType: z.string().max(255),
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  size: z.int().min(0),
});
const indexSchema = z.looseObject({ manifests: z.array(descriptorSchema).max(1_000) });
type Descriptor = z.infer<typeof descriptorSchema>;

export const indexType = 'application/vnd.oci.image.index.v1+json';
const indexTypes = [indexType, 'application/vnd.docker.distribution.manifest.list.v2+json'];

/**
 * Returns one OCI image index (image-spec 1.1) of all parts: the entries of their indexes unchanged, attestations included, and
 * their single manifests. Throws `builder_protocol` when a part has other platforms than requested.
 */
export function imageIndex(
  parts: readonly PartManifest[],
  annotations: Readonly<Record<string, string>> = {},
): string {
  const entries = new Map<string, Descriptor>();
  for (const part of parts) for (const entry of entriesOf(part)) entries.set(entry.digest, entry);
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: indexType,
    manifests: [...entries.values()],
    ...(Object.keys(annotations).length > 0 && { annotations }),
  });
}

function entriesOf({ mediaType, digest, size, body, platforms }: PartManifest): readonly Descriptor[] {
  if (indexTypes.includes(mediaType)) {
    const index = indexSchema.safeParse(body);
    if (index.success) return index.data.manifests;
  }
  const [platform] = platforms;
  if (indexTypes.includes(mediaType) || platform === undefined || platforms.length > 1) {
    throw new SlipwayError(
      'builder_protocol',
      `The part ${digest} does not hold an image for each of ${platforms.join(', ')}.`,
    );
  }
  // A builder that was asked for one platform pushes a manifest without an index that would name it.
  const [os, architecture, variant] = platform.split('/');
  return [
    { mediaType, digest, size, platform: { os, architecture, ...(variant !== undefined && { variant }) } },
  ];
}
