import { Option } from 'commander';

/** The options of commands that submit a batch. */

export const onFailure = (): Option =>
  new Option(
    '--on-failure <what>',
    'after the first failure continue, or cancel the jobs that have not started',
  )
    .choices(['continue', 'stop'])
    .default('continue');

export const priority = (usual: 'normal' | 'low'): Option =>
  new Option('--priority <class>', 'a higher class is built first')
    .choices(['high', 'normal', 'low'])
    .default(usual);
