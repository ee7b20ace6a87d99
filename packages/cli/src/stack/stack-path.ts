import { existsSync } from 'node:fs';

/** The stack file that was named, else the one that lies here. */
export const findStackFile = (given: string | undefined): string =>
  given ?? (!existsSync('stack.yaml') && existsSync('stack.yml') ? 'stack.yml' : 'stack.yaml');
