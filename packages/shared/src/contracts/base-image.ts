import { type ImageReference, parseImageReference } from './image-reference.js';

const hub = 'docker.io';
const official = 'library/';

/** With what a reference leaves out of itself: Docker Hub, its official images. */
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

/**
 * The one spelling of an image that is pulled: `node` is `docker.io/library/node:latest`. Undefined for what is no reference.
 */
export function canonicalImage(text: string): string | undefined {
  const reference = parseImageReference(text);
  if (!reference) return undefined;
  const whole = complete(reference);
  return format(whole.tag === undefined && whole.digest === undefined ? { ...whole, tag: 'latest' } : whole);
}

/** How people write an image: without Docker Hub's name and the folder of its official images. */
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
 * Whether an image fits what somebody asks for: the same repository, in any spelling, and where `wanted` has a tag or a digest,
 * the same tag or digest. False when either is no reference.
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
