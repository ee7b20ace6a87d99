import { appendFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SlipwayError, shownValue } from '../errors/index.js';
import { startGit } from './command.js';
import { gitError, gitFailure } from './failures.js';
import { asGitError, fetchCommit, git, packedBytes, type RepositoryOptions } from './fetch.js';
import { relativeUrl } from './url.js';

interface SubmodulesOptions extends RepositoryOptions {
  /** The folder of the fetched repository, which also receives the submodules. */
  readonly folder: string;
  readonly bare: string;
  readonly commit: string;
}

interface Link {
  readonly path: string;
  readonly commit: string;
}

/** Maximum of submodules per source, including nested ones. */
const maxSubmodules = 50;
/** Maximum depth of nested submodules. */
const maxDepth = 8;
/** Maximum of entries of a commit to search for submodules. */
const maxEntries = 1_000_000;
const maxListBytes = 256 * 1024;
const namedAtMost = 10;

/** Returns true if one of the paths lies in the other. */
const meet = (one: string, other: string) =>
  one === other || other === '' || one.startsWith(`${other}/`) || other.startsWith(`${one}/`);

function undecided(links: readonly Link[]): SlipwayError {
  const names = links.slice(0, namedAtMost).map(({ path }) => shownValue(path));
  const more = links.length > namedAtMost ? ` and ${links.length - namedAtMost} more` : '';
  return gitError(
    'git_submodules_undecided',
    `The folder has the submodules ${names.join(', ')}${more}; set submodules to true to fetch them, or to false to leave them out.`,
    'submodules',
  );
}

interface Parent {
  readonly bare: string;
  readonly commit: string;
  readonly href: string;
  /** The path in the repository; empty for the repository itself. */
  readonly at: string;
  readonly depth: number;
}

/** The requested folder, and the state of its submodule fetches. */
interface Wanted {
  readonly path: string;
  readonly stopping: AbortSignal;
  count: number;
}

