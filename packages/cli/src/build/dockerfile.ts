import { lstat, realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, posix, relative, resolve, sep } from 'node:path';
import { checked } from '../build-options/check.js';
import { CommandError } from '../command-error.js';
import { exitCodes } from '../exit-codes.js';

/** Returns the names that a builder looks for: it also accepts `dockerfile` in the place of `Dockerfile`. */
export const dockerfileNames = (path: string): string[] =>
  posix.basename(path) === 'Dockerfile' ? [path, posix.join(posix.dirname(path), 'dockerfile')] : [path];

interface FindDockerfile {
  /** The real path of the build context. */
  readonly root: string;
  /** The build context as the user wrote it. */
  readonly folder: string;
  /** The path of the Dockerfile relative to the working directory; undefined for the default. */
  readonly file: string | undefined;
}

/** Returns the path of the Dockerfile within the build context. Throws `CommandError` when it is missing or outside of the context. */
export async function findDockerfile({ root, folder, file }: FindDockerfile): Promise<string> {
  if (file === undefined) {
    for (const name of dockerfileNames('Dockerfile'))
      if (await isThere(join(root, name))) return 'Dockerfile';
    throw refusal(
      `no Dockerfile in ${folder}`,
      'Name the folder that holds the Dockerfile, or the Dockerfile itself with --file.',
    );
  }
  const given = JSON.stringify(file);
  const full = resolve(file);
  if (!(await isThere(full))) {
    const inside = await isThere(resolve(root, file));
    throw refusal(
      `the Dockerfile ${given} was not found`,
      `The path of --file begins at the working directory, as with \`docker build\`${inside ? `: did you mean ${join(folder, file)}?` : '.'}`,
    );
  }
  const path = relative(root, join(await realpath(dirname(full)), basename(full)));
  if (path === '..' || path.startsWith(`..${sep}`) || isAbsolute(path)) {
    throw refusal(
      `the Dockerfile ${given} is outside of ${folder}`,
      'Move it into the folder that is built, or build a folder that holds both.',
    );
  }
  return checked('dockerfile', path, (fault) => {
    throw refusal(`the Dockerfile ${given} cannot be used: ${fault}`, 'Give it another name.');
  });
}

/** Returns true for a file or a link. The builder checks the target of a link. */
async function isThere(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  return found !== undefined && !found.isDirectory();
}

const refusal = (message: string, remedy: string): CommandError =>
  new CommandError({ message, remedy, exitCode: exitCodes.usage });
