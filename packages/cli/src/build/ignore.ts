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

/** Returns the rules of the context's ignore file. Throws a `CommandError` that names the invalid line. */
export async function readRules({ folder, dockerfile }: ContextFiles): Promise<IgnoreRules> {
  return usage(() => readIgnoreRules({ context: folderContext(folder), dockerfile }));
}

/**
 * Returns the files that the builder needs even if the rules exclude them, as with `docker build`: the Dockerfile, the ignore files,
 * and the targets of their links within the context, with the links and folders on the way. The builder applies the rules again, so
 * `COPY` does not see excluded files.
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
