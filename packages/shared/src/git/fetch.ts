import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type GitCommand, type GitExit, runGit } from './command.js';
import type { GitConfig } from './config.js';
import { connectionFailed, gitError, gitFailure } from './failures.js';
import { type SshAccess, sshCommand, writeSshFiles } from './ssh-access.js';
import type { RepositoryUrl } from './url.js';

/** A repository that passed the checks, and its connection data. */
interface CheckedRepository {
  readonly url: RepositoryUrl;
  /** Checked addresses; see `checkedAddresses`. */
  readonly resolve: string | undefined;
  /** Set for an ssh URL. */
  readonly ssh?: SshAccess | undefined;
}

export interface RepositoryOptions extends CheckedRepository {
  readonly config: GitConfig;
  /** The maximum of bytes of the fetched pack. */
  readonly maxBytes: number;
  /** Checks the URL of a submodule like that of the repository. Throws `git_url_invalid` and `git_unauthorized`. */
  readonly check: (url: string) => Promise<CheckedRepository>;
  /** Aborted when the process stops. */
  readonly stopping: AbortSignal;
}

/** The ref to fetch: a full name or commit id, or the start of a commit id, for which the server has no name. */
export type Wanted = { readonly name: string } | { readonly idBegins: string };

const fetched = 'refs/slipway/fetched';
const watchEveryMs = 100;

/**
 * Attributes of a repository could omit files, change line ends, or insert text. This file overrides them all, so that the build
 * gets the committed files.
 */
const attributes = '* -text -ident -filter !eol !working-tree-encoding -export-ignore -export-subst\n';

/**
 * Fetches one commit without its history into a new bare repository, or all branches and tags to find the commit in. Returns its
 * id. Rejects with `source_too_large` as soon as the pack is too large.
 */
export async function fetchCommit(
  bare: string,
  options: RepositoryOptions & Wanted & { readonly ref?: string },
): Promise<string> {
  const { url, maxBytes } = options;
  const cwd = join(bare, '..');
  await git(['init', '--quiet', '--bare', '--template=', bare], cwd, options);
  await mkdir(join(bare, 'info'), { recursive: true });
  await writeFile(join(bare, 'info/attributes'), attributes);
  const { flags, refspecs, commit } = askFor(options);
  const limit = watchSize(packs(bare), maxBytes);
  try {
    const always = ['--quiet', '--no-tags', '--no-recurse-submodules', '--no-write-fetch-head'];
    const args = ['--git-dir', bare, 'fetch', ...always, ...flags, '--', url.href, ...refspecs];
    await remoteGit(args, cwd, options, limit.exceeded);
    await limit.check();
    limit.exceeded.throwIfAborted();
  } finally {
    limit.stop();
  }
  const { stdout } = await git(
    ['--git-dir', bare, 'rev-parse', '--verify', `${commit}^{commit}`],
    cwd,
    options,
  );
  return stdout.trim();
}

function askFor(wanted: Wanted) {
  if ('name' in wanted) {
    return { flags: ['--depth=1'], refspecs: [`+${wanted.name}:${fetched}`], commit: fetched };
  }
  // Refs below refs/slipway cannot collide with a branch or tag name of the commit.
  const refspecs = ['heads', 'tags'].map((kind) => `+refs/${kind}/*:refs/slipway/${kind}/*`);
  return { flags: [], refspecs, commit: wanted.idBegins };
}

const packs = (bare: string) => join(bare, 'objects/pack');

/** Returns the bytes of all packs of a bare repository. */
export const packedBytes = (bare: string): Promise<number> => sizeOf(packs(bare));

type GitOptions = RepositoryOptions & { readonly ref?: string | undefined };

/** Runs git in the fetched repository. Throws the coded error of a failure. */
export async function git(
  args: readonly string[],
  cwd: string,
  options: GitOptions,
): Promise<{ stdout: string }> {
  return ended(await run(args, cwd, options), options);
}

/**
 * Runs git against the repository's server. Throws the coded error of a failure. Over ssh, git tries the server's addresses one by
 * one until it is connected.
 */
export async function remoteGit(
  args: readonly string[],
  cwd: string,
  options: GitOptions,
  exceeded?: AbortSignal,
): Promise<{ stdout: string }> {
  const { url, config, resolve, ssh } = options;
  if (!url.ssh || !ssh) {
    const header = config.credentials.get(url.host);
    const credential = header && { origin: new URL(url.href).origin, header };
    return ended(await run(args, cwd, options, { resolve, credential, exceeded }), options);
  }
  let exit: Exit | undefined;
  for (const address of ssh.addresses) {
    await writeSshFiles(cwd, ssh, address);
    exit = await run(args, cwd, options, { ssh: sshCommand, exceeded });
    if (!connectionFailed(exit)) break;
  }
  return ended(exit ?? { code: 1, stderr: '', stdout: '' }, options);
}

type Exit = GitExit & { readonly stdout: string };

async function run(
  args: readonly string[],
  cwd: string,
  { config, stopping }: GitOptions,
  {
    exceeded,
    ...access
  }: Pick<GitCommand, 'resolve' | 'credential' | 'ssh'> & {
    readonly exceeded?: AbortSignal | undefined;
  } = {},
): Promise<Exit> {
  const timeout = AbortSignal.timeout(config.timeoutMs);
  const signal = AbortSignal.any([stopping, timeout, ...(exceeded ? [exceeded] : [])]);
  return await runGit({ args, cwd, config, ...access, signal }).catch((error) =>
    Promise.reject(asGitError(error, timeout)),
  );
}

function ended(exit: Exit, { url, ref }: GitOptions): Exit {
  if (exit.code !== 0) throw gitFailure(exit, { url: url.href, ref });
  return exit;
}

export function asGitError(error: unknown, timeout: AbortSignal): unknown {
  if (error !== timeout.reason) return error;
  return gitError('git_timed_out', 'Fetching the repository took longer than its time limit.', 'url');
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

/** Returns the bytes of a folder's files. Files that change meanwhile may or may not count. */
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
