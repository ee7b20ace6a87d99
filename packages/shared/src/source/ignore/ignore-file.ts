import { SlipwayError } from '../../errors/index.js';
import { type ContextFiles, insideContext } from '../context/context-files.js';
import { shown } from '../refusals.js';
import { IgnoreRules, ignoreLimits, parseIgnoreFile } from './rules.js';

interface IgnoreFileOptions {
  readonly context: ContextFiles;
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
export async function readIgnoreRules({ context, dockerfile }: IgnoreFileOptions): Promise<IgnoreRules> {
  for (const name of ignoreFileNames(dockerfile)) {
    const content = await contentOf(context, name);
    if (content !== undefined) return parseIgnoreFile({ content, name });
  }
  return new IgnoreRules({ patterns: [], name: '.dockerignore' });
}

async function contentOf(context: ContextFiles, name: string): Promise<Uint8Array | undefined> {
  const place = await insideContext(context, name);
  const entry = place === undefined ? undefined : await context.entry(place);
  // Docker takes a link that leads nowhere, and a folder, for no file.
  if (place === undefined || entry?.type !== 'file') return undefined;
  if (entry.size > ignoreLimits.bytes) {
    throw new SlipwayError(
      'ignore_file_invalid',
      `${shown(name)} is larger than ${ignoreLimits.bytes} bytes.`,
    );
  }
  return await context.read(place);
}
