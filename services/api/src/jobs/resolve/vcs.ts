import { type JobRequest, type JobSpec, jobRequestSchema } from '@slipway/shared/contracts';
import { repositoryPath } from '@slipway/shared/git';

/**
 * The commit that CI is told of: what was asked for, else that of a git source, whose repository is named by the path of its URL.
 * Empty where neither names one, as for a repository without an owner.
 */
export function resolveVcs(given: JobRequest['vcs'], { git }: JobSpec['source']): Pick<JobSpec, 'vcs'> {
  if (given) return { vcs: given };
  if (!git) return {};
  const repo = repositoryPath(git.url);
  const { data: vcs } = jobRequestSchema.shape.vcs.safeParse({ repo, sha: git.commit });
  return vcs ? { vcs } : {};
}