/** The submodules of one fetched repository, each fetched once for all folders. */
export class Submodules {
  readonly #options: SubmodulesOptions;
  /** Bare repositories by URL and commit. */
  readonly #fetched = new Map<string, string>();
  #bytes = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: SubmodulesOptions) {
    this.#options = options;
  }

  /**
   * Returns a tree of the commit that contains the files of the folder's submodules. Fetches each submodule at its recorded commit
   * from the URL in `.gitmodules`, under the checks, credentials and limits of the repository itself; all packs count together.
   * Returns the commit if the folder has no submodules. Throws `git_submodules_undecided` if `isWanted` is false,
   * `git_submodule_invalid`, and errors of a fetch.
   */
  async tree(path: string, isWanted: boolean): Promise<string> {
    const { bare, commit, stopping } = this.#options;
    const all = await gitlinks(bare, commit, this.#options);
    const links = all.filter((link) => meet(link.path, path));
    if (links.length === 0) return commit;
    if (!isWanted) throw undecided(links);
    // All builds share the repository's index.
    const built = this.#last.then(() => this.#build(links, { path, stopping, count: 0 }));
    this.#last = built.catch(() => undefined);
    return await built;
  }

  async #build(links: readonly Link[], given: Wanted): Promise<string> {
    const { bare, commit, url, config } = this.#options;
    const late = gitError(
      'git_timed_out',
      'Fetching the submodules took longer than its time limit.',
      'submodules',
    );
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(late), config.timeoutMs);
    const wanted = { ...given, stopping: AbortSignal.any([given.stopping, deadline.signal]) };
    try {
      if (this.#fetched.size === 0) this.#bytes = await packedBytes(bare);
      await this.#index('read-tree', commit);
      await this.#lay({ bare, commit, href: url.href, at: '', depth: 1 }, links, wanted);
      return (await this.#index('write-tree')).trim();
    } finally {
      clearTimeout(timer);
    }
  }

  /** Adds the files of submodules to the index, then those of their own submodules. */
  async #lay(parent: Parent, links: readonly Link[], wanted: Wanted): Promise<void> {
    const urls = await submoduleUrls(parent.bare, parent.commit, this.#options);
    for (const link of links) {
      const place = parent.at === '' ? link.path : `${parent.at}/${link.path}`;
      if (parent.depth > maxDepth) throw invalid(place, `lies more than ${maxDepth} submodules deep`);
      if (++wanted.count > maxSubmodules) throw invalid(place, `is one of more than ${maxSubmodules}`);
      const given = urls.get(link.path);
      if (given === undefined) throw invalid(place, 'has no URL in .gitmodules');
      const href = absolute(given, parent.href, place);
      const bare = await this.#fetch(href, link.commit, { place, stopping: wanted.stopping });
      await this.#index('update-index', '--force-remove', '--', place);
      await this.#index('read-tree', `--prefix=${place}/`, link.commit);
      const own = await gitlinks(bare, link.commit, this.#options);
      const inner = own.filter(({ path }) => meet(`${place}/${path}`, wanted.path));
      if (inner.length > 0) {
        await this.#lay(
          { bare, commit: link.commit, href, at: place, depth: parent.depth + 1 },
          inner,
          wanted,
        );
      }
    }
  }

  /**
   * Returns the bare repository that holds a submodule at a commit. It has its own objects, so that its server learns nothing of
   * other repositories.
   */
  async #fetch(
    href: string,
    commit: string,
    { place, stopping }: { readonly place: string; readonly stopping: AbortSignal },
  ): Promise<string> {
    const key = JSON.stringify([href, commit]);
    const there = this.#fetched.get(key);
    if (there !== undefined) return there;
    const { bare: main, folder, maxBytes } = this.#options;
    const bare = await mkdtemp(join(folder, 'sub-'));
    try {
      const checked = await this.#options.check(href);
      const limits = { maxBytes: maxBytes - this.#bytes, stopping };
      await fetchCommit(bare, { ...this.#options, ...checked, ...limits, name: commit, ref: commit });
    } catch (error) {
      await rm(bare, { recursive: true, force: true });
      if (!(error instanceof SlipwayError)) throw error;
      throw gitError(error.code, `The submodule ${shownValue(place)}: ${error.message}`, 'submodules');
    }
    this.#bytes += await packedBytes(bare);
    await appendFile(join(main, 'objects/info/alternates'), `${join(bare, 'objects')}\n`);
    this.#fetched.set(key, bare);
    return bare;
  }

  async #index(...args: string[]): Promise<string> {
    const { bare, folder } = this.#options;
    // Git changes an index only beside a work tree. This one stays empty.
    const workTree = join(folder, 'index');
    await mkdir(workTree, { recursive: true });
    const own = ['--git-dir', bare, '--work-tree', workTree];
    return (await git([...own, ...args], folder, this.#options)).stdout;
  }
}

/**
 * Returns the URL of a submodule. A relative one resolves against its parent's URL, and stays on that host. A `file:` URL is
 * refused if the parent came over the network.
 */
function absolute(given: string, parent: string, place: string): string {
  const href = /^\.\.?\//.test(given) ? relativeUrl(given, parent) : given;
  if (href === undefined) throw invalid(place, 'has a URL that leads out of its host');
  if (/^file:/i.test(href) && !parent.startsWith('file:')) throw invalid(place, 'has the URL of a file');
  return href;
}

const invalid = (place: string, message: string) =>
  gitError('git_submodule_invalid', `The submodule ${shownValue(place)} ${message}.`, 'submodules');

/** Returns the submodules of a commit: path and commit. */
async function gitlinks(bare: string, commit: string, options: SubmodulesOptions): Promise<Link[]> {
  const links: Link[] = [];
  let entries = 0;
  const args = ['--git-dir', bare, 'ls-tree', '-r', '-z', '--full-tree', commit];
  await eachPart(args, options, (entry) => {
    if (++entries > maxEntries) {
      throw gitError('source_too_many_files', `The commit has more than ${maxEntries} entries.`, 'url');
    }
    const [, id, path] = /^160000 commit ([0-9a-f]+)\t([\s\S]*)$/.exec(entry) ?? [];
    if (id !== undefined && path !== undefined) links.push({ path, commit: id });
  });
  return links;
}

/** Returns the URLs in `.gitmodules` by path. */
async function submoduleUrls(
  bare: string,
  commit: string,
  options: SubmodulesOptions,
): Promise<Map<string, string>> {
  const sections = new Map<string, { path?: string; url?: string }>();
  let bytes = 0;
  const pattern = '^submodule\\..*\\.(path|url)$';
  const args = [
    '--git-dir',
    bare,
    'config',
    '--blob',
    `${commit}:.gitmodules`,
    '-z',
    '--get-regexp',
    pattern,
  ];
  const take = (entry: string) => {
    bytes += entry.length;
    if (bytes > maxListBytes) throw invalid('.gitmodules', `lists more than ${maxListBytes} bytes`);
    const [, name = '', field = '', value = ''] =
      /^submodule\.([\s\S]*)\.(path|url)\n([\s\S]*)$/.exec(entry) ?? [];
    sections.set(name, { ...sections.get(name), [field]: value });
  };
  await eachPart(args, options, take, () => undefined);
  return new Map(
    [...sections.values()].flatMap(({ path, url }) => (path && url ? [[path, url] as const] : [])),
  );
}

/** Calls `take` with each part of git's output; zero bytes separate the parts. */
async function eachPart(
  args: readonly string[],
  { folder, config, stopping, url }: SubmodulesOptions,
  take: (part: string) => void,
  onFailure: (error: SlipwayError) => void = (error) => {
    throw error;
  },
): Promise<void> {
  const timeout = AbortSignal.timeout(config.timeoutMs);
  const left = new AbortController();
  const signal = AbortSignal.any([stopping, timeout, left.signal]);
  const { stdout, ended } = startGit({ args, cwd: folder, config, signal });
  stdout.setEncoding('utf8');
  try {
    let rest = '';
    for await (const chunk of stdout) {
      const parts = (rest + String(chunk)).split('\0');
      rest = parts.pop() ?? '';
      for (const part of parts) take(part);
    }
    const exit = await ended;
    if (exit.code !== 0) onFailure(gitFailure(exit, { url: url.href }));
  } catch (error) {
    throw asGitError(error, timeout);
  } finally {
    left.abort();
  }
}
