import { SlipwayError } from '@slipway/shared/errors';
import { parentOf } from '../paths.js';
import { shown } from '../refusals.js';
import { singleTopFolder } from '../top-folder.js';
import { type ContextFiles, insideContext } from './context-files.js';

/** Builders read it into memory. */
const maxDockerfileBytes = 4 * 1024 * 1024;
/** Common names of Dockerfiles. A hint lists files with such names. */
const usualName = /(?:^|\/)(?:(?:docker|container)file(?:[._-][^/]*)?|[^/]*[._-](?:docker|container)file)$/i;
const maxCandidates = 3;

/**
 * Returns the path of the file that a build reads as its Dockerfile. Follows links within the context, and falls back from
 * `Dockerfile` to `dockerfile`, as BuildKit does. Rejects with `dockerfile_invalid` when it is missing or too large.
 */
export async function findDockerfile(context: ContextFiles, path: string): Promise<string> {
  const name = nameOf(path);
  const other = `${path.slice(0, path.length - name.length)}dockerfile`;
  for (const each of name === 'Dockerfile' ? [path, other] : [path]) {
    const place = await insideContext(context, each);
    const entry = place === undefined ? undefined : await context.entry(place);
    if (place === undefined || entry === undefined) continue;
    if (entry.type !== 'file') throw refused(`${shown(each)} is not a file of the build context.`);
    if (entry.size > maxDockerfileBytes) {
      throw refused(`${shown(each)} is larger than ${maxDockerfileBytes} bytes.`);
    }
    return place;
  }
  throw refused(
    `The build context has no file ${shown(path)}, or it is a link to a missing file.${await hintOf(context, path)}`,
  );
}

const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1);
const refused = (detail: string) => new SlipwayError('dockerfile_invalid', detail);

async function hintOf(context: ContextFiles, path: string): Promise<string> {
  const paths = await context.paths();
  const top = singleTopFolder(paths);
  if (top !== undefined) {
    return ` All files lie in ${shown(top)}: pack its content, without the folder; for a git repository, name it as \`path\`.`;
  }
  const found = nearest(paths, path);
  if (found.length === 0) return '';
  const listed = found.slice(0, maxCandidates).map(shown).join(', ');
  const more = found.length > maxCandidates ? ` and ${found.length - maxCandidates} more` : '';
  return ` It has ${listed}${more}: name the Dockerfile with the option \`dockerfile\`.`;
}

/** Returns the paths of possible Dockerfiles, those most similar to `path` first. */
function nearest(paths: readonly string[], path: string): string[] {
  const rank = (candidate: string) => [
    Number(candidate.toLowerCase() !== path.toLowerCase()),
    Number(nameOf(candidate) !== nameOf(path)),
    Number(parentOf(candidate) !== parentOf(path)),
    candidate.split('/').length,
  ];
  return paths
    .filter((candidate) => usualName.test(candidate) && !candidate.endsWith('.dockerignore'))
    .map((candidate) => ({ candidate, key: rank(candidate) }))
    .sort((a, b) => compare(a.key, b.key) || (a.candidate < b.candidate ? -1 : 1))
    .map(({ candidate }) => candidate);
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at === -1 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}
