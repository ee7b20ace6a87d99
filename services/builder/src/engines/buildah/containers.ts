import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * A build that is killed leaves its working containers behind, with their mounts, and buildah cannot name them. So every
 * build is given a cgroup parent of its own, which chroot isolation does not use but buildah notes down with each
 * container.
 */
export function cgroupParentOf(buildId: string): string {
  return `slipway-${buildId}`;
}

/** The build that a container was made by, or undefined when it is none of ours. */
async function buildOf(containerFolder: string): Promise<string | undefined> {
  let state: unknown;
  try {
    state = JSON.parse(await readFile(join(containerFolder, 'userdata', 'buildah.json'), 'utf8'));
  } catch {
    return undefined; // Gone meanwhile, or half made: another build's own affair.
  }
  const options = (state as { CommonBuildOpts?: { CgroupParent?: unknown } }).CommonBuildOpts;
  const parent = options?.CgroupParent;
  return typeof parent === 'string' && parent.startsWith('slipway-')
    ? parent.slice('slipway-'.length)
    : undefined;
}

export interface OwnedContainer {
  readonly id: string;
  readonly build: string;
}

/** The containers in buildah's storage that builds of ours have made. `folder` is `<graph root>/<driver>-containers`. */
export async function ownedContainers(folder: string): Promise<OwnedContainer[]> {
  const owned: OwnedContainer[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const build = await buildOf(join(folder, entry.name));
    if (build !== undefined) owned.push({ id: entry.name, build });
  }
  return owned;
}
