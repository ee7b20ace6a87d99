import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runForOutput } from '@slipway/shared/processes';
import { CommandError } from '../command-error.js';
import { exitCodes } from '../exit-codes.js';

export const tagModes = ['latest', 'sha', 'branch', 'describe', 'digest'] as const;
export type TagMode = (typeof tagModes)[number];

interface ImageName {
  /** The image as written in the stack.yaml. */
  readonly image: string;
  readonly mode: TagMode;
  readonly handler: string;
  readonly git: GitFacts;
}

/** Returns the image of a function in a tag mode, as `faas-cli --tag` names it. */
export async function imageName({ image, mode, handler, git }: ImageName): Promise<string> {
  const named = /:[^/]*$/.test(image) ? image : `${image}:latest`;
  switch (mode) {
    case 'latest':
      return named;
    case 'sha':
      return `${named}-${await git.sha()}`;
    case 'branch':
      return `${named}-${await git.branch()}-${await git.sha()}`;
    case 'describe':
      return `${named}-${await git.describe()}`;
    case 'digest':
      return withTag(named, await folderHash(handler));
  }
}

/** Returns the same repository with another tag. `named` has a tag. */
export const withTag = (named: string, tag: string): string =>
  `${named.slice(0, named.lastIndexOf(':'))}:${tag}`;

export interface GitFacts {
  sha(): Promise<string>;
  branch(): Promise<string>;
  describe(): Promise<string>;
}

/** Returns facts from git about a folder. Each command runs once, on first use. */
export function gitFacts(folder: string): GitFacts {
  const asked = new Map<string, Promise<string>>();
  const ask = (...args: string[]) => {
    const key = args.join(' ');
    const answer = asked.get(key) ?? git(folder, args);
    asked.set(key, answer);
    return answer;
  };
  return {
    sha: () => ask('rev-parse', '--short', 'HEAD'),
    branch: () => ask('rev-parse', '--symbolic-full-name', '--abbrev-ref', 'HEAD'),
    describe: () => ask('describe', '--tags', '--always'),
  };
}

async function git(cwd: string, args: readonly string[]): Promise<string> {
  const child = { command: 'git', args, cwd, env: process.env, killGraceMs: 0 };
  const { code, stdout, stderr } = await runForOutput({ ...child, maxOutputBytes: 16 * 1024 }).catch(() => {
    throw noFacts('git is not installed');
  });
  if (code !== 0) throw noFacts(`git ${args[0]}: ${stderr.toString().trim()}`);
  return stdout.toString().trimEnd();
}

const noFacts = (message: string) =>
  new CommandError({
    message,
    remedy: 'The tags sha, branch and describe need a git repository that has a commit.',
    exitCode: exitCodes.usage,
  });

/** Returns the MD5 over the MD5 of every file, ordered by path, without links. */
async function folderHash(folder: string): Promise<string> {
  const files: string[] = [];
  const visit = async (below: string): Promise<void> => {
    for (const entry of await readdir(join(folder, below), { withFileTypes: true })) {
      const path = join(below, entry.name);
      if (entry.isDirectory()) await visit(path);
      else if (entry.isFile()) files.push(path);
    }
  };
  await visit('');
  const all = createHash('md5');
  for (const path of files.sort()) {
    all.update(
      createHash('md5')
        .update(await readFile(join(folder, path)))
        .digest('hex'),
    );
  }
  return all.digest('hex');
}
