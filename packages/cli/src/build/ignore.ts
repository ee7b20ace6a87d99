import { folderContext, ignoreFileNames, insideContext, readIgnoreRules } from '@slipway/source';
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

/**
 * Returns what the builder needs whatever the rules say, as with `docker build`: the Dockerfile, the ignore files, and what they are links to
 * within the context, with the links and folders on the way. The builder applies the rules again, so that `COPY` does not see these files when they are ignored.
 */
export async function neededFiles({ folder, dockerfile }: ContextFiles): Promise<string[]> {
  const context = folderContext(folder);
  const passed = new Set<string>();
  const passing = {
    ...context,
    async entry(path: string) {
      const found = await context.entry(path);
      if (found) passed.add(path);
      return found;
    },
  };
  for (const name of [...dockerfileNames(dockerfile), ...ignoreFileNames(dockerfile)]) {
    await insideContext(passing, name);
  }
  return [...passed];
}
