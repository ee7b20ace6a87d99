import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import dockerignore from '@balena/dockerignore';

export interface IgnoreRules {
  /** Whether a file or folder stays out; the path is relative to the context, with `/`. */
  ignores(path: string): boolean;
  /** Whether something in an ignored folder may still be let in again by a `!` rule. */
  readonly hasExceptions: boolean;
}

/** What the builder needs whatever the rules say, as with `docker build`. */
const always = ['Dockerfile', '.dockerignore'];

/** The rules of the context's `.dockerignore`; none when it has no such file. */
export async function readIgnoreRules(folder: string): Promise<IgnoreRules> {
  const text = await readFile(join(folder, '.dockerignore'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const rules = dockerignore.default({ ignorecase: false }).add(text);
  return {
    ignores: (path) => !always.includes(path) && rules.ignores(path),
    hasExceptions: /^\s*!/m.test(text),
  };
}
