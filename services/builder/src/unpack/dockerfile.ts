import { lstat, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SlipwayError } from '@slipway/shared/errors';
import { insideContext, singleTopFolder } from '@slipway/shared/source';
import { shown } from './tree.js';

/** It is read into memory. */
const maxDockerfileBytes = 4 * 1024 * 1024;

/**
 * Returns the file that a build reads as its Dockerfile: links are followed inside of the context, and `dockerfile` counts where there is no
 * `Dockerfile`, as in BuildKit. Rejects with `source_invalid` when there is none, or when it is too large.
 */
export async function findDockerfile(contextDir: string, path: string): Promise<string> {
  const names = basename(path) === 'Dockerfile' ? [path, join(dirname(path), 'dockerfile')] : [path];
  for (const name of names) {
    const file = await insideContext(contextDir, name);
    const stats = file === undefined ? undefined : await lstat(file);
    if (file === undefined || !stats) continue;
    if (!stats.isFile()) break;
    if (stats.size > maxDockerfileBytes)
      throw new SlipwayError('source_invalid', `context/${path} is larger than ${maxDockerfileBytes} bytes.`);
    return file;
  }
  throw new SlipwayError(
    'source_invalid',
    `There is no file context/${path}, or it is a link that leads to none in the context.${await hintOf(contextDir)}`,
  );
}

async function hintOf(contextDir: string): Promise<string> {
  const top = singleTopFolder(await readdir(contextDir, { recursive: true }));
  return top === undefined ? '' : ` All files lie in ${shown(top)}: pack what is in it, without the folder.`;
}
