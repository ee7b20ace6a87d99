import { z } from 'zod';
import { type ImageReference, parseImageReference } from './image-reference.js';

const digestSchema = z.string().regex(/^sha256:[0-9a-f]{64}$/);

/** A base image as a build used it. */
export const baseSchema = z
  .object({
    reference: z
      .string()
      .max(1_024)
      .describe(
        'The image in canonical spelling, as the Dockerfile names it: `docker.io/library/node:22-alpine`',
      ),
    digest: digestSchema
      .optional()
      .describe(
        'The digest that the reference had for the build: of the index if the image is one, else of the manifest. Absent if no builder told it',
      ),
    platform_digest: digestSchema
      .optional()
      .describe("The digest of the manifest for the build's platform, if the builder told it (buildah)"),
  })
  .meta({ id: 'Base' });
export type Base = z.infer<typeof baseSchema>;

/** Limits of the base images of a build, in a builder's result and in a record. The bytes are those of their JSON. */
export const maxBases = 256;
export const maxBasesBytes = 32 * 1024;

const hub = 'docker.io';
const official = 'library/';

/** Returns the reference with the defaults of Docker Hub filled in. */
function complete(reference: ImageReference): ImageReference {
  const { domain, path } = reference;
  const isHub = domain === '' || domain === hub || domain === 'index.docker.io';
  if (!isHub) return reference;
  return { ...reference, domain: hub, path: path.includes('/') ? path : `${official}${path}` };
}

function format({ domain, path, tag, digest }: ImageReference): string {
  const name = domain === '' ? path : `${domain}/${path}`;
  return `${name}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/** Returns the canonical spelling of a base image: `node` is `docker.io/library/node:latest`. Undefined for an invalid reference. */
export function canonicalImage(text: string): string | undefined {
  const reference = parseImageReference(text);
  if (!reference) return undefined;
  const whole = complete(reference);
  return format(whole.tag === undefined && whole.digest === undefined ? { ...whole, tag: 'latest' } : whole);
}

/** Returns the short spelling of an image: without Docker Hub's name and the folder of its official images. */
export function familiarImage(canonical: string): string {
  const reference = parseImageReference(canonical);
  if (reference?.domain !== hub) return canonical;
  const { path } = reference;
  return format({
    ...reference,
    domain: '',
    path: path.startsWith(official) ? path.slice(official.length) : path,
  });
}

/**
 * Returns true if an image matches `wanted`: the same repository in any spelling, and the same tag or digest if `wanted` has one.
 * False when either is an invalid reference.
 */
export function baseImageFits(wanted: string, image: string): boolean {
  const [asked, canonical] = [parseImageReference(wanted), canonicalImage(image)];
  const given = canonical === undefined ? undefined : parseImageReference(canonical);
  if (!asked || !given) return false;
  const { domain, path, tag, digest } = complete(asked);
  return (
    domain === given.domain &&
    path === given.path &&
    (tag === undefined || tag === given.tag) &&
    (digest === undefined || digest === given.digest)
  );
}
