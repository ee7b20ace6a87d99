import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type GitCommand, runGit } from './command.js';
import type { GitConfig } from './config.js';
import { gitError, gitFailure } from './failures.js';
import type { RepositoryUrl } from './url.js';

export interface RepositoryOptions {
  readonly url: RepositoryUrl;
  readonly config: GitConfig;
  /** See `checkedAddresses`. */
  readonly resolve: string | undefined;
  /** Bytes that the fetched pack may take. */
  readonly maxBytes: number;
  /** Checks the URL of a submodule as that of the repository was. Throws `git_url_invalid`. */
  readonly check: (
    url: string,
  ) => Promise<{ readonly url: RepositoryUrl; readonly resolve: string | undefined }>;
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
    await git(args, cwd, options, limit.exceeded);
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

/** Runs git against the repository's server, and throws what it means when that fails. */
export async function git(
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
