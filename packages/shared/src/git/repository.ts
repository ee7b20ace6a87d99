import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { shownValue } from '../errors/index.js';
import { makeFolder } from '../folders/index.js';
import { startGit } from './command.js';
import { gitError, gitFailure } from './failures.js';
import { asGitError, fetchCommit, type RepositoryOptions, remoteGit, type Wanted } from './fetch.js';
import { Submodules } from './submodules.js';

/** The commit of a ref now. */
export interface Head {
  readonly commit: string;
  /** The name to request from the server: a full name, or a commit id. */
  readonly name: string;
}

export interface Repository {
  readonly commit: string;
  /**
   * Yields a tar of a folder at the commit, byte for byte, with its submodules (`true`) or without (`false`). Throws
   * `git_path_not_found` for a missing folder, and `git_submodules_undecided` for a folder with submodules if `submodules` is
   * undefined.
   */
  archive(path: string | undefined, submodules: boolean | undefined): AsyncGenerator<Buffer>;
  remove(): Promise<void>;
}

const commitPattern = /^[0-9a-f]{40}$/i;
/** An abbreviated commit id, as git prints it. */
const abbreviated = /^[0-9a-f]{4,39}$/i;

/** Resolves a ref at the server: a full name, a branch, a tag (in this order), or a commit id; undefined means HEAD. */
export async function findHead(ref: string | undefined, options: RepositoryOptions): Promise<Head> {
  if (ref !== undefined && commitPattern.test(ref))
    return { commit: ref.toLowerCase(), name: ref.toLowerCase() };
  const names =
    ref === undefined || ref === 'HEAD'
      ? ['HEAD']
      : [...(ref.startsWith('refs/') ? [ref] : []), `refs/heads/${ref}`, `refs/tags/${ref}`];
  return await inFolder(options, async (cwd) => {
    // An annotated tag is an object itself; `^{}` is the commit that it points to.
    const patterns = names.flatMap((name) => [name, `${name}^{}`]);
    const args = ['ls-remote', '--quiet', '--', options.url.href, ...patterns];
    const { stdout } = await remoteGit(args, cwd, { ...options, ref });
    const found = new Map(stdout.split('\n').map((line) => line.split('\t').reverse() as [string, string]));
    for (const name of names) {
      const commit = found.get(`${name}^{}`) ?? found.get(name);
      if (commit !== undefined) return { commit, name };
    }
    throw refNotFound(ref);
  });
}

function refNotFound(ref: string | undefined) {
  if (ref === undefined)
    return gitError('git_ref_not_found', 'The repository has no default branch; name one.', 'ref');
  const none = `The repository has no branch or tag ${shownValue(ref)}`;
  const detail = abbreviated.test(ref)
    ? `${none}; if that is the beginning of a commit's id, give the whole id of 40 digits.`
    : `${none}.`;
  return gitError('git_ref_not_found', detail, 'ref');
}

/**
 * Fetches one commit into a new folder, without hooks, and without its history if its name is known. `remove` deletes the folder.
 * Rejects with `source_too_large` as soon as the folder is too large.
 */
export async function fetchRepository(wanted: Wanted, given: RepositoryOptions): Promise<Repository> {
  const options =
    'name' in wanted
      ? { ...given, name: wanted.name, ref: wanted.name }
      : { ...given, idBegins: wanted.idBegins, ref: wanted.idBegins };
  const { config, stopping } = options;
  const folder = await emptyFolder(config.workDir);
  const remove = () => rm(folder, { recursive: true, force: true });
  const bare = join(folder, 'bare');
  const own = ['--git-dir', bare];
  try {
    const commit = await fetchCommit(bare, options);
    const modules = new Submodules({ ...options, folder, bare, commit });
    return {
      commit,
      remove,
      async *archive(path = '', submodules) {
        // Archives a tree, not a commit, so that no data of the commit gets into the archive.
        const root = submodules === false ? commit : await modules.tree(path, submodules === true);
        const tree = path === '' ? `${root}^{tree}` : `${root}:${path.replace(/\/+$/, '')}`;
        const timeout = AbortSignal.timeout(config.timeoutMs);
        const ended = new AbortController();
        const { stdout: tar, ended: exit } = startGit({
          args: [...own, 'archive', '--format=tar', tree],
          cwd: folder,
          config,
          signal: AbortSignal.any([stopping, timeout, ended.signal]),
        });
        try {
          for await (const chunk of tar) yield chunk as Buffer;
          const { code, stderr } = await exit;
          if (code !== 0) throw gitFailure({ code, stderr }, { url: options.url.href, path });
        } catch (error) {
          throw asGitError(error, timeout);
        } finally {
          ended.abort();
        }
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Removes leftovers of processes that were killed during a fetch. */
export async function sweepRepositories(workDir: string, olderThanMs: number): Promise<void> {
  for (const name of await readdir(workDir).catch(() => [])) {
    const path = join(workDir, name);
    const found = await stat(path).catch(() => undefined);
    if (found && Date.now() - found.mtimeMs > olderThanMs) await rm(path, { recursive: true, force: true });
  }
}

async function emptyFolder(workDir: string): Promise<string> {
  await makeFolder(workDir, { mode: 0o700 });
  return await mkdtemp(join(workDir, 'fetch-'));
}

async function inFolder<T>({ config }: RepositoryOptions, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await emptyFolder(config.workDir);
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
