import { stat } from 'node:fs/promises';
import { type ErrorCode, infrastructureFault, SlipwayError } from '../errors/index.js';

/** Codes of the system that mean that a folder, or the file system below it, is away. */
const codes: Readonly<Record<string, ErrorCode>> = {
  EACCES: 'storage_unauthorized',
  EPERM: 'storage_unauthorized',
  ENOENT: 'storage_unavailable',
  ENOTDIR: 'storage_unavailable',
  EIO: 'storage_unavailable',
  EROFS: 'storage_unavailable',
  ESTALE: 'storage_unavailable',
  ENODEV: 'storage_unavailable',
  ENXIO: 'storage_unavailable',
  ENOTCONN: 'storage_unavailable',
  ETIMEDOUT: 'storage_unavailable',
  EHOSTDOWN: 'storage_unavailable',
  EHOSTUNREACH: 'storage_unavailable',
};

/** Gives faults of the disk and of its folder their codes of the error table. */
export async function coded<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw storageFault(error) ?? error;
  }
}

function storageFault(error: unknown): SlipwayError | undefined {
  const known = infrastructureFault(error);
  if (known) return known;
  const { code: system = '' } = error as NodeJS.ErrnoException;
  const code = codes[system];
  // The message of the system names a path of the machine.
  return (
    code && new SlipwayError(code, `The folder of the blob store answers with ${system}.`, { cause: error })
  );
}

/** Returns undefined if the file is missing. */
export async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/**
 * Returns undefined if the file is missing in a store that is there. Rejects with a coded error if the folder `marker`, which every
 * store has, is missing too: a file system that is not mounted looks like an empty store.
 */
export async function found<T>(work: Promise<T>, marker: string): Promise<T | undefined> {
  const value = await coded(unlessMissing(work));
  if (value === undefined) await coded(stat(marker));
  return value;
}
