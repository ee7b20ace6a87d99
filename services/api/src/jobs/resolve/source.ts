import type { JobRequest, JobSpec } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { type IngestOptions, packFiles, type SourceInfo, type SourceStore } from '@slipway/source';
import type { GitHeads, GitSources } from '../../git/git-sources.js';
import { archiveErrors } from '../../sources/errors.js';
import { findOwn, type OwnershipDeps, own, takeOwn } from '../../sources/ownership.js';
import type { Account } from '../../tenants/account.js';

export interface ResolveSourceDeps extends OwnershipDeps {
  readonly sources: Pick<SourceStore, 'find' | 'ingest'>;
  readonly git: Pick<GitSources, 'take'>;
}

/** Errors of `resolveSource`. */
export const sourceErrors = [
  'source_not_found',
  ...archiveErrors,
  'git_url_invalid',
  'git_ref_not_found',
  'git_path_not_found',
  'git_submodules_undecided',
  'git_submodule_invalid',
  'git_unauthorized',
  'git_host_key_unknown',
  'git_unreachable',
  'git_timed_out',
  'git_memory_exceeded',
  'git_busy',
] as const;

/**
 * Returns the digest of a stored source of the tenant. All lookups of a request share `heads`, so that a branch gives one commit.
 * Throws `source_*` and `git_*`; paths of field errors begin at the request.
 */
export async function resolveSource(
  source: JobRequest['source'],
  account: Account,
  deps: ResolveSourceDeps,
  heads?: GitHeads,
): Promise<JobSpec['source']> {
  const { sources, git } = deps;
  if ('git' in source) {
    const taken = await git.take(source.git, account, heads);
    const info = await sources.find(taken.digest);
    if (info) await own(account, info, deps);
    return taken;
  }
  if ('files' in source) {
    const { files } = source;
    const { digest } = await takeOwn(account, deps, (room) => storeFiles(files, sources, { room }));
    return { digest };
  }
  if (await findOwn(account, source.digest, deps)) return source;
  throw new SlipwayError('source_not_found', `There is no source ${source.digest}.`, {
    errors: [
      { path: '/source/digest', message: 'is not the digest of a source that the tenant has uploaded' },
    ],
  });
}

/** Stores the files in the request itself. An error names the file. */
export async function storeFiles(
  files: Readonly<Record<string, string>>,
  sources: Pick<SourceStore, 'ingest'>,
  options?: IngestOptions,
): Promise<SourceInfo> {
  const paths = Object.keys(files);
  // Index of the file that is being packed or stored, for errors. Past the last file, no single file is at fault.
  let at = 0;
  const archive = async function* () {
    for (const bytes of packFiles(files)) {
      yield bytes;
      at++;
    }
  };
  try {
    return await sources.ingest(archive(), options);
  } catch (error) {
    if (!(error instanceof SlipwayError) || !error.code.startsWith('source_')) throw error;
    const path = paths[at];
    throw new SlipwayError(error.code, error.message, {
      cause: error,
      errors: [{ path: `/source/files${path === undefined ? '' : pointer(path)}`, message: error.message }],
    });
  }
}

/** Returns a part of a JSON Pointer (RFC 6901). */
const pointer = (part: string) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`;
