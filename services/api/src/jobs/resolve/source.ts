import type { JobRequest, JobSpec } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import type { SourceStore } from '@slipway/source';
import type { GitHeads, GitSources } from '../../git/git-sources.js';
import { archiveErrors } from '../../sources/errors.js';
import { findOwn, type OwnershipDeps, own, takeOwn } from '../../sources/ownership.js';
import type { Account } from '../../tenants/account.js';
import { storeFiles } from './inline.js';

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
