import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TemporaryFolder {
  readonly path: string;
  /** Removes the folder and all in it; harmless when it is gone already. */
  remove(): Promise<void>;
}

/** A new, empty folder below the system's temporary folder, for its owner alone. */
export async function temporaryFolder(): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), 'slipway-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
