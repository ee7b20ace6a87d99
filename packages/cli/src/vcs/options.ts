import type { Command } from 'commander';
import { vcsCommit, vcsRepository } from './vcs.js';

/** Adds the options for the commit of the build. */
export const vcsOptions = (command: Command): Command =>
  command
    .option(
      '--vcs-repo <owner/name>',
      'the repository that is built, for messages to CI; default: from the environment of CI',
      vcsRepository,
    )
    .option('--vcs-sha <commit>', 'the commit that is built; default: likewise', vcsCommit)
    .option('--no-vcs', 'send no commit');
