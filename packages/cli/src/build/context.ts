import { lstat, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import {
  folderContext,
  ignoreFileNames,
  insideContext,
  readIgnoreRules,
  readLinkTarget,
  walkContext,
} from '@slipway/source';
import { CommandError, usage } from '../command-error.js';
import { exitCodes } from '../exit-codes.js';
import { dockerfileNames, findDockerfile } from './dockerfile.js';

/** The files of a build context. */
export interface BuildContext {
  /** The real path of the folder. */
  readonly folder: string;
  /** The path of the Dockerfile within the folder, with `/`. */
  readonly dockerfile: string;
  /** Relative paths of files, folders and links, sorted. */
  readonly paths: readonly string[];
  /** The number of files and links. */
  readonly files: number;
  /** Total size of all files in bytes. */
  readonly bytes: number;
  /** Devices, pipes and sockets, which are not sent. */
  readonly leftOut: readonly string[];
}

/**
 * Lists the folder without the paths that its ignore file excludes. Links are listed, never followed. `file` is the path of the
 * Dockerfile relative to the working directory, as for `docker build`. By default the Dockerfile is at the top of the folder.
 */
export async function readContext(folder: string, file?: string): Promise<BuildContext> {
  const root = await realFolder(folder);
  const dockerfile = await findDockerfile({ root, folder, file });
  const rules = await readRules({ folder: root, dockerfile });
  const paths = new Set<string>();
  const leftOut: string[] = [];
  await usage(() =>
    walkContext({
      folder: root,
      rules,
      onEntry: (path, entry, kept) => {
        if (!kept) return;
        if (entry.isFile() || entry.isSymbolicLink() || entry.isDirectory()) paths.add(path);
        else leftOut.push(path);
      },
    }),
  );
  for (const path of await neededFiles({ folder: root, dockerfile })) paths.add(path);
  const sizes = await usage(() => sizesOf(root, paths));
  return { folder: root, dockerfile, paths: [...paths].sort(), ...sizes, leftOut: leftOut.sort() };
}

/** Counts the files to send. Throws for a link that cannot be sent. */
async function sizesOf(root: string, paths: Iterable<string>): Promise<{ files: number; bytes: number }> {
  let files = 0;
  let bytes = 0;
  for (const path of paths) {
    const stat = await lstat(join(root, path));
    if (!stat.isDirectory()) files++;
    if (stat.isFile()) bytes += stat.size;
    else if (stat.isSymbolicLink()) await readLinkTarget(join(root, path), path);
  }
  return { files, bytes };
}

async function realFolder(folder: string): Promise<string> {
  try {
    const path = await realpath(folder);
    if ((await lstat(path)).isDirectory()) return path;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new CommandError({ message: `the folder ${folder} was not found`, exitCode: exitCodes.usage });
  }
  throw new CommandError({
    message: `${folder} is not a folder`,
    remedy: 'Name the folder that holds the Dockerfile.',
    exitCode: exitCodes.usage,
  });
}

type IgnoreRules = Awaited<ReturnType<typeof readIgnoreRules>>;

interface ContextFiles {
  /** The folder of the build context, an absolute path. */
  readonly folder: string;
  /** The path of the Dockerfile within the context. */
  readonly dockerfile: string;
}

/** Returns the rules of the context's ignore file. Throws a `CommandError` that names the invalid line. */
async function readRules({ folder, dockerfile }: ContextFiles): Promise<IgnoreRules> {
  return usage(() => readIgnoreRules({ context: folderContext(folder), dockerfile }));
}

/**
 * Returns the files that the builder needs even if the rules exclude them, as with `docker build`: the Dockerfile, the ignore files,
 * and the targets of their links within the context, with the links and folders on the way. The builder applies the rules again, so
 * `COPY` does not see excluded files.
 */
async function neededFiles({ folder, dockerfile }: ContextFiles): Promise<string[]> {
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
