import { copyFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { folderContext, readIgnoreRules, walkContext } from '@slipway/source';
import type { BuildRequest } from '../engine.js';

/** Returns the place of the Dockerfile's copy. The name is fixed, because buildah preprocesses a file whose name ends in `.in`. */
export const dockerfileOf = ({ scratchDir }: BuildRequest) => join(scratchDir, 'Dockerfile');
const ignoreNothing = ({ scratchDir }: BuildRequest) => join(scratchDir, 'ignore-nothing');

/** Returns the arguments that make buildah read the copied Dockerfile, and no ignore file of the context by rules of its own. */
export const contextArguments = (request: BuildRequest): string[] => [
  `--file=${dockerfileOf(request)}`,
  `--ignorefile=${ignoreNothing(request)}`,
];

/**
 * Removes from the context what its ignore file leaves out, by Docker's rules. buildah's own matcher has others: it loses `!**\/*.py`, and it
 * reads `.containerignore`. Folders keep their times. Copies the Dockerfile first, because the rules may leave it out. Throws `ignore_file_invalid`
 * before it removes anything if a pattern is wrong.
 */
export async function removeIgnored(request: BuildRequest, signal: AbortSignal): Promise<void> {
  const { contextDir: folder } = request;
  const rules = await readIgnoreRules({
    context: folderContext(folder),
    dockerfile: request.options.dockerfile,
  });
  await writeFile(ignoreNothing(request), '');
  await copyFile(request.dockerfile, dockerfileOf(request));
  if (rules.isEmpty) return;
  const times = new Map<string, { readonly atime: Date; readonly mtime: Date }>();
  await walkContext({
    folder,
    rules,
    onEntry: async (path, _entry, kept) => {
      if (kept) return;
      signal.throwIfAborted();
      const place = join(folder, path);
      const parent = dirname(place);
      if (!times.has(parent)) times.set(parent, await stat(parent));
      await rm(place, { recursive: true });
      times.delete(place);
    },
  });
  for (const [parent, { atime, mtime }] of times) await utimes(parent, atime, mtime);
}
