import { existsSync } from 'node:fs';

/** Returns the given stack file, else the one in the working directory. */
export const findStackFile = (given: string | undefined): string =>
  given ?? (!existsSync('stack.yaml') && existsSync('stack.yml') ? 'stack.yml' : 'stack.yaml');
