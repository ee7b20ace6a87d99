import { statfsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Where glibc, runc and buildah look for memory that has a path, too. */
const memoryFolder = '/dev/shm';
/** `f_type` of tmpfs and ramfs in statfs(2). */
const memoryTypes: readonly number[] = [0x01021994, 0x858458f6];
/** Throws an Error where clear text would reach a disk. */
export function requireMemory(): void {
  let type: number | undefined;
  try {
    type = statfsSync(memoryFolder).type;
  } catch {
    type = undefined;
  }
  if (type === undefined || !memoryTypes.includes(type))
    throw new Error(`build secrets are kept in memory alone, and ${memoryFolder} is no tmpfs here`);
}

/** Runs `use` with the path of a folder in memory, which is removed afterwards. */
export async function withMemoryFolder<T>(use: (path: string) => Promise<T>): Promise<T> {
  const path = await mkdtemp(join(memoryFolder, 'slipway-'));
  try {
    return await use(path);
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}
