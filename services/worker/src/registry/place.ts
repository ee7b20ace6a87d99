import { parseImageReference } from '@slipway/shared/contracts';
import { SlipwayError, shownValue } from '@slipway/shared/errors';

/** The repository of an image reference. */
export interface Place {
  /** `host[:port]` as Docker configs name it; `docker.io` for Docker Hub. */
  readonly host: string;
  /** `host[:port]` that requests go to. */
  readonly address: string;
  readonly path: string;
}

/** Returns the repository of an image reference. Throws `image_invalid`. */
export function placeOf(image: string): Place {
  const reference = parseImageReference(image);
  if (!reference) throw new SlipwayError('image_invalid', `${shownValue(image)} is not an image reference.`);
  const { domain, path } = reference;
  if (domain !== '' && domain !== 'docker.io') {
    const host = domain.toLowerCase();
    return { host, address: host, path };
  }
  return {
    host: 'docker.io',
    address: 'registry-1.docker.io',
    path: path.includes('/') ? path : `library/${path}`,
  };
}
