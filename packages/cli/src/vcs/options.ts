import type { Command } from 'commander';
import { vcsCommit, vcsRepository } from './vcs.js';

/** Adds the options that say which commit is built. */
export const vcsOptions = (command: Command): Command =>
  command
    .option(
      '--vcs-repo <owner/name>',
      'the repository that is built, for messages to CI; default: what CI says in the environment',
      vcsRepository,
    )
    .option('--vcs-sha <commit>', 'its commit; default: the same way', vcsCommit)
    .option('--no-vcs', 'say nothing of the commit');
