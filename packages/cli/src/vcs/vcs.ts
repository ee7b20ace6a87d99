import type { JobRequest } from '@slipway/client';
import { InvalidArgumentError } from 'commander';
import { CommandError } from '../command-error.js';
import { exitCodes } from '../exit-codes.js';

export interface VcsOptions {
  /** False with `--no-vcs`. */
  readonly vcs: boolean;
  readonly vcsRepo?: string;
  readonly vcsSha?: string;
}

type Env = Readonly<Record<string, string | undefined>>;
type Vcs = NonNullable<JobRequest['vcs']>;

const repository = /^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)+$/;
const commit = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/;

/** Parses the value of `--vcs-repo`. */
export function vcsRepository(text: string): string {
  if (repository.test(text)) return text;
  throw new InvalidArgumentError('It must be owner/name, or group/subgroup/name.');
}

/** Parses the value of `--vcs-sha`. */
export function vcsCommit(text: string): string {
  if (commit.test(text)) return text;
  throw new InvalidArgumentError('It must be a whole commit id, in lower case.');
}

/** Variables with the commit of a run in CI systems: GitHub and compatible systems, GitLab, Jenkins. */
const systems = [
  { repo: 'GITHUB_REPOSITORY', sha: 'GITHUB_SHA' },
  { repo: 'CI_PROJECT_PATH', sha: 'CI_COMMIT_SHA' },
  { repo: undefined, sha: 'GIT_COMMIT' },
] as const;

/**
 * Returns the commit of the build, on which CI can show the job's state. The options win over well-formed variables of the CI
 * system. Returns undefined outside of CI, and with `--no-vcs`.
 */
export function vcsOf({ vcs, vcsRepo, vcsSha }: VcsOptions, env: Env): Vcs | undefined {
  const given = vcsRepo !== undefined || vcsSha !== undefined;
  if (!vcs) {
    if (given) throw usage('--no-vcs goes with neither --vcs-repo nor --vcs-sha', undefined);
    return undefined;
  }
  for (const names of systems) {
    const repo = vcsRepo ?? wellFormed(names.repo && env[names.repo], repository);
    const sha = vcsSha ?? wellFormed(env[names.sha], commit);
    if (repo !== undefined && sha !== undefined) return { repo, sha };
  }
  if (!given) return undefined;
  if (vcsRepo === undefined) {
    throw usage('--vcs-sha needs --vcs-repo: the environment names no repository', repositoryRemedy);
  }
  throw usage('--vcs-repo needs --vcs-sha: the environment names no commit', commitRemedy);
}

const repositoryRemedy = 'Add --vcs-repo owner/name, or set GITHUB_REPOSITORY or CI_PROJECT_PATH.';
const commitRemedy =
  'Add --vcs-sha "$(git rev-parse HEAD)", or set GITHUB_SHA, CI_COMMIT_SHA or GIT_COMMIT to a whole commit id.';

const wellFormed = (text: string | undefined, pattern: RegExp): string | undefined =>
  text !== undefined && text.length <= 255 && pattern.test(text) ? text : undefined;

const usage = (message: string, remedy: string | undefined) =>
  new CommandError({ message, exitCode: exitCodes.usage, ...(remedy !== undefined && { remedy }) });
