import type { JobRequest, JobSpec } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import type { SourceStore } from '@slipway/shared/source';
import type { GitHeads, GitSources } from '../../git/git-sources.js';
import { storeFiles } from './inline.js';

export interface ResolveSourceDeps {
  readonly sources: Pick<SourceStore, 'find' | 'ingest'>;
  readonly git: Pick<GitSources, 'take'>;
}

/** What `resolveSource` may throw, besides what any archive may be refused for. */
export const sourceErrors = [
  'source_not_found',
  'source_path_unsafe',
  'source_too_large',
  'git_url_invalid',
  'git_ref_not_found',
  'git_path_not_found',
  'git_unauthorized',
  'git_unreachable',
  'git_timed_out',
  'git_busy',
] as const;

/**
 * The digest of what is to be built, stored. `heads` is shared by what is resolved for one request, so that a branch is one
 * commit for all of it. Throws `source_*` and `git_*`; the field errors begin at the request.
 */
export async function resolveSource(
  source: JobRequest['source'],
  { sources, git }: ResolveSourceDeps,
  heads?: GitHeads,
): Promise<JobSpec['source']> {
  if ('git' in source) return await git.take(source.git, heads);
  if ('files' in source) return { digest: await storeFiles(source.files, sources) };
  if (await sources.find(source.digest)) return source;
  throw new SlipwayError('source_not_found', `There is no source ${source.digest}.`, {
    errors: [{ path: '/source/digest', message: 'names no source that was uploaded' }],
  });
}
