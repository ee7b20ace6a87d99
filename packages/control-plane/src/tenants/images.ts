import { canonicalImage, imageRepository, parseImageReference } from '@slipway/shared/contracts';

/**
 * Returns whether a tenant with these prefixes may push an image. A prefix is a repository (`registry.example.com/team/app`), a folder of
 * repositories (`registry.example.com/team/`) or `*`. Names of Docker Hub match in any spelling. Returns false for an invalid reference.
 */
export function mayPushTo(prefixes: readonly string[], image: string): boolean {
  const repository = repositoryOf(image);
  return repository !== undefined && prefixes.some((prefix) => fits(prefix, repository));
}

function fits(prefix: string, repository: string): boolean {
  if (prefix === '*') return true;
  if (!prefix.endsWith('/')) return repositoryOf(prefix) === repository;
  // The canonical form of a folder comes from a repository inside it.
  const inside = repositoryOf(`${prefix}x`);
  return inside !== undefined && repository.startsWith(inside.slice(0, -1));
}

function repositoryOf(image: string): string | undefined {
  const canonical = canonicalImage(image);
  const reference = canonical === undefined ? undefined : parseImageReference(canonical);
  return reference && imageRepository(reference).toLowerCase();
}
