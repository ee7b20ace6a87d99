import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A repository that real git serves. */
export interface TestRepository {
  readonly url: string;
  /** The work tree. */
  readonly folder: string;
  /** The folder that the server serves. */
  readonly bare: string;
  git(...args: string[]): string;
  /** Writes files (a text, or the target of a link), commits all, pushes, and returns the commit. */
  commit(files: Readonly<Record<string, string | { readonly link: string }>>): string;
  /**
   * Commits a link to a commit of another repository, as `git submodule add` does, pushes, and returns the commit. Without a URL
   * it is missing from `.gitmodules`.
   */
  link(path: string, commit: string, url: string | undefined): string;
}

const identity = [
  '-c',
  'user.name=Test',
  '-c',
  'user.email=test@example.com',
  '-c',
  'protocol.file.allow=always',
];

/** Creates a repository without commits. Its bare copy is `<root>/<name>.git`. */
export function createRepository(root: string, name: string, url: string): TestRepository {
  const bare = join(root, `${name}.git`);
  const folder = join(root, `${name}-work`);
  const run = (cwd: string, ...args: string[]) =>
    execFileSync('git', [...identity, ...args], {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    }).trim();
  run(root, 'init', '--quiet', '--bare', '--initial-branch=main', bare);
  run(root, 'init', '--quiet', '--initial-branch=main', folder);
  const git = (...args: string[]) => run(folder, ...args);
  return {
    url,
    folder,
    bare,
    git,
    commit(files) {
      for (const [path, content] of Object.entries(files)) {
        const target = join(folder, path);
        mkdirSync(dirname(target), { recursive: true });
        if (typeof content === 'string') writeFileSync(target, content);
        else symlinkSync(content.link, target);
        if (path.endsWith('.sh')) chmodSync(target, 0o755);
      }
      git('add', '--all', '--force');
      git('commit', '--quiet', '--message', 'change');
      git('push', '--quiet', '--force', bare, 'HEAD:main');
      return git('rev-parse', 'HEAD');
    },
    link(path, commit, url) {
      if (url !== undefined) {
        const file = join(folder, '.gitmodules');
        git('config', '--file', file, `submodule.${path}.path`, path);
        git('config', '--file', file, `submodule.${path}.url`, url);
        git('add', '.gitmodules');
      }
      git('update-index', '--add', '--cacheinfo', `160000,${commit},${path}`);
      git('commit', '--quiet', '--message', 'link');
      git('push', '--quiet', '--force', bare, 'HEAD:main');
      return git('rev-parse', 'HEAD');
    },
  };
}
