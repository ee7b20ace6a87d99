import { lstat, realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, posix, relative, resolve, sep } from 'node:path';
import { checked } from '../build-options/check.js';
import { CommandError } from '../command-error.js';
import { exitCodes } from '../exit-codes.js';

/** The names that a builder looks for: where there is no `Dockerfile`, `dockerfile` will do. */
export const dockerfileNames = (path: string): string[] =>
  posix.basename(path) === 'Dockerfile' ? [path, posix.join(posix.dirname(path), 'dockerfile')] : [path];

interface FindDockerfile {
  /** The real path of the build context. */
  readonly root: string;
  /** The build context as it was given. */
  readonly folder: string;
  /** The path of the Dockerfile from the working directory; undefined for the usual one. */
  readonly file: string | undefined;
}

/** Returns the path of the Dockerfile within the build context. Throws `CommandError` when there is none, or when it lies elsewhere. */
export async function findDockerfile({ root, folder, file }: FindDockerfile): Promise<string> {
  if (file === undefined) {
    for (const name of dockerfileNames('Dockerfile'))
      if (await isThere(join(root, name))) return 'Dockerfile';
    throw refusal(
      `there is no Dockerfile in ${folder}`,
      'Name the folder that holds the Dockerfile, or the Dockerfile itself with --file.',
    );
  }
  const given = JSON.stringify(file);
  const full = resolve(file);
  if (!(await isThere(full))) {
    const inside = await isThere(resolve(root, file));
    throw refusal(
      `there is no Dockerfile ${given}`,
      `The path of --file begins at the working directory, as with \`docker build\`${inside ? `: did you mean ${join(folder, file)}?` : '.'}`,
    );
  }
  const path = relative(root, join(await realpath(dirname(full)), basename(full)));
  if (path === '..' || path.startsWith(`..${sep}`) || isAbsolute(path)) {
    throw refusal(
      `the Dockerfile ${given} lies outside of ${folder}`,
      'Move it into the folder that is built, or build a folder that holds both.',
    );
  }
  return checked('dockerfile', path, (fault) => {
    throw refusal(`the Dockerfile ${given} cannot be used: ${fault}`, 'Give it another name.');
  });
}

/** Whether there is a file or a link. What a link leads to is for the builder to see. */
async function isThere(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  return found !== undefined && !found.isDirectory();
}

const refusal = (message: string, remedy: string): CommandError =>
  new CommandError({ message, remedy, exitCode: exitCodes.usage });
