import { lstat, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { insideContext } from '@slipway/shared/source';

interface IgnoreFileOptions {
  readonly contextDir: string;
  /** Its path; the file with its rules may lie beside it. */
  readonly dockerfile: string;
  readonly scratchDir: string;
}

/**
 * Returns the file of rules that a build leaves files out by, always inside of the context: buildah itself follows links to files of
 * the machine. A new empty file when there is none.
 */
export async function ignoreFile({ contextDir, dockerfile, scratchDir }: IgnoreFileOptions): Promise<string> {
  const beside = relative(contextDir, dockerfile);
  // In buildah's order.
  const names = [`${beside}.dockerignore`, `${beside}.containerignore`, '.containerignore', '.dockerignore'];
  for (const name of names) {
    const path = await insideContext(contextDir, name);
    if (path !== undefined && (await lstat(path)).isFile()) return path;
  }
  const none = join(scratchDir, 'ignore-nothing');
  await writeFile(none, '');
  return none;
}
