import { lstat, readlink } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { folderContext, ignoreFileNames, readIgnoreRules } from '@slipway/shared/source';
import { usage } from '../command-error.js';
import { dockerfileNames } from './dockerfile.js';

type IgnoreRules = Awaited<ReturnType<typeof readIgnoreRules>>;

interface ContextFiles {
  /** The folder of the build context, an absolute path. */
  readonly folder: string;
  /** The path of the Dockerfile within the context. */
  readonly dockerfile: string;
}

/** Returns the rules of the context's ignore file. Throws a `CommandError` that names the line that is wrong. */
export async function readRules({ folder, dockerfile }: ContextFiles): Promise<IgnoreRules> {
  return usage(() => readIgnoreRules({ context: folderContext(folder), dockerfile }));
}

/** Links that lead to each other; Linux follows as many. */
const maxLinks = 40;

/**
 * Returns what the builder needs whatever the rules say, as with `docker build`: the Dockerfile, the ignore files, and what they are links to.
 * The builder applies the rules again, so that `COPY` does not see these files when they are ignored.
 */
export async function neededFiles({ folder, dockerfile }: ContextFiles): Promise<string[]> {
  const found: string[] = [];
  for (const name of [...dockerfileNames(dockerfile), ...ignoreFileNames(dockerfile)]) {
    let path = name;
    for (let links = 0; links < maxLinks && !path.startsWith('../') && !path.startsWith('/'); links++) {
      const stat = await lstat(join(folder, path)).catch(() => undefined);
      if (!stat) break;
      found.push(path);
      if (!stat.isSymbolicLink()) break;
      path = posix.join(posix.dirname(path), await readlink(join(folder, path)));
    }
  }
  return [...new Set(found)];
}
