import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { shownValue } from '@slipway/shared/errors';
import { type GitCommand, runGit, startGit } from './command.js';
import type { GitConfig } from './config.js';
import { gitError, gitFailure } from './failures.js';
import type { RepositoryUrl } from './url.js';

/** What a ref stands for now. */
export interface Head {
  readonly commit: string;
  /** What to ask the server for: a full name, or a commit's id. */
  readonly name: string;
}

interface RepositoryOptions {
  readonly url: RepositoryUrl;
  readonly config: Omit<GitConfig, 'concurrency'>;
  /** See `checkedAddresses`. */
  readonly resolve: string | undefined;
  /** Bytes that the fetched pack may take. */
  readonly maxBytes: number;
  /** Aborted when the process stops. */
  readonly stopping: AbortSignal;
}

export interface Repository {
  readonly commit: string;
  /** A tar of a folder at the commit, byte for byte. Throws `git_path_not_found` when there is none. */
  archive(path: string | undefined): AsyncGenerator<Buffer>;
  remove(): Promise<void>;
}

const fetched = 'refs/slipway/fetched';
const watchEveryMs = 100;

/**
 * Attributes of the repository would leave files out, change line ends, or have text put in. What is built is what was committed;
 * this file has the last word over all others.
 */
const attributes = '* -text -ident -filter !eol !working-tree-encoding -export-ignore -export-subst\n';

const commitPattern = /^[0-9a-f]{40}$/i;
/** The beginning of a commit's id, as git shows it. */
const abbreviated = /^[0-9a-f]{4,39}$/i;

/** Asks the server what a full name, a branch, a tag (in this order), a commit's id, or by default its HEAD stands for. */
export async function findHead(ref: string | undefined, options: RepositoryOptions): Promise<Head> {
  if (ref !== undefined && commitPattern.test(ref))
    return { commit: ref.toLowerCase(), name: ref.toLowerCase() };
  const names =
    ref === undefined || ref === 'HEAD'
      ? ['HEAD']
      : [...(ref.startsWith('refs/') ? [ref] : []), `refs/heads/${ref}`, `refs/tags/${ref}`];
  return await inFolder(options, async (cwd) => {
    // A tag with a message is an object of its own; `^{}` is the commit that it stands for.
    const patterns = names.flatMap((name) => [name, `${name}^{}`]);
    const args = ['ls-remote', '--quiet', '--', options.url.href, ...patterns];
    const { stdout } = await git(args, cwd, { ...options, ref });
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
 * Fetches one commit and nothing of its history, without submodules and hooks, into a folder of its own, that `remove` takes away.
 * Rejects with `source_too_large` as soon as that folder has grown too large.
 */
export async function fetchRepository({ name }: Head, given: RepositoryOptions): Promise<Repository> {
  const options = { ...given, ref: name };
  const { config, stopping } = options;
  const folder = await emptyFolder(config.workDir);
  const remove = () => rm(folder, { recursive: true, force: true });
  const bare = join(folder, 'bare');
  const own = ['--git-dir', bare];
  try {
    await git(['init', '--quiet', '--bare', '--template=', bare], folder, options);
    await mkdir(join(bare, 'info'), { recursive: true });
    await writeFile(join(bare, 'info/attributes'), attributes);
    const limit = watchSize(join(bare, 'objects/pack'), options.maxBytes);
    try {
      const flags = ['--quiet', '--depth=1', '--no-tags', '--no-recurse-submodules', '--no-write-fetch-head'];
      const refspec = `+${name}:${fetched}`;
      await git(
        [...own, 'fetch', ...flags, '--', options.url.href, refspec],
        folder,
        options,
        limit.exceeded,
      );
      await limit.check();
      limit.exceeded.throwIfAborted();
    } finally {
      limit.stop();
    }
    const { stdout } = await git([...own, 'rev-parse', '--verify', `${fetched}^{commit}`], folder, options);
    const commit = stdout.trim();
    return {
      commit,
      remove,
      async *archive(path) {
        // Of a tree and not of a commit: nothing of the commit gets into the archive.
        const tree = path ? `${commit}:${path.replace(/\/+$/, '')}` : `${commit}^{tree}`;
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
          const { code, stderr } = await exit.catch((error) => Promise.reject(asGitError(error, timeout)));
          if (code !== 0) throw gitFailure({ code, stderr }, { url: options.url.href, path });
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

/** Removes what processes have left that were killed while they fetched. */
export async function sweepRepositories(workDir: string, olderThanMs: number): Promise<void> {
  for (const name of await readdir(workDir).catch(() => [])) {
    const path = join(workDir, name);
    const found = await stat(path).catch(() => undefined);
    if (found && Date.now() - found.mtimeMs > olderThanMs) await rm(path, { recursive: true, force: true });
  }
}

/** Runs git against the repository's server, and throws what it means when that fails. */
async function git(
  args: readonly string[],
  cwd: string,
  { url, config, resolve, stopping, ref }: RepositoryOptions & { readonly ref?: string | undefined },
  exceeded?: AbortSignal,
): Promise<{ stdout: string }> {
  const header = config.credentials.get(url.host);
  const timeout = AbortSignal.timeout(config.timeoutMs);
  const command: GitCommand = {
    args,
    cwd,
    config,
    resolve,
    credential: header && { origin: new URL(url.href).origin, header },
    signal: AbortSignal.any([stopping, timeout, ...(exceeded ? [exceeded] : [])]),
  };
  const { code, stderr, stdout } = await runGit(command).catch((error) =>
    Promise.reject(asGitError(error, timeout)),
  );
  if (code !== 0) throw gitFailure({ code, stderr }, { url: url.href, ref });
  return { stdout };
}

function asGitError(error: unknown, timeout: AbortSignal): unknown {
  if (error !== timeout.reason) return error;
  return gitError('git_timed_out', 'Fetching the repository took longer than is allowed.', 'url');
}

function watchSize(folder: string, maxBytes: number) {
  const exceeded = new AbortController();
  const check = async () => {
    if ((await sizeOf(folder)) <= maxBytes) return;
    const detail = `The repository is larger than ${maxBytes} bytes, packed and without its history.`;
    exceeded.abort(gitError('source_too_large', detail, 'url'));
  };
  const timer = setInterval(check, watchEveryMs);
  return { exceeded: exceeded.signal, check, stop: () => clearInterval(timer) };
}

/** Of the files of a folder; what comes and goes counts or does not. */
async function sizeOf(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => []);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function emptyFolder(workDir: string): Promise<string> {
  await mkdir(workDir, { recursive: true, mode: 0o700 });
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
