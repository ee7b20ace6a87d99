import { lstat, readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError } from '../command-error.js';
import { exitCodes } from '../exit-codes.js';
import { readIgnoreRules } from './ignore.js';

/** What a folder holds for a build. */
export interface BuildContext {
  /** The real path of the folder. */
  readonly folder: string;
  /** Of files, folders and links, relative, sorted. */
  readonly paths: readonly string[];
  /** Files and links. */
  readonly files: number;
  /** Bytes of all files together. */
  readonly bytes: number;
  /** Devices, pipes and sockets, which cannot be sent. */
  readonly leftOut: readonly string[];
}

/** Lists the folder, without what its `.dockerignore` names. Links are listed, never followed. */
export async function readContext(folder: string): Promise<BuildContext> {
  const root = await realFolder(folder);
  const rules = await readIgnoreRules(root);
  const paths: string[] = [];
  const leftOut: string[] = [];
  let files = 0;
  let bytes = 0;
  /** Adds what is in a folder; returns whether anything was. */
  const visit = async (parent: string): Promise<boolean> => {
    const entries = await readdir(join(root, parent), { withFileTypes: true });
    const before = paths.length;
    for (const entry of entries) {
      const path = parent === '' ? entry.name : `${parent}/${entry.name}`;
      const ignored = rules.ignores(path);
      if (entry.isDirectory()) {
        if (ignored && !rules.hasExceptions) continue;
        // An ignored folder goes along only for what is let in below it.
        if ((await visit(path)) || !ignored) paths.push(path);
      } else if (ignored) continue;
      else if (entry.isFile() || entry.isSymbolicLink()) {
        paths.push(path);
        files++;
        if (entry.isFile()) bytes += (await lstat(join(root, path))).size;
      } else leftOut.push(path);
    }
    return paths.length > before;
  };
  await visit('');
  await requireDockerfile(root, folder);
  return { folder: root, paths: paths.sort(), files, bytes, leftOut: leftOut.sort() };
}

async function realFolder(folder: string): Promise<string> {
  try {
    const path = await realpath(folder);
    if ((await lstat(path)).isDirectory()) return path;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new CommandError({ message: `there is no folder ${folder}`, exitCode: exitCodes.usage });
  }
  throw new CommandError({
    message: `${folder} is not a folder`,
    remedy: 'Name the folder that holds the Dockerfile.',
    exitCode: exitCodes.usage,
  });
}

async function requireDockerfile(root: string, shown: string): Promise<void> {
  const found = await lstat(join(root, 'Dockerfile')).catch(() => undefined);
  if (found) return;
  throw new CommandError({
    message: `there is no Dockerfile in ${shown}`,
    remedy: 'Name the folder that holds the Dockerfile: it must lie at the top of the build context.',
    exitCode: exitCodes.usage,
  });
}
