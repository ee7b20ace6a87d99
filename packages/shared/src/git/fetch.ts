import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type GitCommand, type GitExit, runGit } from './command.js';
import type { GitConfig } from './config.js';
import { connectionFailed, gitError, gitFailure } from './failures.js';
import { type SshAccess, sshCommand, writeSshFiles } from './ssh-access.js';
import type { RepositoryUrl } from './url.js';

/** A repository that may be fetched, and how. */
interface CheckedRepository {
  readonly url: RepositoryUrl;
  /** See `checkedAddresses`. */
  readonly resolve: string | undefined;
  /** Of a URL of ssh. */
  readonly ssh?: SshAccess | undefined;
}

export interface RepositoryOptions extends CheckedRepository {
  readonly config: GitConfig;
  /** Bytes that the fetched pack may take. */
  readonly maxBytes: number;
  /** Checks the URL of a submodule as that of the repository was. Throws `git_url_invalid` and `git_unauthorized`. */
  readonly check: (url: string) => Promise<CheckedRepository>;
  /** Aborted when the process stops. */
  readonly stopping: AbortSignal;
}

/** What to fetch: a full name or a commit's id; or the commit whose id begins so, for which the server has no name. */
export type Wanted = { readonly name: string } | { readonly idBegins: string };

const fetched = 'refs/slipway/fetched';
const watchEveryMs = 100;

/**
 * Attributes of the repository would leave files out, change line ends, or have text put in. What is built is what was committed;
 * this file has the last word over all others.
 */
const attributes = '* -text -ident -filter !eol !working-tree-encoding -export-ignore -export-subst\n';

/**
 * Fetches one commit without its history, or all branches and tags to find the commit in, into a new bare repository. Returns its id. Rejects with `source_too_large` as
 * soon as the pack has grown too large.
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
  // Below refs/slipway, no branch or tag with such a name hides the commit.
  const refspecs = ['heads', 'tags'].map((kind) => `+refs/${kind}/*:refs/slipway/${kind}/*`);
  return { flags: [], refspecs, commit: wanted.idBegins };
}

const packs = (bare: string) => join(bare, 'objects/pack');

/** Returns the bytes of the packs of a bare repository. */
export const packedBytes = (bare: string): Promise<number> => sizeOf(packs(bare));

type GitOptions = RepositoryOptions & { readonly ref?: string | undefined };

/** Runs git in what was fetched, and throws what it means when that fails. */
export async function git(
  args: readonly string[],
  cwd: string,
  options: GitOptions,
): Promise<{ stdout: string }> {
  return ended(await run(args, cwd, options), options);
}

/**
 * Runs git against the repository's server, and throws what it means when that fails. Over ssh git tries the addresses of the server one after another, until it is connected.
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
