import { type JobRequest, type JobSpec, jobRequestSchema } from '@slipway/shared/contracts';
import { repositoryPath } from '@slipway/shared/git';

/**
 * Returns the commit to report to CI: the requested one, else the commit of a git source, with the repository from the path of its
 * URL. Empty if neither names a repository with an owner.
 */
export function resolveVcs(given: JobRequest['vcs'], { git }: JobSpec['source']): Pick<JobSpec, 'vcs'> {
  if (given) return { vcs: given };
  if (!git) return {};
  const repo = repositoryPath(git.url);
  const { data: vcs } = jobRequestSchema.shape.vcs.safeParse({ repo, sha: git.commit });
  return vcs ? { vcs } : {};
}
