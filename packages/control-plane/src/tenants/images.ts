import { canonicalImage, imageRepository, parseImageReference } from '@slipway/shared/contracts';

/**
 * Whether an image may be pushed by a tenant that may push to these: repositories (`registry.example.com/team/app`), folders of
 * repositories (`registry.example.com/team/`) or `*`. Names of Docker Hub count in any spelling. False for what is no reference.
 */
export function mayPushTo(prefixes: readonly string[], image: string): boolean {
  const repository = repositoryOf(image);
  return repository !== undefined && prefixes.some((prefix) => fits(prefix, repository));
}

function fits(prefix: string, repository: string): boolean {
  if (prefix === '*') return true;
  if (!prefix.endsWith('/')) return repositoryOf(prefix) === repository;
  // What a folder stands for is seen from something that lies in it.
  const inside = repositoryOf(`${prefix}x`);
  return inside !== undefined && repository.startsWith(inside.slice(0, -1));
}

function repositoryOf(image: string): string | undefined {
  const canonical = canonicalImage(image);
  const reference = canonical === undefined ? undefined : parseImageReference(canonical);
  return reference && imageRepository(reference).toLowerCase();
}
