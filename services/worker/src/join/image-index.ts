import { SlipwayError } from '@slipway/shared/errors';
import { z } from 'zod';

/** What the registry has of one part: the manifest of an image, or an index of several. */
export interface PartManifest {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly body: unknown;
  /** What the part was to be built for. */
  readonly platforms: readonly string[];
}

/** What is copied of a part's index into the index of the whole; what a registry answers is not believed. */
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
 * One OCI image index (image-spec 1.1) of what the parts hold: the entries of their indexes as they stand, attestations among them, and
 * their single manifests. Throws `builder_protocol` when a part is not what was to be built.
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
