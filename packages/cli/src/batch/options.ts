import { Option } from 'commander';

/** The options of commands that submit a batch. */

export const onFailure = (): Option =>
  new Option('--on-failure <what>', 'after the first failure go on, or cancel what has not begun')
    .choices(['continue', 'stop'])
    .default('continue');

export const priority = (usual: 'normal' | 'low'): Option =>
  new Option('--priority <class>', 'a higher class goes first')
    .choices(['high', 'normal', 'low'])
    .default(usual);
