import { parseImageReference } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';

/** `host[:port]` of the registry that an image reference names, in lower case. */
export function registryOf(image: string): string {
  const domain = parseImageReference(image)?.domain;
  return domain === undefined || domain === '' ? 'docker.io' : domain.toLowerCase();
}

/** Whether a registry is on the allowlist of those that may be spoken to over plain http; `*` stands for all. */
export function isListed(allowed: readonly string[], host: string): boolean {
  return allowed.includes('*') || allowed.includes(host);
}

/** The error for a registry that could only be reached over plain http, without being on the allowlist. */
export function insecureRegistry(host: string): SlipwayError {
  return new SlipwayError(
    'registry_insecure',
    `The registry ${host} speaks plain http and is not in INSECURE_REGISTRIES of this builder.`,
  );
}

/** Whether BuildKit takes a registry to be on its own machine, and so speaks plain http with it unasked. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/:\d+$/, '').toLowerCase();
  return name === 'localhost' || name === '[::1]' || /^127(\.\d{1,3}){3}$/.test(name);
}
