import { onFailureChoices, priorityClasses } from '@slipway/shared/contracts';
import { Option } from 'commander';

/** The options of commands that submit a batch. */

export const onFailure = (): Option =>
  new Option(
    '--on-failure <what>',
    'after the first failure continue, or cancel the jobs that have not started',
  )
    .choices([...onFailureChoices])
    .default('continue');

export const priority = (usual: 'normal' | 'low'): Option =>
  new Option('--priority <class>', 'a higher class is built first')
    .choices([...priorityClasses])
    .default(usual);
