import { parseImageReference } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';

/** `host[:port]` of the registry that an image reference names, in lower case. */
export function registryOf(image: string): string {
  const domain = parseImageReference(image)?.domain;
  return domain === undefined || domain === '' ? 'docker.io' : domain.toLowerCase();
}

/** The error for a registry that could only be reached over plain http, without being on the allowlist. */
export function insecureRegistry(host: string): SlipwayError {
  return new SlipwayError(
    'registry_insecure',
    `The registry ${host} speaks plain http and is not in INSECURE_REGISTRIES of this builder.`,
  );
}
