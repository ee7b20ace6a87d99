import { lstat, readFile } from 'node:fs/promises';
import { SlipwayError } from '../../errors/index.js';
import { insideContext } from '../inside.js';
import { shown } from '../refusals.js';
import { IgnoreRules, ignoreLimits, parseIgnoreFile } from './rules.js';

interface IgnoreFileOptions {
  /** The folder of the build context, an absolute path. */
  readonly folder: string;
  /** The path of the Dockerfile within the context. */
  readonly dockerfile: string;
}

/** The ignore files that a build may have. The first one that exists counts; the others are as if they did not exist. */
export function ignoreFileNames(dockerfile: string): string[] {
  return [`${dockerfile}.dockerignore`, '.dockerignore'];
}

/**
 * Returns the rules of a build's ignore file; they are empty without such a file. A link is followed within the context alone; see `insideContext`.
 * Throws `ignore_file_invalid`.
 */
export async function readIgnoreRules({ folder, dockerfile }: IgnoreFileOptions): Promise<IgnoreRules> {
  for (const name of ignoreFileNames(dockerfile)) {
    const content = await contentOf(folder, name);
    if (content !== undefined) return parseIgnoreFile({ content, name });
  }
  return new IgnoreRules({ patterns: [], name: '.dockerignore' });
}

async function contentOf(folder: string, name: string): Promise<Uint8Array | undefined> {
  const place = await insideContext(folder, name);
  if (place === undefined) return undefined;
  const stat = await lstat(place);
  // Docker takes a link that leads nowhere, and a folder, for no file.
  if (!stat.isFile()) return undefined;
  if (stat.size > ignoreLimits.bytes) {
    throw new SlipwayError(
      'ignore_file_invalid',
      `${shown(name)} is larger than ${ignoreLimits.bytes} bytes.`,
    );
  }
  return readFile(place);
}
