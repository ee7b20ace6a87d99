import { SlipwayError } from '@slipway/shared/errors';
import { type ContextFiles, insideContext } from '../context/context-files.js';
import { shown } from '../refusals.js';
import { IgnoreRules, ignoreLimits, parseIgnoreFile } from './rules.js';

interface IgnoreFileOptions {
  readonly context: ContextFiles;
  /** The path of the Dockerfile within the context. */
  readonly dockerfile: string;
}

/** Returns the names of a build's ignore files. The first existing one applies; the others are ignored. */
export function ignoreFileNames(dockerfile: string): string[] {
  return [`${dockerfile}.dockerignore`, '.dockerignore'];
}

/**
 * Returns the rules of a build's ignore file; empty without such a file. Follows a link only within the context; see
 * `insideContext`. Throws `ignore_file_invalid`.
 */
export async function readIgnoreRules(options: IgnoreFileOptions): Promise<IgnoreRules> {
  const found = await findIgnoreFile(options);
  if (!found) return new IgnoreRules({ patterns: [], name: '.dockerignore' });
  return parseIgnoreFile({ content: await options.context.read(found.place), name: found.name });
}

interface CheckOptions extends IgnoreFileOptions {
  /** Larger files are not read, so their patterns stay unchecked. */
  readonly maxBytes: number;
}

/** Throws `ignore_file_invalid` like `readIgnoreRules`, for files of up to `maxBytes`. */
export async function checkIgnoreFile({ maxBytes, ...options }: CheckOptions): Promise<void> {
  const found = await findIgnoreFile(options);
  if (found && found.size <= maxBytes) {
    parseIgnoreFile({ content: await options.context.read(found.place), name: found.name });
  }
}

interface FoundFile {
  readonly name: string;
  /** The resolved path in the context. */
  readonly place: string;
  readonly size: number;
}

async function findIgnoreFile({ context, dockerfile }: IgnoreFileOptions): Promise<FoundFile | undefined> {
  for (const name of ignoreFileNames(dockerfile)) {
    const place = await insideContext(context, name);
    const entry = place === undefined ? undefined : await context.entry(place);
    // Docker treats a dangling link and a folder as a missing file.
    if (place === undefined || entry?.type !== 'file') continue;
    if (entry.size <= ignoreLimits.bytes) return { name, place, size: entry.size };
    throw new SlipwayError(
      'ignore_file_invalid',
      `${shown(name)} is larger than ${ignoreLimits.bytes} bytes.`,
    );
  }
  return undefined;
}
